"""aiohttp at the other end dies, talks nonsense or says nothing: one clear error here."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import pytest_twisted
import treq
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTCP
from twisted.web.client import (
    Agent,
    RequestTransmissionFailed,
    ResponseFailed,
    ResponseNeverReceived,
)

from tests.programs import run
from txmultipart import (
    BodyPart,
    FormData,
    HTTP2ConnectionPool,
    MalformedMultipart,
    MultipartReader,
    MultipartResource,
    StreamingSite,
    TruncatedMultipart,
    UploadAborted,
)

SERVER = """
import asyncio
from aiohttp import web

async def dies(request):
    await request.content.readexactly(100_000)
    request.transport.abort()

async def half(request):
    answer = web.StreamResponse(headers={"Content-Type": "multipart/mixed; boundary=B"})
    answer.enable_chunked_encoding()
    await answer.prepare(request)
    await answer.write(b"--B\\r\\n\\r\\nfirst\\r\\n--B\\r\\n\\r\\nhalf of the seco")
    if request.query:
        request.transport.abort()
    else:
        await answer.write_eof()
    return answer

async def nonsense(request):
    return web.Response(body=b"hello", headers={"Content-Type": "multipart/mixed; boundary=B"})

async def nothing(request):
    await asyncio.sleep(3600)

async def main():
    app = web.Application(client_max_size=1 << 30)
    app.add_routes([web.route("*", "/" + f.__name__, f) for f in (dies, half, nonsense, nothing)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}/", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

CLIENT = """
import asyncio, os, sys
import aiohttp

async def dies():
    yield b"--B\\r\\nContent-Disposition: form-data; name=a\\r\\n\\r\\n" + bytes(100_000)
    await asyncio.sleep(0.2)  # for the transport to send it
    os._exit(0)

async def nothing():
    yield b"--B\\r\\n"
    await asyncio.sleep(3600)

async def nonsense():
    yield b"hello"

async def main(how, url):
    headers = {"Content-Type": "multipart/form-data; boundary=B"}
    async with aiohttp.ClientSession() as session:
        async with session.post(url, data=globals()[how](), headers=headers) as answer:
            print(answer.status, await answer.text())

asyncio.run(main(*sys.argv[1:]))
"""


@pytest_twisted.async_yield_fixture()
async def server() -> AsyncIterator[str]:
    program = run(sys.executable, "-c", SERVER)
    yield (await program.spoke).strip()
    await program.stop()


@pytest_twisted.async_yield_fixture()
async def pool() -> AsyncIterator[HTTP2ConnectionPool]:
    pool = HTTP2ConnectionPool(reactor)
    yield pool
    await pool.closeCachedConnections()


def form() -> FormData:
    form = FormData()
    form.add_file("file", bytes(30_000_000))
    return form


async def test_it_dies_in_the_middle_of_our_upload(
    server: str, pool: HTTP2ConnectionPool
) -> None:
    body = form()
    agent = Agent(reactor, pool=pool)
    with pytest.raises((RequestTransmissionFailed, ResponseNeverReceived)):
        await agent.request(b"POST", f"{server}dies".encode(), body.headers, body)


async def test_it_says_nothing(server: str, pool: HTTP2ConnectionPool) -> None:
    asked = treq.post(server + "nothing", data=b"x", pool=pool, timeout=0.5)
    with pytest.raises((CancelledError, ResponseNeverReceived)):
        await asked


@pytest.mark.parametrize(
    ("path", "error"),
    [("half", TruncatedMultipart), ("half?die", ResponseFailed)],
)
async def test_it_dies_in_the_middle_of_its_answer(
    server: str, pool: HTTP2ConnectionPool, path: str, error: type[Exception]
) -> None:
    response = await treq.get(server + path, pool=pool, unbuffered=True)
    async with MultipartReader.from_response(response) as reader:
        part = await reader.next_part()
        assert part is not None
        assert await part.read() == b"first"
        with pytest.raises(error):
            await reader.for_each(BodyPart.read)


async def test_it_answers_nonsense(server: str, pool: HTTP2ConnectionPool) -> None:
    response = await treq.get(server + "nonsense", pool=pool, unbuffered=True)
    async with MultipartReader.from_response(response) as reader:
        with pytest.raises((MalformedMultipart, TruncatedMultipart)):
            await reader.next_part()


class Taker(MultipartResource):
    """Tells what became of the one upload that it waits for."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.outcome: Deferred[Exception | None] = Deferred()

    async def render_multipart(self, request: Any, reader: MultipartReader) -> bytes:
        try:
            async for part in reader:
                await part.discard()
        except Exception as error:
            self.outcome.callback(error)
            raise
        self.outcome.callback(None)
        return b"ok"


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("dies", UploadAborted),
        ("nothing", UploadAborted),
        ("nonsense", MalformedMultipart),
    ],
)
async def test_its_client_fails(how: str, error: type[Exception]) -> None:
    taker = Taker()
    site = StreamingSite(taker, timeout=1)
    port: Any = IReactorTCP(reactor).listenTCP(
        0, cast("Any", site), interface="127.0.0.1"
    )
    url = f"http://127.0.0.1:{port.getHost().port}/"
    program = run(sys.executable, "-W", "ignore", "-c", CLIENT, how, url)
    assert isinstance(await taker.outcome, error)
    if how == "nonsense":
        assert (await program.ended).startswith("400 {")
    await program.stop()
    await port.stopListening()
