// A server for tests of clients: node's http2, over TLS and in the clear.
// Arguments: certificate, key, folder of files, settings as JSON. Prints the two
// ports, TLS first.
import { createHash } from "node:crypto";
import { createReadStream, readFileSync, statSync } from "node:fs";
import http2 from "node:http2";
import path from "node:path";

const [certificate, key, folder, settings] = process.argv.slice(2);
const LIMIT = 1 << 20;
const { NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM } = http2.constants;
const seen = new Set();

function answer(stream, status, text, headers = {}) {
  if (stream.destroyed) return;
  if (!stream.headersSent) stream.respond({ ":status": status, ...headers });
  stream.end(text);
}

function sum(stream, then) {
  const digest = createHash("sha256");
  let size = 0;
  stream.on("data", (chunk) => {
    digest.update(chunk);
    size += chunk.length;
  });
  stream.on("end", () => then(`${digest.digest("hex")} ${size}\n`));
}

// Says all it has to say, and then that it wants no more (RFC 9113 section 8.1).
function refuse(stream, text) {
  stream.removeAllListeners("data");
  stream.pause();
  stream.once("finish", () => stream.close(NGHTTP2_NO_ERROR));
  answer(stream, 413, text, { "content-type": "text/plain" });
}

// Answers with the sum and size of what came.
const upload = (stream) => sum(stream, (text) => answer(stream, 200, text));

// Refuses in the middle what is longer than the limit.
function limited(stream) {
  let size = 0;
  upload(stream);
  stream.on("data", (chunk) => {
    size += chunk.length;
    if (size > LIMIT) refuse(stream, "too large, says node\n");
  });
}

// Trailers of its own, and the request's, each as "echo-" and its name.
function trailers(stream) {
  const theirs = {};
  stream.on("trailers", (headers) => {
    for (const [name, value] of Object.entries(headers)) theirs[`echo-${name}`] = value;
  });
  stream.on("wantTrailers", () =>
    stream.sendTrailers({ "x-after": "all said", ...theirs }));
  sum(stream, (text) => {
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.end(text);
  });
}

// Resets the first request for each URL with the code that a server has not begun it.
function refuseOnce(stream, headers) {
  const url = headers[":path"];
  if (seen.has(url)) return upload(stream);
  seen.add(url);
  stream.close(NGHTTP2_REFUSED_STREAM);
}

// Serves this request and says GOAWAY; what comes after goes to another connection.
function goaway(stream) {
  upload(stream);
  stream.session.goaway(NGHTTP2_NO_ERROR, stream.id);
}

// Ends the connection of the first request for each URL, with a GOAWAY that says that
// streams beyond ?last= were not begun; 0, or none, is the last that was begun.
function goawayOnce(stream, headers, url) {
  if (seen.has(url.href)) return upload(stream);
  seen.add(url.href);
  const { session } = stream;
  session.goaway(NGHTTP2_NO_ERROR, Number(url.searchParams.get("last") ?? 0));
  setImmediate(() => session.destroy());
}

// Settings from now on, as ?maxConcurrentStreams=1, for this connection.
function change(stream, headers, url) {
  const numbers = [...url.searchParams].map(([name, value]) => [name, Number(value)]);
  stream.session.settings(Object.fromEntries(numbers));
  upload(stream);
}

function informational(stream) {
  stream.additionalHeaders({ ":status": 103, link: "</style.css>; rel=preload" });
  upload(stream);
}

function redirect(stream, headers, url) {
  const code = Number(url.searchParams.get("code"));
  answer(stream, code, "elsewhere\n", { location: url.searchParams.get("to") });
}

function file(stream, headers, url) {
  const name = path.join(folder, url.pathname);
  stream.respond({ ":status": 200, "content-length": statSync(name).size });
  createReadStream(name).pipe(stream);
}

const handlers = {
  "/limited/": limited,
  "/upload/": upload,
  "/expect": upload,
  "/refused": (stream) => refuse(stream, "too large, says node at once\n"),
  "/trailers": trailers,
  "/slow": (stream) => stream.pause(),
  "/early": (stream) => stream.respond({ ":status": 200 }) ?? stream.write("early\n"),
  "/refuse": refuseOnce,
  "/goaway-once": goawayOnce,
  "/goaway": goaway,
  "/settings": change,
  "/informational": informational,
  "/redirect": redirect,
  "/small": file,
  "/large": file,
};

const unread = new Set(["/refused", "/slow", "/early", "/redirect"]);

function serve(stream, headers) {
  stream.on("error", (error) => console.error(headers[":path"], error.message));
  const url = new URL(headers[":path"], "http://here");
  const path = Object.keys(handlers).find((path) => url.pathname.startsWith(path));
  if (path === undefined) return answer(stream, 404, "not found\n");
  const waits = headers.expect === "100-continue" && !unread.has(path);
  if (waits) stream.additionalHeaders({ ":status": 100 });
  handlers[path](stream, headers, url);
}

function listen(server) {
  server.on("stream", serve);
  server.on("sessionError", (error) => console.error("session", error.message));
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
}

const options = { settings: JSON.parse(settings) };
const pair = { key: readFileSync(key), cert: readFileSync(certificate) };
const secure = http2.createSecureServer({ ...options, ...pair, allowHTTP1: false });
console.log(await listen(secure), await listen(http2.createServer(options)));
