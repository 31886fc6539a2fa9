"""The Matrix examples against one another, and against bytes as Synapse writes them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseDone
from twisted.web.http_headers import Headers

from tests.interop.voice import example
from tests.programs import ROOT, run
from txmultipart import (
    LimitExceeded,
    MalformedMultipart,
    MemorySink,
    NotMultipart,
    TruncatedMultipart,
)
from txmultipart.body.delivery import BodyReader
from txmultipart.limits import UNLIMITED

FOLDER = ROOT / "examples" / "matrix"

JSON = b'{"a": {"b": "c"}, "d": 1}'
MEDIA = bytes(range(256)) * 16

#: As Synapse writes it: with a line break in front, and the length of the media.
WHOLE = (
    b"\r\n--gc0p4Jq0M2Yt08jU534c0p\r\nContent-Type: application/json\r\n\r\n"
    + JSON
    + b"\r\n--gc0p4Jq0M2Yt08jU534c0p\r\nContent-Type: image/png\r\n"
    + b"Content-Disposition: inline; filename=a.png\r\n\r\n"
    + MEDIA
    + b"\r\n--gc0p4Jq0M2Yt08jU534c0p--\r\n\r\n"
)

#: As the proposal has it: a part of headers alone, and no dashes behind the last one.
MOVED = (
    b"--gc0p4Jq0M2Yt08jU534c0p\r\nContent-Type: application/json\r\n\r\n{}\r\n"
    b"--gc0p4Jq0M2Yt08jU534c0p\r\nLocation: https://cdn.example/x\r\n\r\n"
    b"\r\n--gc0p4Jq0M2Yt08jU534c0p--\r\n"
)

CLOSE = b"\r\n--gc0p4Jq0M2Yt08jU534c0p--\r\n"

KIND = "multipart/mixed; boundary=gc0p4Jq0M2Yt08jU534c0p"


class Response:
    """A response that comes in the pieces that a test gives."""

    code = 200
    length = 0

    def __init__(self, pieces: list[bytes], kind: str = KIND) -> None:
        self.headers = Headers({"Content-Type": [kind]})
        self._pieces = pieces

    def deliverBody(self, protocol: Any) -> None:
        """All of it at once; the reader keeps what it is not asked for yet."""
        protocol.makeConnection(self)
        for piece in self._pieces:
            protocol.dataReceived(piece)
        protocol.connectionLost(Failure(ResponseDone()))

    def pauseProducing(self) -> None:
        """There is nothing to pause."""

    resumeProducing = stopProducing = loseConnection = pauseProducing


def fetched(pieces: list[bytes], kind: str = KIND) -> tuple[Any, MemorySink]:
    """What ``fetch`` gives, and what it wrote."""
    sink = MemorySink(UNLIMITED)
    response = Response(pieces, kind)
    done = Deferred.fromCoroutine(example("client", FOLDER).fetch(response, sink))
    outcome: list[Any] = []
    done.addBoth(outcome.append)
    assert outcome, "nothing more comes, and it still waits"
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
    return outcome[0], sink


@pytest.mark.parametrize("place", range(1, 400))
def test_cut_in_two_anywhere(place: int) -> None:
    (about, headers, location), sink = fetched([WHOLE[:place], WHOLE[place:]])
    assert about == {"a": {"b": "c"}, "d": 1}
    assert headers.content_type == "image/png"
    assert headers.filename == "a.png"
    assert location is None
    assert sink.getvalue() == MEDIA


def test_byte_by_byte() -> None:
    _, sink = fetched([bytes([byte]) for byte in WHOLE])
    assert sink.getvalue() == MEDIA


@pytest.mark.parametrize("place", range(1, len(MOVED)))
def test_media_that_are_elsewhere(place: int) -> None:
    (about, _, location), sink = fetched([MOVED[:place], MOVED[place:]])
    assert (about, location) == ({}, "https://cdn.example/x")
    assert sink.getvalue() == b""


def test_a_boundary_in_quotes_and_more_parameters() -> None:
    kind = 'multipart/mixed; charset=utf-8; boundary="gc0p4Jq0M2Yt08jU534c0p"; x=y'
    _, sink = fetched([WHOLE], kind)
    assert sink.getvalue() == MEDIA


def test_cut_short() -> None:
    with pytest.raises(TruncatedMultipart):
        fetched([WHOLE[:-3000]])


def test_nothing() -> None:
    with pytest.raises(TruncatedMultipart):
        fetched([])


def test_no_media() -> None:
    (about, headers, location), _ = fetched([WHOLE.partition(JSON)[0] + JSON + CLOSE])
    assert (about, headers, location) == ({"a": {"b": "c"}, "d": 1}, None, None)


def test_a_page_of_html() -> None:
    with pytest.raises(NotMultipart):
        fetched([b"<h1>It works!</h1>"], "text/html")


def test_no_json() -> None:
    with pytest.raises(MalformedMultipart):
        fetched([WHOLE.replace(b'{"a"', b'{{"a"')])


def test_too_much() -> None:
    module: Any = example("client", FOLDER)
    module.MAX_SIZE = 1000
    done = Deferred.fromCoroutine(
        module.fetch(Response([WHOLE]), MemorySink(UNLIMITED))
    )
    outcome: list[Any] = []
    done.addErrback(outcome.append)
    assert outcome[0].check(LimitExceeded)
    assert outcome[0].value.limit == "max_part_size"


async def test_one_server_and_another(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "media" / "a.png").write_bytes(MEDIA)
    listen = "tcp:0:interface=127.0.0.1"
    words = [sys.executable, str(FOLDER / "server.py"), str(tmp_path / "media"), listen]
    server = run(*words)
    port = int((await server.spoke).rstrip(">\n").split()[-1])
    url = f"http://127.0.0.1:{port}/_matrix/federation/v1/media/download/"
    said = {}
    for name in ("a.png", "moved", "missing"):
        kept = tmp_path / f"fetched-{name}"
        client = run(sys.executable, str(FOLDER / "client.py"), url + name, str(kept))
        said[name] = await client.ended
        assert client.clean == (name != "missing")
    assert said["a.png"] == "{} image/png None\n"
    assert said["moved"] == "{} None https://cdn.example/moved\n"
    assert (tmp_path / "fetched-a.png").read_bytes() == MEDIA
    assert not (tmp_path / "fetched-moved").exists()
    odd: Any = await Agent(reactor).request(b"GET", url.encode() + b"%ff")
    assert odd.code == 404
    assert b"M_NOT_FOUND" in await BodyReader.from_response(odd).read()
    await server.stop()
