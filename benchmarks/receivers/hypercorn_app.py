"""hypercorn with an ASGI application on the PyPI package multipart.

python hypercorn_app.py PORT FOLDER [CERTIFICATE KEY]
"""

import asyncio
import sys
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config
from multipart import MultipartSegment, PushMultipartParser, parse_options_header

port, folder, *pem = sys.argv[1:]


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    headers = dict(scope["headers"])
    _, options = parse_options_header(headers[b"content-type"].decode())
    size, file, more = 0, None, True
    with PushMultipartParser(options["boundary"]) as parser:
        while more:
            message = await receive()
            more = message.get("more_body", False)
            for item in parser.parse(message["body"]):
                if isinstance(item, MultipartSegment):
                    file = (Path(folder) / "upload.bin").open("wb", buffering=0)
                elif item:
                    size += file.write(item)
                else:
                    file.close()
    body = str(size).encode()
    head = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})


config = Config()
config.bind = [f"127.0.0.1:{port}"]
if pem:
    config.certfile, config.keyfile = pem
config.accesslog = None
config.loglevel = "error"
asyncio.run(serve(app, config))
