// Takes events on node's http2 and tells when each frame of sound was here. A frame of
// 320 bytes begins with a mark and the time at which it was written, of the clock that
// Python calls time.monotonic_ns: it is the same one on Linux. Prints its port; answers
// with the delays, in microseconds.
import http2 from "node:http2";

const [MARK, SIZE] = [Buffer.from("frame of sound: "), 320];

function hear(stream) {
  const delays = [];
  let rest = Buffer.alloc(0);
  stream.on("data", (chunk) => {
    const now = process.hrtime.bigint();
    rest = Buffer.concat([rest, chunk]);
    for (let at; (at = rest.indexOf(MARK)) >= 0 && rest.length >= at + SIZE;) {
      const written = rest.readBigUInt64BE(at + MARK.length);
      delays.push(Number((now - written) / 1000n));
      rest = rest.subarray(at + SIZE);
    }
  });
  stream.on("end", () => {
    stream.respond({ ":status": 200, "content-type": "application/json" });
    stream.end(JSON.stringify(delays));
  });
}

const server = http2.createServer();
server.on("stream", hear);
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
