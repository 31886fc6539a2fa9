"""An answer on HTTP/1.1 that is not as long as its Content-Length ends its connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    connectProtocol,
    serverFromString,
    wrapClientTLS,
)
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.ssl import (
    Certificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)
from twisted.logger import LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.web.iweb import IBodyProducer, _IRequestEncoderFactory
from twisted.web.resource import EncodingResourceWrapper, Resource
from twisted.web.server import NOT_DONE_YET, GzipEncoderFactory, Site
from zope.interface import implementer

from tests.app.serving import curl
from tests.http2.resources import Taker, Writer
from tests.web.test_tls import Files
from tests.web.wire import Wire, head, request_bytes
from txmultipart import StreamingSite, answer_with
from txmultipart.web.exact import _MOST_DROPPED
from txmultipart.web.tls import tls_endpoint

# Twisted warns of a page of its own when the files' module is imported.
pytestmark = pytest.mark.filterwarnings(
    "ignore:twisted.web.resource._Unsafe:DeprecationWarning"
)

GET = request_bytes()
LONG, SHORT = "is longer than its Content-Length", "is shorter than its Content-Length"
NONE = "has no length that could be its Content-Length"


class Warnings(list[str]):
    """What the channel has said, in turn."""

    def __call__(self, event: dict[str, Any]) -> None:
        if event["log_level"] is LogLevel.warn and "how" in event:
            assert event["log_namespace"] == "txmultipart.web.exact"
            self.append(event["how"])


@pytest.fixture
def said() -> Iterator[Warnings]:
    """Each warning of the test."""
    observer: Any = Warnings()
    globalLogPublisher.addObserver(observer)
    yield observer
    globalLogPublisher.removeObserver(observer)


class Talk:
    """One connection, on which a test itself writes the answers."""

    def __init__(self, make_site: Any = StreamingSite, root: Any = None) -> None:
        self.writer = Writer() if root is None else root
        self.wire = Wire(self.writer, make_site)

    def ask(self, sent: bytes = GET) -> Any:
        """Send a request; gives it as the resource sees it."""
        self.wire.send(sent)
        return self.writer.requests[-1]

    @property
    def seen(self) -> tuple[bytes, bool]:
        """What the peer sees: all bytes, and whether it is closed."""
        return self.wire.raw, self.wire.is_closed()


def answer(request: Any, length: bytes | None, *pieces: bytes, code: int = 200) -> None:
    """Answer it with ``pieces``, which are said to be so long."""
    request.setResponseCode(code)
    if length is not None:
        request.setHeader(b"Content-Length", length)
    for piece in pieces:
        request.write(piece)
    request.finish()


def same(sent: bytes, length: bytes | None, *pieces: bytes, code: int = 200) -> bool:
    """Whether the connection is kept, after the same bytes as from a stock site."""
    seen = []
    for make_site in (Site, StreamingSite):
        talk = Talk(make_site)
        answer(talk.ask(sent), length, *pieces, code=code)
        seen.append(talk.seen)
        talk.wire.lose()
    assert seen[0] == seen[1]
    return not seen[1][1]


# What is right, and what has no length to keep to -----------------------------------------


@pytest.mark.parametrize("pieces", [[b"12345"], [b"123", b"", b"45"], [b"", b"12345"]])
def test_as_long_as_it_says(pieces: list[bytes], said: Warnings) -> None:
    assert same(GET, b"5", *pieces)
    assert said == []


@pytest.mark.parametrize("pieces", [[], [b""]])
def test_nothing_as_it_says(pieces: list[bytes], said: Warnings) -> None:
    assert same(GET, b"0", *pieces)
    assert said == []


HEAD, OLD = request_bytes("HEAD"), request_bytes(version="HTTP/1.0")
LAST = request_bytes("GET", "/", None, "Connection: close")

#: Request, length, code; and whether the connection is kept.
UNTOUCHED: dict[str, tuple[bytes, bytes | None, int, bool]] = {
    "HEAD": (HEAD, b"5", 200, True),
    "HEAD-none": (HEAD, b"x", 200, True),
    "HEAD-404": (HEAD, b"5", 404, True),
    "204": (GET, b"5", 204, True),
    "304": (GET, b"5", 304, True),
    "304-none": (GET, b"x", 304, True),
    "chunked": (GET, None, 200, True),
    "HTTP-1.0": (OLD, b"3", 200, False),
    "HTTP-1.0-till-it-is-closed": (OLD, None, 200, False),
    "the-last": (LAST, b"3", 200, False),
}


@pytest.mark.parametrize(
    ("sent", "length", "code", "kept"), UNTOUCHED.values(), ids=UNTOUCHED.keys()
)
@pytest.mark.parametrize("pieces", [[b"abc"], [b"a", b"bc"]])
def test_what_is_left_alone(
    sent: bytes,
    length: bytes | None,
    code: int,
    kept: bool,
    pieces: list[bytes],
    said: Warnings,
) -> None:
    assert same(sent, length, *pieces, code=code) is kept
    assert said == []


@pytest.mark.parametrize("sent", [HEAD, GET], ids=["HEAD", "304"])
def test_a_length_without_a_body(sent: bytes, said: Warnings) -> None:
    assert same(sent, b"5", code=200 if sent is HEAD else 304)
    assert said == []


def test_chunks_that_somebody_makes_himself(said: Warnings) -> None:
    seen = []
    for make_site in (Site, StreamingSite):
        talk = Talk(make_site)
        request = talk.ask()
        request.setHeader(b"Transfer-Encoding", b"chunked")
        answer(request, b"3", b"5\r\nhello\r\n", b"0\r\n\r\n")
        seen.append(talk.seen)
        talk.wire.lose()
    assert seen[0] == seen[1]
    assert said == []


def test_the_same_length_twice_is_one(said: Warnings) -> None:
    talk = Talk()
    request = talk.ask()
    request.responseHeaders.setRawHeaders(b"Content-Length", [b"3", b" 3"])
    request.write(b"abc")
    request.finish()
    assert (talk.wire.is_closed(), said) == (False, [])
    talk.wire.lose()


def test_a_head_that_somebody_writes_himself(said: Warnings, tmp_path: Path) -> None:
    """It is not counted, neither by what it says nor by what the one before said."""
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
    (tmp_path / "raw").write_bytes(raw)
    talk = Talk()
    answer(talk.ask(), b"5", b"12345")
    before = talk.wire.transport.value()
    request = talk.ask()
    request.startedWriting = 1
    request.write(raw)
    request.finish()
    assert talk.wire.transport.value() == before + raw
    assert (talk.wire.is_closed(), said) == (False, [])
    talk.wire.lose()


# What is wrong ----------------------------------------------------------------------------

#: The length, the pieces, what goes out of them, and what is said.
WRONG = {
    "one-piece-too-long": (b"5", [b"123456"], b"12345", LONG),
    "another-piece": (b"5", [b"12345", b"6"], b"12345", LONG),
    "in-the-middle-of-one": (b"5", [b"123", b"456"], b"12345", LONG),
    "many-too-many": (b"5", [b"123", b"456", b"", b"7", b"890"], b"12345", LONG),
    "nothing-was-said": (b"0", [b"1", b"2"], b"", LONG),
    "nothing-came": (b"5", [], b"", SHORT),
    "nothing-but-the-head": (b"5", [b""], b"", SHORT),
    "one-too-few": (b"5", [b"12", b"34"], b"1234", SHORT),
}
each_wrong = pytest.mark.parametrize(
    ("length", "pieces", "body", "how"), WRONG.values(), ids=WRONG.keys()
)


@each_wrong
@pytest.mark.parametrize("sent", [GET, LAST, OLD], ids=["GET", "last", "HTTP-1.0"])
def test_of_another_length(
    length: bytes,
    pieces: list[bytes],
    body: bytes,
    how: str,
    sent: bytes,
    said: Warnings,
) -> None:
    talk = Talk()
    request = talk.ask(sent)
    answer(request, length, *pieces)
    raw, closed = talk.seen
    first, _, rest = raw.partition(b"\r\n\r\n")
    assert b"\r\nContent-Length: %s" % length in first
    assert (rest, closed, said) == (body, True, [how])
    assert talk.writer.ends == [None]
    talk.wire.lose()


@each_wrong
def test_the_next_request_is_not_answered(
    length: bytes, pieces: list[bytes], body: bytes, how: str, said: Warnings
) -> None:
    """It came already; its answer would be taken for something else."""
    talk = Talk()
    request = talk.ask(GET + GET)
    answer(request, length, *pieces)
    assert talk.writer.requests == [request]
    assert talk.wire.raw.count(b"HTTP/1.1 ") == 1
    talk.wire.lose()


@each_wrong
def test_the_one_before_was_right(
    length: bytes, pieces: list[bytes], body: bytes, how: str, said: Warnings
) -> None:
    talk = Talk()
    answer(talk.ask(), b"3", b"abc")
    answer(talk.ask(HEAD), b"3")
    answer(talk.ask(), None, b"abc")
    assert (talk.wire.is_closed(), said) == (False, [])
    answer(talk.ask(), length, *pieces)
    assert talk.wire.transport.value().endswith(b"\r\n\r\n" + body)
    assert (talk.wire.is_closed(), said) == (True, [how])
    talk.wire.lose()


@pytest.mark.parametrize(
    "lengths", [[b"x"], [b"-1"], [b"+3"], [b"3, 3"], [b""], [b"3", b"4"], [b"9" * 20]]
)
def test_a_length_that_is_none(lengths: list[bytes], said: Warnings) -> None:
    """Then it ends with the connection, and says so."""
    talk = Talk()
    request = talk.ask(GET + GET)
    request.responseHeaders.setRawHeaders(b"Content-Length", lengths)
    request.write(b"ab")
    request.write(b"c")
    assert not talk.wire.is_closed()
    request.finish()
    given = talk.wire.answer
    assert given.body == b"abc"
    assert "content-length" not in given.headers
    assert given.headers["connection"] == "close"
    assert (talk.wire.is_closed(), said) == (True, [NONE])
    talk.wire.lose()


def test_who_said_so(said: Warnings) -> None:
    events: list[Any] = []
    observer: Any = events.append
    globalLogPublisher.addObserver(observer)
    talk = Talk()
    answer(talk.ask(request_bytes(target="/where?secret=1")), b"5", b"1")
    globalLogPublisher.removeObserver(observer)
    (event,) = (event for event in events if "how" in event)
    assert event["path"] == b"/where"
    assert event["log_level"] is LogLevel.warn
    assert "log_failure" not in event
    talk.wire.lose()


# Not done yet -----------------------------------------------------------------------------


def test_later(said: Warnings) -> None:
    """The surplus comes now and then, and it is closed when all has been said."""
    talk = Talk()
    request = talk.ask()
    request.setHeader(b"Content-Length", b"5")
    for piece in (b"123", b"456", b"7"):
        request.write(piece)
        talk.wire.clock.advance(1000)
        assert (talk.wire.is_closed(), talk.writer.ends) == (False, [])
    request.finish()
    assert talk.wire.answer.body == b"12345"
    assert (talk.wire.is_closed(), said) == (True, [LONG])
    assert talk.writer.ends == [None]
    talk.wire.lose()


@pytest.mark.parametrize("pieces", [[b"12"], [b"123456"]])
def test_a_peer_that_goes_before(pieces: list[bytes], said: Warnings) -> None:
    talk = Talk()
    request = talk.ask()
    request.setHeader(b"Content-Length", b"5")
    for piece in pieces:
        request.write(piece)
    talk.wire.lose(ConnectionLost())
    request.write(b"more")
    assert SHORT not in said
    (end,) = talk.writer.ends
    assert end.check(ConnectionLost)


@pytest.mark.parametrize("written", [b"12", b"1234567"])
def test_it_breaks_off_before(written: bytes) -> None:
    talk = Talk()
    request = talk.ask()
    request.setHeader(b"Content-Length", b"5")
    request.write(written)
    request.loseConnection()
    assert talk.wire.is_closed()
    talk.wire.lose()


PUT = head("PUT", "/", "Content-Length: 10")
WRONG_EARLY = {name: WRONG[name] for name in ("in-the-middle-of-one", "one-too-few")}


@pytest.mark.parametrize(
    ("length", "pieces", "body", "how"), WRONG_EARLY.values(), ids=WRONG_EARLY.keys()
)
@pytest.mark.parametrize("rest", [b"", b"456789x"])
def test_an_answer_before_the_end_of_the_body(
    length: bytes,
    pieces: list[bytes],
    body: bytes,
    how: str,
    rest: bytes,
    said: Warnings,
) -> None:
    """The sender may see it first, and not for ever."""
    talk = Talk(root=Taker())
    request = talk.ask(PUT + b"123")
    answer(request, length, *pieces)
    assert said == [how]
    assert not talk.wire.is_closed()
    if rest:
        talk.wire.send(rest)
    else:
        talk.wire.clock.advance(request.linger_time)
    assert talk.wire.is_closed()
    assert talk.wire.raw.endswith(b"\r\n\r\n" + body)
    assert said == [how]
    talk.wire.lose()
    assert talk.wire.clock.getDelayedCalls() == []


def test_an_answer_before_the_end_that_is_right(said: Warnings) -> None:
    talk = Talk(root=Taker())
    answer(talk.ask(PUT + b"123"), b"5", b"12345")
    talk.wire.send(b"456789x")
    answer(talk.ask(request_bytes()), b"5", b"12345")
    assert [given.body for given in talk.wire.answers] == [b"12345"] * 2
    assert (talk.wire.is_closed(), said) == (False, [])
    talk.wire.lose()


# Encoders ---------------------------------------------------------------------------------


@implementer(_IRequestEncoderFactory)
class Doubling:
    """An encoder that makes two bytes of each, and leaves the length as it was."""

    def __init__(self, times: int, last: bytes = b"") -> None:
        self.times, self.last = times, last

    def encoderForRequest(self, request: Any) -> Any:
        return self

    def encode(self, data: bytes) -> bytes:
        return data * self.times

    def finish(self) -> bytes:
        return self.last


class Hello(Resource):
    """Says so."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        return b"hello"


