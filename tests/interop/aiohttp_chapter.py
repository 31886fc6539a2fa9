"""A server of aiohttp's with what its multipart chapter talks about. Prints its URL.

And ``python aiohttp_chapter.py URL``: its client, which watches a stream of pictures.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from typing import Any

import aiohttp
from aiohttp import web

LARGE = bytes(range(256)) * 4096


async def documents(request: web.Request) -> web.Response:
    """As CouchDB gives them: a JSON document, then a multipart of its attachments."""
    with aiohttp.MultipartWriter("mixed") as body:
        for number in range(3):
            body.append_json({"_id": number})
            with aiohttp.MultipartWriter("related") as attachments:
                for name in range(number):
                    attachments.append(f"attachment {name} of {number}")
            body.append(attachments)
    return web.Response(body=body)


async def files(request: web.Request) -> web.Response:
    """Some files among other things."""
    with aiohttp.MultipartWriter("mixed") as body:
        body.append_json({"about": "files"})
        for name in ("skipped.bin", "wanted.bin", "later.bin"):
            part = body.append(LARGE)
            part.set_content_disposition("attachment", filename=name)
        body.append("first line\nsecond line\nthird")
    return web.Response(body=body)


async def plain(request: web.Request) -> web.Response:
    """Takes a multipart, and tells the fields of each part and of the whole."""
    reader: Any = await request.multipart()
    parts = []
    while (part := await reader.next()) is not None:
        data = await part.read(decode=True)
        sum_ = hashlib.sha256(data).hexdigest()
        parts.append([sorted(name.lower() for name in part.headers), sum_])
    lengths = request.headers.getall("Content-Length", [])
    return web.json_response({"parts": parts, "lengths": lengths})


async def serve() -> None:
    """Until it is ended."""
    app = web.Application(client_max_size=1 << 30)
    app.router.add_get("/documents", documents)
    app.router.add_get("/files", files)
    app.router.add_post("/plain", plain)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(f"http://{host}:{port}", flush=True)
    await asyncio.Event().wait()


async def watch(url: str) -> None:
    """Print three pictures; the stream has more, and no end."""
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        reader: Any = aiohttp.MultipartReader.from_response(response)
        for _ in range(3):
            part = await reader.next()
            print(part.headers["Content-Type"], await part.text(), flush=True)


if __name__ == "__main__":
    asyncio.run(watch(sys.argv[1]) if len(sys.argv) > 1 else serve())
