"""What is left of aiohttp's multipart chapter, with aiohttp at the other end."""

from __future__ import annotations

import hashlib
import sys
from itertools import count
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import LoopingCall
from twisted.web.resource import Resource

from tests.interop.aiohttp_chapter import LARGE
from tests.interop.exchanges import exchange
from tests.programs import run
from txmultipart import (
    HTTP2ConnectionPool,
    MixedReplaceWriter,
    MultipartReader,
    MultipartWriter,
    RawBody,
    StreamingSite,
    answer_with,
)
from txmultipart.treq import client

PROGRAM = (sys.executable, "-m", "tests.interop.aiohttp_chapter")


@pytest_twisted.async_yield_fixture(scope="module")
async def url() -> Any:
    program = run(*PROGRAM)
    url = (await program.spoke).strip()
    assert url, "it did not start"
    yield url
    await program.stop()


@pytest_twisted.async_yield_fixture()
async def http() -> Any:
    # Connections end with their responses, which end a little after the last part.
    http = client(reactor, pool=HTTP2ConnectionPool(reactor, persistent=False))
    yield http
    await http.pool.closeCachedConnections()


class PairReader(MultipartReader):
    """Gives pairs of a document and the reader of its attachments."""

    async def _next_pair(self) -> Any:
        document: Any = await super().next_part()
        if document is None:
            return None
        about = await document.json()
        attachments: Any = await super().next_part()
        return about, attachments.parts()

    def next_part(self) -> Any:
        from twisted.internet.defer import Deferred

        return Deferred.fromCoroutine(self._next_pair())


PairReader.reader_class = MultipartReader


@exchange("aiohttp", "client", "HTTP/1.1", "pairs of a document and its attachments")
async def test_pairs(url: str, http: Any) -> None:
    found = []
    reader: Any = PairReader.from_response(await http.get(url + "/documents"))
    async for document, attachments in reader:
        found.append(
            (document["_id"], [await part.text() async for part in attachments])
        )
    assert found == [
        (0, []),
        (1, ["attachment 0 of 1"]),
        (2, ["attachment 0 of 2", "attachment 1 of 2"]),
    ]


@exchange("aiohttp", "client", "HTTP/1.1", "one part picked, the rest skipped")
async def test_one_of_many(url: str, http: Any) -> None:
    reader = MultipartReader.from_response(await http.get(url + "/files"))
    async for part in reader:
        if part.filename == "wanted.bin":
            assert await part.read(decode=True) == LARGE
    assert await reader.next_part() is None


@exchange("aiohttp", "client", "HTTP/1.1", "chunks, lines and release of parts")
async def test_chunks_and_lines(url: str, http: Any) -> None:
    reader = MultipartReader.from_response(await http.get(url + "/files"))
    about: Any = await reader.next_part()
    assert await about.json() == {"about": "files"}
    chunked: Any = await reader.next_part()
    chunks = [chunk async for chunk in chunked]
    assert len(chunks) > 1
    assert b"".join(chunks) == LARGE
    for _ in range(2):
        released: Any = await reader.next_part()
        assert await released.discard() == len(LARGE)
    lined: Any = await reader.next_part()
    lines = [await lined.readline() for _ in range(4)]
    assert lines == [b"first line\n", b"second line\n", b"third", b""]


@exchange("aiohttp", "client", "HTTP/1.1", "the decoding of a part, later")
async def test_decoded_later(url: str, http: Any) -> None:
    reader = MultipartReader.from_response(await http.get(url + "/files"))
    await reader.next_part()
    part: Any = await reader.next_part()
    assert part.decode(await part.read()) == LARGE
    reader.close()


LENGTHS: dict[str, bool] = {"in chunks": False, "with a length": True}


@exchange("aiohttp", "client", "HTTP/1.1", "parts without Content-Length")
@pytest.mark.parametrize("whole", LENGTHS.values(), ids=LENGTHS)
async def test_parts_have_no_length(whole: bool, url: str, http: Any) -> None:
    writer = MultipartWriter("mixed")
    writer.append("text", {"X-Mood": "fine"})
    writer.append(LARGE)
    writer.append(iter([LARGE]), {"Content-Encoding": "gzip"})
    body = RawBody(await writer.as_bytes()) if whole else writer
    response = await http.post(url + "/plain", data=body, headers=writer.headers)
    told = await response.json()
    assert len(told["lengths"]) == whole
    fields = [part[0] for part in told["parts"]]
    assert not any("content-length" in part for part in fields)
    assert fields[0] == ["content-type", "x-mood"]
    sums = [part[1] for part in told["parts"]]
    assert sums[1:] == [hashlib.sha256(LARGE).hexdigest()] * 2


class Camera(Resource):
    """Shows pictures, for ever."""

    isLeaf = True

    def render_GET(self, request: Any) -> int:
        viewer = MixedReplaceWriter(content_type="text/plain")
        numbers = count()

        def show() -> None:
            if viewer.closed:
                camera.stop()
            else:
                viewer.send(b"picture %d" % next(numbers))

        camera = LoopingCall(show)
        camera.start(0.01)
        return answer_with(request, viewer)


@exchange(
    "aiohttp", "server", "HTTP/1.1", "MJPEG: an endless answer, read by its client"
)
async def test_its_client_watches(http: Any) -> None:
    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    port: Any = await endpoint.listen(StreamingSite(Camera()))
    watcher = run(*PROGRAM, f"http://127.0.0.1:{port.getHost().port}/")
    printed = await watcher.ended
    assert watcher.clean, printed
    lines = [line.split(" picture ") for line in printed.splitlines()]
    assert [kind for kind, _ in lines] == ["text/plain"] * 3
    numbers = [int(number) for _, number in lines]
    assert numbers == sorted(set(numbers))
    await port.stopListening()
