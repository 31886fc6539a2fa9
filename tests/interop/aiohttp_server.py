"""A server of aiohttp's, to be run by itself: it tells what it has understood as JSON.

``/multipart`` goes through the parts of the body as aiohttp's reader gives them,
``/post`` through the form that its ``request.post()`` makes of it.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any

from aiohttp import MultipartReader, web


async def read_part(part: Any) -> dict[str, Any]:
    headers = {name.lower(): value for name, value in part.headers.items()}
    told: dict[str, Any] = {"headers": headers, "name": part.name}
    told["filename"] = part.filename
    kind = headers.get("content-type", "").partition(";")[0]
    if headers.get("content-encoding") == "deflate":
        # aiohttp takes "deflate" for the bare stream; RFC 9110 section 8.4.1.2 has it
        # in zlib's format, which Python reads.
        data = zlib.decompress(bytes(await part.read()))
    elif kind == "application/json":
        return told | {"json": await part.json()}
    elif kind == "application/x-www-form-urlencoded":
        return told | {"form": await part.form()}
    else:
        data = bytes(await part.read(decode=True))
    return told | {"data": base64.b64encode(data).decode()}


async def read_parts(reader: Any) -> list[Any]:
    told: list[Any] = []
    async for part in reader:
        nested = isinstance(part, MultipartReader)
        told.append(await (read_parts(part) if nested else read_part(part)))
    return told


async def multipart(request: web.Request) -> web.Response:
    told = await read_parts(await request.multipart())
    return web.json_response(told)


async def post(request: web.Request) -> web.Response:
    told: list[list[Any]] = []
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            data = base64.b64encode(value.file.read()).decode()
            told.append([name, value.filename, value.content_type, data])
        else:
            told.append([name, value])
    return web.json_response(told)


async def started(app: web.Application) -> web.AppRunner:
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    return runner


def main() -> None:
    import asyncio

    app = web.Application(client_max_size=1 << 26)
    app.add_routes([web.post("/multipart", multipart), web.post("/post", post)])
    loop = asyncio.new_event_loop()
    loop.run_until_complete(started(app))
    loop.run_forever()


if __name__ == "__main__":
    main()
