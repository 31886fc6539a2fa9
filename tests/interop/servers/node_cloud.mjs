// A voice service on node's http2, in the clear. Prints its port.
// The first part of the path says how it answers events: see `answers`.
import http2 from "node:http2";

const ENOUGH = 16000;
const json = "Content-Type: application/json\r\n\r\n";
const delimiter = "\r\n--node-says\r\n";
const multipart = { ":status": 200, "content-type": "multipart/related; boundary=node-says" };
let downchannel = null;

const directive = (name, payload = {}) =>
  JSON.stringify({ directive: { header: { namespace: "Node", name }, payload } });

// A part is followed by the next delimiter at once, as such services do it.
const say = (stream, text) => stream.write(json + text + delimiter);

function listen(stream) {
  downchannel = stream;
  stream.respond(multipart);
  stream.write(delimiter);
  say(stream, "{}\r\n");
}

// Speaks in three pieces, some time apart.
function speak(stream, heard) {
  stream.respond(multipart);
  stream.write(`--node-says\r\n${json}${directive("Speak", { url: "cid:speech" })}`);
  stream.write(`${delimiter}Content-ID: <speech>\r\nContent-Type: application/octet-stream\r\n\r\n`);
  stream.write("one ");
  setTimeout(() => stream.write("two "), 20);
  setTimeout(() => stream.end(`${heard} bytes\r\n--node-says--\r\n`), 40);
}

function refuse(stream) {
  stream.respond({ ":status": 403, "content-type": "application/json" });
  stream.end('{"code": "UNAUTHORIZED_REQUEST_EXCEPTION"}');
}

function babble(stream) {
  stream.respond({ ":status": 200, "content-type": "text/html" });
  stream.end("<h1>It works!</h1>");
}

function breakOff(stream) {
  stream.respond(multipart);
  stream.write(`--node-says\r\n${json}{"direc`);
  setTimeout(() => stream.session?.destroy(), 20);
}

const nothing = (stream) => { stream.respond({ ":status": 204 }, { endStream: true }); };

const die = () => {};

const answers = { speak, refuse, babble, breakOff, nothing, die };

// Reads the sound, and has it stopped when there is enough of it.
function hear(stream, how) {
  let heard = 0;
  let metadata = "";
  stream.on("data", (chunk) => {
    metadata += metadata.length < 1000 ? chunk.toString("latin1") : "";
    const before = heard;
    heard += chunk.length;
    if (before < ENOUGH && heard >= ENOUGH) say(downchannel, directive("StopCapture"));
    if (how === "die" && heard >= ENOUGH) stream.session?.destroy();
  });
  stream.on("end", () => {
    const answer = metadata.includes("SynchronizeState") ? nothing : answers[how];
    answer(stream, heard);
  });
}

const server = http2.createServer();
server.on("stream", (stream, headers) => {
  stream.on("error", () => {});
  const [, how, path] = headers[":path"].split("/");
  if (path === "directives") listen(stream);
  else hear(stream, how);
});
server.on("sessionError", () => {});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
