"""Programs that send multipart bodies, written as their libraries' users write them."""

#: Each sends to the URL it is given and prints the answer.
AIOHTTP_WRITER = """
import asyncio, sys
import aiohttp

async def main(url):
    with aiohttp.MultipartWriter("mixed") as body:
        body.append("text with ž")
        body.append_json({"key": ["ž", 1]})
        body.append_form([("a", "1"), ("b", "ž &")])
        body.append("zipped " * 1000, {"Content-Encoding": "gzip"})
        body.append("deflated " * 1000, {"Content-Encoding": "deflate"})
        body.append(bytes(range(256)), {"Content-Transfer-Encoding": "base64"})
        body.append("šťáva = 1\\r\\n", {"Content-Transfer-Encoding": "quoted-printable"})
        body.append("both " * 1000, {"Content-Encoding": "gzip",
                                     "Content-Transfer-Encoding": "base64"})
        with aiohttp.MultipartWriter("related") as inner:
            inner.append("inner")
            inner.append_json([1])
        body.append(inner)
    async with aiohttp.ClientSession() as session:
        async with session.post(url, data=body) as answer:
            print(await answer.text())

asyncio.run(main(sys.argv[1]))
"""

AIOHTTP_FORM = """
import asyncio, io, sys
import aiohttp

async def main(url):
    form = aiohttp.FormData()
    form.add_field("text", "ž")
    form.add_field("photo", io.BytesIO(bytes(range(256)) * 999), filename="a.jpg",
                   content_type="image/jpeg")
    async with aiohttp.ClientSession() as session:
        async with session.post(url, data=form) as answer:
            print(await answer.text())

asyncio.run(main(sys.argv[1]))
"""

TOOLBELT = """
import io, sys
import requests
from requests_toolbelt import MultipartEncoder

photo = io.BytesIO(bytes(range(256)) * 999)
body = MultipartEncoder([("text", "ž"), ("photo", ("a.jpg", photo, "image/jpeg"))])
print(requests.post(sys.argv[1], data=body, headers={"Content-Type": body.content_type}).text)
"""

REQUESTS = """
import sys
import requests

photo = ("a.jpg", bytes(range(256)) * 999, "image/jpeg")
print(requests.post(sys.argv[1], data={"text": "ž"}, files={"photo": photo}).text)
"""

HTTPX = """
import sys
import httpx

photo = ("a.jpg", bytes(range(256)) * 999, "image/jpeg")
print(httpx.post(sys.argv[1], data={"text": "ž"}, files={"photo": photo}).text)
"""

#: Prints its URL; /mixed answers with parts of every kind, /replace with frames, one
#: more whenever /next is asked for.
AIOHTTP_SERVER = """
import asyncio
import aiohttp
from aiohttp import web

async def mixed(request):
    with aiohttp.MultipartWriter("mixed") as body:
        body.append("text with ž")
        body.append("zipped " * 1000, {"Content-Encoding": "gzip"})
        body.append(bytes(range(256)), {"Content-Transfer-Encoding": "base64"})
        with aiohttp.MultipartWriter("related") as inner:
            inner.append_json({"inner": True})
            inner.append("attached")
        body.append(inner)
    return web.Response(body=body)

frames = asyncio.Queue()

async def replace(request):
    kind = "multipart/x-mixed-replace; boundary=frame"
    response = web.StreamResponse(headers={"Content-Type": kind})
    await response.prepare(request)
    while True:
        frame = await frames.get()
        with aiohttp.MultipartWriter("image/jpeg", boundary="frame") as body:
            body.append(frame, {"Content-Type": "image/jpeg"})
            await body.write(response, close_boundary=False)

async def next_frame(request):
    await frames.put(await request.read())
    return web.Response()

async def main():
    app = web.Application()
    app.router.add_get("/mixed", mixed)
    app.router.add_get("/replace", replace)
    app.router.add_post("/next", next_frame)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
