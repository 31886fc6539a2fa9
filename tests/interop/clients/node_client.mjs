// node's http2 as a client. Arguments: what to do, URL, file with the authority's
// certificate (or "-"), size. Prints one line of JSON.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http2 from "node:http2";

const [what, address, trust, size] = process.argv.slice(2);
const url = new URL(address);
const BOUNDARY = "----node";
const CHUNK = Buffer.alloc(50_000, "node and its streams, ");

const options = trust === "-" ? {} : { ca: readFileSync(trust) };
const session = http2.connect(url.origin, options);

function* pieces(length) {
  for (let left = length; left > 0; left -= CHUNK.length)
    yield CHUNK.subarray(0, Math.min(left, CHUNK.length));
}

// Writes at the pace of the server; tells how often it had to wait for it.
async function send(stream, chunks) {
  let waits = 0;
  for (const chunk of chunks) {
    if (stream.writableEnded || stream.destroyed) break;
    if (stream.write(chunk)) continue;
    waits += 1;
    await Promise.race([once(stream, "drain"), once(stream, "close")]);
  }
  if (!stream.destroyed) stream.end();
  return waits;
}

// The answer, whatever is still to be sent.
async function answer(stream) {
  let text = "";
  stream.setEncoding("utf-8").on("data", (chunk) => (text += chunk));
  const [headers] = await once(stream, "response");
  if (!stream.readableEnded) await once(stream, "end");
  return { status: headers[":status"], text, reset: stream.rstCode };
}

async function exchange(headers, chunks, more = {}) {
  const stream = session.request({ ":path": url.pathname, ...headers }, more);
  stream.on("error", () => {});
  if (more.waitForTrailers)
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-after": "all sent" }));
  const [answered, waits] = await Promise.all([answer(stream), send(stream, chunks)]);
  return { ...answered, waits };
}

const sum = (chunks) => {
  const digest = createHash("sha256");
  for (const chunk of chunks) digest.update(chunk);
  return digest.digest("hex");
};

function* form(length) {
  const start = `--${BOUNDARY}\r\nContent-Disposition: form-data; name=`;
  yield Buffer.from(`${start}"by"\r\n\r\nnode\r\n`);
  yield Buffer.from(`${start}"file"; filename="node.bin"\r\n\r\n`);
  yield* pieces(length);
  yield Buffer.from(`\r\n--${BOUNDARY}--\r\n`);
}

const multipart = {
  ":method": "POST",
  "content-type": `multipart/form-data; boundary=${BOUNDARY}`,
};

const put = (name) => ({ ":method": "PUT", ":path": url.pathname + name });

const deeds = {
  form: () => exchange(multipart, form(Number(size))),
  trailers: () =>
    exchange(put("trailers"), pieces(Number(size)), { waitForTrailers: true }),
  put: () => exchange(put("put"), pieces(Number(size))),
  fifty: () => Promise.all(
    [...Array(50).keys()].map((n) => exchange(put(`put${n}`), pieces(Number(size))))),
};

const answers = await deeds[what]();
console.log(JSON.stringify({ sha256: sum(pieces(Number(size))), answers }));
session.destroy();
