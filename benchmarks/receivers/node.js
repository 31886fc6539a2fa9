// node with busboy: node node.js PORT FOLDER [CERTIFICATE KEY]
const fs = require('fs');
const busboy = require('busboy');
const [port, folder, certificate, key] = process.argv.slice(2);

function upload(request, response) {
  const form = busboy({ headers: request.headers });
  form.on('file', (name, file) => {
    const output = fs.createWriteStream(`${folder}/upload.bin`);
    output.on('finish', () => response.end(String(output.bytesWritten)));
    file.pipe(output);
  });
  request.pipe(form);
}

let server;
if (process.env.PROTOCOL === 'http1') {
  server = certificate
    ? require('https').createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) }, upload)
    : require('http').createServer(upload);
} else {
  server = certificate
    ? require('http2').createSecureServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key), allowHTTP1: true }, upload)
    : require('http2').createServer(upload);
}
server.listen(Number(port), '127.0.0.1');
