"""Others send and we read: their clients to our server, aiohttp's server to our client."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_twisted
import treq
from twisted.internet.interfaces import IReactorTCP

from tests.interop.aiohttp_peers import (
    AIOHTTP_FORM,
    AIOHTTP_SERVER,
    AIOHTTP_WRITER,
    HTTPX,
    REQUESTS,
    TOOLBELT,
)
from tests.interop.exchanges import exchange
from tests.programs import Program, run
from txmultipart import MultipartReader, MultipartResource, StreamingSite
from txmultipart.body.part import BodyPart


async def described(reader: MultipartReader) -> list[Any]:
    """Every part as something that JSON can express."""
    return [await describe(part) async for part in reader]


async def describe(part: BodyPart) -> Any:
    if part.is_multipart:
        return await described(part.parts())
    if part.content_type == "application/json":
        return await part.json()
    if part.content_type == "application/x-www-form-urlencoded":
        return await part.form()
    if part.content_type and part.content_type.startswith("text/"):
        return await part.text()
    digest = hashlib.sha256(await part.read(decode=True)).hexdigest()
    return [part.name, part.filename, part.content_type, digest]


class Describer(MultipartResource):
    """Answers with what it was sent."""

    isLeaf = True

    async def render_multipart(self, request: Any, reader: MultipartReader) -> bytes:
        parts = [(part.name, await describe(part)) async for part in reader]
        return json.dumps(parts).encode()


@pytest_twisted.async_yield_fixture()
async def url() -> AsyncIterator[str]:
    from twisted.internet import reactor

    site: Any = StreamingSite(Describer())
    port: Any = IReactorTCP(reactor).listenTCP(0, site, interface="127.0.0.1")
    yield f"http://127.0.0.1:{port.getHost().port}/"
    await port.stopListening()


async def sent_by(program: str, url: str) -> Any:
    client = run(sys.executable, "-c", program, url)
    printed = await client.ended
    assert client.clean, printed
    return json.loads(printed)


OCTETS = "application/octet-stream"


@exchange(
    "aiohttp",
    "server",
    "HTTP/1.1",
    "what `MultipartWriter` writes: text, JSON, forms, codings, nested",
)
async def test_what_aiohttps_writer_sends(url: str) -> None:
    digest = hashlib.sha256(bytes(range(256))).hexdigest()
    parts = await sent_by(AIOHTTP_WRITER, url)
    assert [part for _, part in parts] == [
        "text with ž",
        {"key": ["ž", 1]},
        [["a", "1"], ["b", "ž &"]],
        "zipped " * 1000,
        "deflated " * 1000,
        [None, None, OCTETS, digest],
        "šťáva = 1\r\n",
        "both " * 1000,
        ["inner", [1]],
    ]


FORMS = {
    "aiohttp": AIOHTTP_FORM,
    "requests-toolbelt": TOOLBELT,
    "requests": REQUESTS,
    "httpx": HTTPX,
}


@exchange("aiohttp", "server", "HTTP/1.1", "`FormData` with a file")
@exchange("httpx", "server", "HTTP/1.1", "a form with a file")
@exchange("requests", "server", "HTTP/1.1", "a form with a file")
@exchange("requests-toolbelt", "server", "HTTP/1.1", "a form with a file")
@pytest.mark.parametrize("program", FORMS.values(), ids=FORMS)
async def test_a_form_with_a_file(program: str, url: str) -> None:
    digest = hashlib.sha256(bytes(range(256)) * 999).hexdigest()
    (text, value), (photo, file) = await sent_by(program, url)
    assert (text, photo) == ("text", "photo")
    # Some say that it is text, and some say nothing.
    field = hashlib.sha256("ž".encode()).hexdigest()
    assert value in ("ž", ["text", None, None, field])
    assert file == ["photo", "a.jpg", "image/jpeg", digest]


@pytest_twisted.async_yield_fixture()
async def server() -> AsyncIterator[Program]:
    program = run(sys.executable, "-c", AIOHTTP_SERVER)
    await program.spoke
    yield program
    await program.stop()


async def get(url: str) -> MultipartReader:
    response = await treq.get(url, unbuffered=True, persistent=False)
    return MultipartReader.from_response(response)


@exchange(
    "aiohttp",
    "client",
    "HTTP/1.1",
    "an answer of its `MultipartWriter`, read part by part",
)
async def test_what_aiohttps_server_answers(server: Program) -> None:
    digest = hashlib.sha256(bytes(range(256))).hexdigest()
    assert await described(await get(server.printed.strip() + "/mixed")) == [
        "text with ž",
        "zipped " * 1000,
        [None, None, OCTETS, digest],
        [{"inner": True}, "attached"],
    ]


@exchange(
    "aiohttp",
    "client",
    "HTTP/1.1",
    "MJPEG: frames of an endless answer, read one by one",
)
async def test_frames_of_an_endless_answer_come_one_by_one(server: Program) -> None:
    url = server.printed.strip()
    reader = await get(url + "/replace")
    for frame in (b"first", b"\r\nsecond\r\n", b"3" * 100_000):
        await treq.post(url + "/next", frame, persistent=False)
        part = await anext(reader)
        assert await part.read() == frame
    reader.close()