@pytest.mark.parametrize(
    ("encoder", "body", "how"),
    [
        (Doubling(1), b"hello", []),
        (Doubling(2), b"hello", [LONG]),
        (Doubling(1, b"!"), b"hello", [LONG]),
        (Doubling(0), b"", [SHORT]),
        (Doubling(0, b"bye"), b"bye", [SHORT]),
        (Doubling(0, b"world"), b"world", []),
    ],
)
def test_an_encoder_that_changes_the_length(
    encoder: Doubling, body: bytes, how: list[str], said: Warnings
) -> None:
    wire = Wire(EncodingResourceWrapper(Hello(), [encoder])).send(GET)
    assert wire.raw.endswith(b"\r\n\r\n" + body)
    assert (wire.is_closed(), said) == (bool(how), how)
    wire.lose()


@pytest.mark.parametrize("pieces", [[b"hello"], [b"he", b"llo and more"], [b"h"]])
def test_gzip_has_no_length(pieces: list[bytes], said: Warnings) -> None:
    """It drops the one that there was, right or wrong, and is in chunks."""
    seen = []
    for make_site in (Site, StreamingSite):
        writer = Writer()
        root = EncodingResourceWrapper(writer, [GzipEncoderFactory()])
        wire = Wire(root, make_site)
        wire.send(request_bytes("GET", "/", None, "Accept-Encoding: gzip"))
        answer(writer.requests[0], b"5", *pieces)
        assert "content-length" not in wire.answer.headers
        seen.append((wire.raw, wire.is_closed()))
        wire.lose()
    assert seen[0] == seen[1]
    assert said == []


