"""aiohttp, by its multipart reader.

python aiohttp_app.py PORT FOLDER [CERTIFICATE KEY]
"""

import ssl
import sys
from pathlib import Path

from aiohttp import web

port, folder, *pem = sys.argv[1:]


async def upload(request):
    size = 0
    async for part in await request.multipart():
        with (Path(folder) / "upload.bin").open("wb", buffering=0) as file:
            while chunk := await part.read_chunk(256 << 10):
                size += file.write(chunk)
    return web.Response(text=str(size))


context = None
if pem:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*pem)
app = web.Application(client_max_size=1 << 40)
app.add_routes([web.post("/", upload)])
web.run_app(app, host="127.0.0.1", port=int(port), ssl_context=context, print=None)
