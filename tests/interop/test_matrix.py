"""The Matrix examples against one another, and against bytes as Synapse writes them."""

from __future__ import annotations

import ast
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseDone
from twisted.web.http_headers import Headers

from tests.interop.exchanges import README
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

CLIENT, SERVER = FOLDER / "client.py", FOLDER / "server.py"

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


fetch = example("client", FOLDER).fetch


def fetched(pieces: list[bytes], kind: str = KIND) -> tuple[Any, MemorySink]:
    """What ``fetch`` gives, and what it wrote."""
    sink = MemorySink(UNLIMITED)
    done = Deferred.fromCoroutine(fetch(Response(pieces, kind), sink))
    outcome: list[Any] = []
    done.addBoth(outcome.append)
    assert outcome, "nothing more comes, and it still waits"
    if isinstance(outcome[0], Failure):
        outcome[0].raiseException()
    return outcome[0], sink


def test_cut_in_two_anywhere() -> None:
    for place in range(1, len(WHOLE)):
        (about, headers, location), sink = fetched([WHOLE[:place], WHOLE[place:]])
        assert about == {"a": {"b": "c"}, "d": 1}, place
        assert headers.content_type == "image/png", place
        assert headers.filename == "a.png", place
        assert location is None, place
        assert sink.getvalue() == MEDIA, place


Function = ast.FunctionDef | ast.AsyncFunctionDef


def lines_of(path: Path, function: str) -> int:
    """How many lines a function has, without blank ones."""
    text = path.read_text()
    (found,) = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, Function) and node.name == function
    ]
    lines = text.splitlines()[found.lineno - 1 : found.end_lineno]
    return len([line for line in lines if line.strip()])


def test_our_figures_in_the_readme() -> None:
    """Beside the code that Synapse has."""
    rows = re.findall(r"^\| (.+) \| [\d,]+ \| ([\d,]+) \|$", README.read_text(), re.M)
    told = dict(rows)
    ours = {"read such an answer": (CLIENT, "fetch"), "write one": (SERVER, "media")}
    for task, function in ours.items():
        assert int(told[f"lines that {task}, without blank ones"]) == lines_of(
            *function
        )
    places = f"{len(WHOLE) - 1:,}"
    cut = (
        f"an answer of {len(WHOLE):,} bytes in two reads, cut at each of {places} "
        "places: both parts as sent"
    )
    assert told[cut] == places


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


#: What a server says, and what the client says of it.
UNUSABLE = {
    "without end": (b"HTTP/1.1 500 No\r\n\r\n" + bytes(9 << 20), "500: b'"),
    "an unknown charset": (
        b"HTTP/1.1 404 No\r\nContent-Type: a/b; charset=none-such\r\n\r\n\x1b[2J",
        r"404: b'\x1b[2J'",
    ),
    "nothing": (b"", "it takes too long"),
    "half a page": (b"HTTP/1.1 500 No\r\n\r\n", "it takes too long"),
    "half of it": (
        b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\n\r\n" % KIND.encode() + WHOLE[:-999],
        "it takes too long",
    ),
}


class Stuck(Protocol):
    """Says its words, and then nothing any more; the connection stays open."""

    factory: Any

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(self.factory.words)


@pytest.mark.parametrize(("words", "told"), UNUSABLE.values(), ids=UNUSABLE)
async def test_a_server_that_gets_stuck(
    words: bytes, told: str, tmp_path: Path
) -> None:
    """One short line says so, and nothing is left behind."""
    text, name = CLIENT.read_text(), "MAX_TIME = 300"
    assert name in text
    program = tmp_path / "client.py"
    program.write_text(text.replace(name, "MAX_TIME = 1"))
    factory: Any = Factory.forProtocol(Stuck)
    factory.words = words
    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    port: Any = await endpoint.listen(factory)
    url = f"http://127.0.0.1:{port.getHost().port}/"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    _, err, code = await getProcessOutputAndValue(
        sys.executable, [str(program), url, str(tmp_path / "kept")], environment
    )
    assert code == 1
    (line,) = err.decode().splitlines()
    assert line.startswith(told)
    assert len(line) < 3000
    assert [path.name for path in tmp_path.iterdir()] == ["client.py"]
    await port.stopListening()