# Producers --------------------------------------------------------------------------------


@implementer(IBodyProducer)
class Liar:
    """A body that says that it is ``length`` bytes, and has others."""

    def __init__(self, length: int, content: bytes) -> None:
        self.length, self.content = length, content

    def startProducing(self, consumer: Any) -> Deferred[None]:
        consumer.write(self.content)
        return succeed(None)

    def pauseProducing(self) -> None:
        """Nothing is left to be held back."""

    resumeProducing = stopProducing = pauseProducing


@pytest.mark.parametrize(
    ("content", "body", "how"),
    [
        (b"12345", b"12345", []),
        (b"123456", b"12345", [LONG]),
        (b"1234", b"1234", [SHORT]),
    ],
)
def test_a_body_producer_that_lies(
    content: bytes, body: bytes, how: list[str], said: Warnings
) -> None:
    class Answering(Resource):
        """Answers with it."""

        isLeaf = True

        def render(self, request: Any) -> int:
            return answer_with(request, Liar(5, content))

    wire = Wire(Answering()).send(GET)
    assert wire.raw.endswith(b"\r\n\r\n" + body)
    assert (wire.is_closed(), said) == (bool(how), how)
    wire.lose()


@implementer(IPushProducer)
class Endless:
    """Pushes a quarter of a mebibyte whenever a test says so."""

    def __init__(self, request: Any) -> None:
        self.request, self.stopped = request, 0
        request.setHeader(b"Content-Length", b"5")
        request.registerProducer(self, True)

    def push(self) -> None:
        """Some more."""
        self.request.write(bytes(1 << 18))

    def pauseProducing(self) -> None:
        """Not by us."""
        raise AssertionError

    resumeProducing = pauseProducing

    def stopProducing(self) -> None:
        self.stopped += 1


