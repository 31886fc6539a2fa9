"""We send, a server of aiohttp's receives: it understands exactly what was meant."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import treq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.web.client import Agent
from twisted.web.iweb import UNKNOWN_LENGTH

from tests.interop.exchanges import exchange
from tests.programs import Program, run
from txmultipart import (
    FormData,
    LivePayload,
    MisuseError,
    MultipartWriter,
    RawBody,
    RelatedWriter,
)
from txmultipart.body import BodyProducer

CONTENT = bytes(range(256)) * 1000
NAMES = ["plain", "žluťoučký kůň", "日本語", 'a "quoted" one', "semi;colon", "%41"]


class Server:
    """An aiohttp server in a process of its own."""

    def __init__(self, program: Program, url: str) -> None:
        self.program = program
        self.url = url

    async def ask(
        self, path: str, writer: MultipartWriter, body: BodyProducer | None = None
    ) -> Any:
        """What it has understood of ``writer``, or of a ``body`` that was made of it."""
        agent = Agent(reactor)
        url = (self.url + path).encode()
        response = await agent.request(b"POST", url, writer.headers, body or writer)
        text = await treq.content(response)
        assert response.code == 200, text
        return json.loads(text)


@pytest_twisted.async_yield_fixture(scope="module")
async def server() -> Any:
    program = run(sys.executable, "-m", "tests.interop.aiohttp_server")
    url = (await program.spoke).strip()
    assert url, "it did not start"
    yield Server(program, url)
    await program.stop()


def data_of(part: dict[str, Any]) -> bytes:
    return base64.b64decode(part["data"])


CODINGS: dict[str, dict[str, str]] = {
    "none": {},
    "gzip": {"Content-Encoding": "gzip"},
    "deflate": {"Content-Encoding": "deflate"},
    "identity": {"Content-Encoding": "identity"},
    "base64": {"Content-Transfer-Encoding": "base64"},
    "quoted-printable": {"Content-Transfer-Encoding": "quoted-printable"},
    "binary": {"Content-Transfer-Encoding": "binary"},
    "gzip in base64": {
        "Content-Encoding": "gzip",
        "Content-Transfer-Encoding": "base64",
    },
}


def pieces() -> Iterator[bytes]:
    yield from (CONTENT[at : at + 1000] for at in range(0, len(CONTENT), 1000))


@exchange(
    "aiohttp", "client", "HTTP/1.1", "content codings and transfer codings, written"
)
async def test_content_arrives_whatever_its_coding(server: Server) -> None:
    for sized in (True, False):
        writer = MultipartWriter()
        for headers in CODINGS.values():
            writer.append(CONTENT if sized else pieces(), headers)
        parts = await server.ask("/multipart", writer)
        assert len(parts) == len(CODINGS)
        for part, headers in zip(parts, CODINGS.values(), strict=True):
            assert data_of(part) == CONTENT, headers


@exchange("aiohttp", "client", "HTTP/1.1", "a body of known length")
async def test_a_body_of_known_length(server: Server) -> None:
    writer = MultipartWriter("mixed", "a b")
    writer.append("žluť")
    writer.append(b"", CODINGS["base64"])
    assert isinstance(writer.length, int)
    first, second = await server.ask("/multipart", writer)
    assert data_of(first).decode() == "žluť"
    assert first["headers"]["content-type"] == "text/plain; charset=utf-8"
    assert data_of(second) == b""


@exchange(
    "aiohttp", "client", "HTTP/1.1", "JSON and URL-encoded forms as parts, written"
)
async def test_json_and_forms(server: Server) -> None:
    writer = MultipartWriter()
    writer.append_json({"a": ["ž", None, 1.5]})
    writer.append_json([1], CODINGS["gzip"])
    writer.append_form([("a", "ž&="), ("a", ""), ("b c", "1")])
    told = await server.ask("/multipart", writer)
    assert [part.get("json") for part in told[:2]] == [{"a": ["ž", None, 1.5]}, [1]]
    assert told[2]["form"] == [["a", "ž&="], ["a", ""], ["b c", "1"]]


@exchange("aiohttp", "client", "HTTP/1.1", "multiparts within multiparts, written")
async def test_what_is_nested(server: Server) -> None:
    outer, inner = MultipartWriter(), RelatedWriter(b"{}", {"X": "root"})
    outer.append("before")
    outer.append(inner)
    deep = MultipartWriter("alternative")
    inner.append(deep)
    deep.append(CONTENT, CODINGS["gzip"])
    outer.append("behind")
    before, (root, (content,)), behind = await server.ask("/multipart", outer)
    assert [data_of(part) for part in (before, behind)] == [b"before", b"behind"]
    assert root["headers"]["x"] == "root"
    assert root["headers"]["content-id"].startswith("<")
    assert data_of(content) == CONTENT


@exchange("aiohttp", "client", "HTTP/1.1", "files with their names and types")
async def test_files(server: Server, tmp_path: Path) -> None:
    writer = MultipartWriter()
    for name in ("a b.png", "žluť.txt"):
        (tmp_path / name).write_bytes(CONTENT)
        writer.append(tmp_path / name)
    told = await server.ask("/multipart", writer)
    assert [data_of(part) for part in told] == [CONTENT, CONTENT]
    assert [part["filename"] for part in told] == ["a b.png", "žluť.txt"]
    kinds = [part["headers"]["content-type"] for part in told]
    assert kinds == ["image/png", "text/plain"]


@exchange("aiohttp", "client", "HTTP/1.1", "a part that is made while it is sent")
async def test_a_live_part(server: Server) -> None:
    writer, payload = MultipartWriter(), LivePayload(content_type="audio/l16")
    writer.append(payload)
    answer = Deferred.fromCoroutine(server.ask("/multipart", writer))
    for piece in pieces():
        await payload.write(piece)
    payload.finish()
    (part,) = await answer
    assert data_of(part) == CONTENT
    assert part["headers"]["content-type"] == "audio/l16"
    assert writer.length == UNKNOWN_LENGTH


@exchange("aiohttp", "client", "HTTP/1.1", "`FormData`")
async def test_a_form(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "a b.png"
    path.write_bytes(CONTENT)
    form = FormData()
    for name in NAMES:
        form.add_field(name, f"value of {name}\r\n")
    form.add_field("again", "1")
    form.add_file("file", path)
    form.add_file("again", pieces(), filename="ž.bin", content_type="a/b")
    form.add_field("again", "2")
    whole = base64.b64encode(CONTENT).decode()
    assert await server.ask("/post", form) == [
        # It does not undo the one escape that browsers make here.
        *([n.replace('"', "%22"), f"value of {n}\r\n"] for n in NAMES),
        ["again", "1"],
        ["file", "a b.png", "image/png", whole],
        ["again", "ž.bin", "a/b", whole],
        ["again", "2"],
    ]


@exchange(
    "aiohttp", "client", "HTTP/1.1", "the whole serialized beforehand, with its length"
)
async def test_a_whole_whose_length_would_not_be_known(server: Server) -> None:
    writer = MultipartWriter()
    writer.append(pieces(), CODINGS["gzip"])
    assert writer.length == UNKNOWN_LENGTH
    whole = RawBody(await writer.as_bytes())
    assert isinstance(whole.length, int)
    (part,) = await server.ask("/multipart", writer, whole)
    assert data_of(part) == CONTENT


def test_a_coding_that_nobody_knows_is_never_sent() -> None:
    writer = MultipartWriter()
    with pytest.raises(MisuseError):
        writer.append([b"streamed"], {"Content-Encoding": "rot13"})
    assert writer.parts == []