def test_a_producer_without_an_end_is_stopped(said: Warnings) -> None:
    """Nobody holds it back: what is dropped fills no socket."""
    talk = Talk()
    producer = Endless(talk.ask())
    for _ in range(_MOST_DROPPED >> 18):
        producer.push()
    assert (producer.stopped, talk.wire.is_closed()) == (0, False)
    producer.push()
    assert (producer.stopped, talk.wire.is_closed()) == (1, True)
    producer.push()  # it is not told twice
    assert (producer.stopped, talk.wire.transport.calls.count("lose")) == (1, 1)
    assert talk.wire.raw.endswith(b"\r\n\r\n" + bytes(5))
    talk.wire.lose()
    assert said == [LONG]
    (end,) = talk.writer.ends
    assert end.check(Exception)


async def read(root: Any, *headers: str, change: Callable[[], object]) -> Wire:
    """Ask for a file, which changes when its length is known and nothing is read."""
    wire = Wire(root).send(request_bytes("GET", "/file", None, *headers))
    change()
    if wire.channel.requests:
        await wire.request.notifyFinish()
    return wire


def nothing() -> None:
    """Leave it as it is."""


class Served:
    """A folder with a file of so many bytes, and a site of it."""

    def __init__(self, folder: Path, size: int) -> None:
        from twisted.web.static import File

        self.path, self.root = folder / "file", File(str(folder))
        self.content = bytes(number % 251 for number in range(size))
        self.path.write_bytes(self.content)

    def grow(self) -> None:
        with self.path.open("ab") as file:
            file.write(b"more than there was")

    def shrink(self) -> None:
        with self.path.open("rb+") as file:
            file.truncate(len(self.content) // 2)


SIZES = [10, 200_000]


@pytest.fixture(params=SIZES)
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Served:
    return Served(tmp_path, request.param)


async def test_a_file(served: Served, said: Warnings) -> None:
    wire = await read(served.root, change=nothing)
    assert wire.answer.body == served.content
    assert (wire.is_closed(), said) == (False, [])
    wire.lose()


@pytest.mark.parametrize("ranges", ["0-3", "2-", "-3", "0-0,2-3", "1-2,4-"])
async def test_ranges_of_a_file(served: Served, ranges: str, said: Warnings) -> None:
    """Also while it grows: a range does not."""
    wire = await read(served.root, f"Range: bytes={ranges}", change=served.grow)
    assert wire.answer.status == 206
    assert len(wire.answer.body) == int(wire.answer.headers["content-length"])
    assert (wire.is_closed(), said) == (False, [])
    wire.lose()


@pytest.mark.parametrize("size", [0, 10])
@pytest.mark.parametrize("ranges", ["100-", "x"])
async def test_ranges_that_are_none(
    tmp_path: Path, size: int, ranges: str, said: Warnings
) -> None:
    served = Served(tmp_path, size)
    wire = await read(served.root, f"Range: bytes={ranges}", change=nothing)
    assert wire.answer.status == (416 if ranges == "100-" else 200)
    assert (wire.is_closed(), said) == (False, [])
    wire.lose()


async def test_a_file_that_grows(served: Served, said: Warnings) -> None:
    wire = await read(served.root, change=served.grow)
    assert wire.raw.endswith(b"\r\n\r\n" + served.content)
    assert (wire.is_closed(), said) == (True, [LONG])
    wire.lose()


async def test_a_file_that_shrinks(served: Served, said: Warnings) -> None:
    wire = await read(served.root, change=served.shrink)
    half = served.content[: len(served.content) // 2]
    assert wire.raw.endswith(b"\r\n\r\n" + half)
    assert (wire.is_closed(), said) == (True, [SHORT])
    wire.lose()


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_a_file_without_its_content(
    tmp_path: Path, method: str, said: Warnings
) -> None:
    """Only its length, or that it is the one that the peer has."""
    served = Served(tmp_path, 10)
    wire = await read(served.root, change=nothing)
    since = f"If-Modified-Since: {wire.answer.headers['last-modified']}"
    before = len(wire.raw)
    wire.send(request_bytes(method, "/file", None, *[since] * (method == "GET")))
    raw = wire.raw[before:]
    assert raw.startswith(b"HTTP/1.1 304" if method == "GET" else b"HTTP/1.1 200")
    assert raw.endswith(b"\r\n\r\n")
    assert (wire.is_closed(), said) == (False, [])
    wire.lose()


async def test_an_answer_as_it_is_in_a_file(tmp_path: Path, said: Warnings) -> None:
    from twisted.web.static import ASISProcessor

    (tmp_path / "file").write_bytes(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
    root = Resource()
    root.putChild(b"file", ASISProcessor(str(tmp_path / "file")))
    wire = await read(root, change=nothing)
    assert wire.answer.body == b"abc"
    assert (wire.is_closed(), said) == (False, [])
    wire.lose()


# A peer that was written by others --------------------------------------------------------


class Wrong(Resource):
    """``/LENGTH/SIZE`` is an answer of SIZE bytes that says that it is of LENGTH."""

    isLeaf = True

    def render_GET(self, request: Any) -> int:
        length, size = request.path.split(b"/")[1:]
        answer(request, length, b"x" * int(size))
        return NOT_DONE_YET


def endpoint(scheme: str, files: Files) -> Any:
    """A free port, with TLS or without."""
    from twisted.internet import reactor

    if scheme == "https":
        return tls_endpoint(reactor, 0, files.pair, interface="127.0.0.1")
    return serverFromString(reactor, "tcp:0:interface=127.0.0.1")


@implementer(IPullProducer)
class Spring(Resource):
    """Always has more; ``ended`` tells how it was with the peer."""

    isLeaf = True
    stopped = 0
    request: Any
    ended: Deferred[Any]

    def render(self, request: Any) -> int:
        self.request, self.ended = request, request.notifyFinish()
        request.setHeader(b"Content-Length", b"5")
        request.registerProducer(self, False)
        return NOT_DONE_YET

    def resumeProducing(self) -> None:
        self.request.write(b"x" * 10_000)

    def stopProducing(self) -> None:
        self.stopped += 1


class Patient(Protocol):
    """Asks once, and closes nothing by itself."""

    transport: Any

    def __init__(self) -> None:
        self.seen, self.lost = b"", Deferred[None]()

    def connectionMade(self) -> None:
        self.transport.write(GET)

    def dataReceived(self, data: bytes) -> None:
        self.seen += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


def way_to(port: Any, scheme: str, files: Files) -> Any:
    """How to connect to it."""
    from twisted.internet import reactor

    host, number = "127.0.0.1", port.getHost().port
    way: Any = TCP4ClientEndpoint(reactor, host, number)
    if scheme == "http":
        return way
    authority = Certificate.loadPEM(files.trust.read_bytes())
    trust = trustRootFromCertificates([authority])
    return wrapClientTLS(optionsForClientTLS(host, trust), way)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_spring_dries_up(scheme: str, tmp_path: Path, said: Warnings) -> None:
    files, spring, peer = Files(tmp_path), Spring(), Patient()
    port = await endpoint(scheme, files).listen(StreamingSite(spring))
    await connectProtocol(way_to(port, scheme, files), peer)
    await peer.lost
    assert peer.seen.endswith(b"\r\n\r\nxxxxx")
    with pytest.raises(ConnectionDone):
        await spring.ended
    await port.stopListening()
    assert (spring.stopped, said) == (1, [LONG])


#: What is asked for, what curl sees of it (the body, its exit code, new connections) and
#: of a right answer after that, and what is said.
SEEN = {
    "5/5": ("xxxxx 0 1 xxx 0 0 ", []),
    "5/6": ("xxxxx 0 1 xxx 0 1 ", [LONG]),
    "3/300000": ("xxx 0 1 xxx 0 1 ", [LONG]),
    "5/4": ("xxxx 18 1 xxx 0 1 ", [SHORT]),
}


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(("path", "out", "how"), [(p, *s) for p, s in SEEN.items()])
async def test_curl(
    path: str, out: str, how: list[str], scheme: str, tmp_path: Path, said: Warnings
) -> None:
    files = Files(tmp_path)
    port = await endpoint(scheme, files).listen(StreamingSite(Wrong()))
    base = f"{scheme}://127.0.0.1:{port.getHost().port}"
    options = ["--http1.1", "--cacert", str(files.trust)]
    options += ["-w", " %{exitcode} %{num_connects} "]
    seen, _ = await curl(*options, f"{base}/{path}", f"{base}/3/3")
    await port.stopListening()
    assert (seen, said) == (out, how)
