"""Requests and answers: what people know of twisted.web, on HTTP/2."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.web.guard import BasicCredentialFactory, HTTPAuthSessionWrapper
from twisted.web.resource import EncodingResourceWrapper, Resource
from twisted.web.server import GzipEncoderFactory, Request, Site

from tests.guard import LoggedErrors
from tests.http2.client import Client
from tests.http2.resources import Echo, Taker, Text, Writer
from txmultipart import UploadAborted
from txmultipart.http2 import StreamReset
from txmultipart.web.channel import NegotiatingChannel

pytestmark = pytest.mark.filterwarnings(
    "ignore:twisted.web.resource._Unsafe:DeprecationWarning"
)


def test_an_answer() -> None:
    client = Client(Text(b"hello"))
    answer = client.answers[client.request()]
    assert (answer.status, answer.body, answer.ended) == (200, b"hello", True)
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["content-length"] == "5"
    assert not {"connection", "transfer-encoding"} & answer.headers.keys()


def test_what_is_announced() -> None:
    client = Client(Text(b""))
    assert client.settings[3] == 100
    assert client.settings[4] == 128 << 10
    assert client.settings[5] == 16384
    assert client.settings[6] == 32 << 10
    assert client.settings[9] == 1
    assert client.credit[0] == (16 << 20) - 65535


def test_what_a_request_knows() -> None:
    writer = Writer()
    client = Client(writer)
    client.request(
        "GET", "/a/b?q=1", ("x-mine", "v"), ("cookie", "a=1"), ("cookie", "b=2")
    )
    (request,) = writer.requests
    assert (request.method, request.uri, request.path) == (b"GET", b"/a/b?q=1", b"/a/b")
    assert request.clientproto == b"HTTP/2"
    assert request.args == {b"q": [b"1"]}
    assert request.getHeader("x-mine") == "v"
    assert request.getHeader("host") == "example.test"
    assert request.getRequestHostname() == b"example.test"
    assert (request.getCookie(b"a"), request.getCookie(b"b")) == (b"1", b"2")
    assert request.getClientAddress() == IPv4Address("TCP", "192.0.2.1", 4711)
    assert request.getHost() == client.transport.getHost()
    assert not request.isSecure()


def test_the_access_log() -> None:
    client = Client(Text(b"hello"))
    client.request("GET", "/x")
    assert b'"GET /x HTTP/2" 200 5' in client.log.getvalue()


@pytest.mark.parametrize("body", [b"", b"x", bytes(100_000)], ids=len)
def test_an_ordinary_resource_has_the_whole_body(body: bytes) -> None:
    client = Client(Echo(), window=1 << 20)
    client.update(1 << 20)
    answer = client.answers[client.upload(body)]
    assert (answer.status, answer.body, answer.ended) == (200, body, True)


def test_a_form_is_parsed_as_ever() -> None:
    class Form(Resource):
        isLeaf = True

        def render_POST(self, request: Any) -> bytes:
            return repr(request.args).encode()

    client = Client(Form())
    kind = ("content-type", "application/x-www-form-urlencoded")
    stream_id = client.request("POST", "/?b=2", kind, end=False)
    client.data(stream_id, b"a=1", end=True)
    assert client.answers[stream_id].body == repr({b"b": [b"2"], b"a": [b"1"]}).encode()


def test_a_form_that_is_none_is_refused() -> None:
    client = Client(Echo(), requestFactory=Request)
    kind = ("content-type", "multipart/form-data")
    stream_id = client.request("POST", "/", kind, end=False)
    client.data(stream_id, b"no form", end=True)
    assert client.answers[stream_id].status == 400
    assert client.answers[stream_id].ended
    assert client.lives()


def test_a_stock_request_works_as_well() -> None:
    client = Client(Echo(), requestFactory=Request)
    stream_id = client.request("PUT", "/", ("expect", "100-continue"), end=False)
    assert [head[":status"] for head in client.answers[stream_id].heads] == ["100"]
    client.data(stream_id, b"abc", end=True)
    assert client.answers[stream_id].body == b"abc"


def test_a_request_factory_that_wants_to_know_about_queues() -> None:
    queued: list[bool] = []

    def factory(channel: Any, queue: bool) -> Request:
        queued.append(queue)
        return Request(channel)

    client = Client(Echo(), requestFactory=factory)
    assert client.answers[client.request()].body == b"hello"
    assert queued == [False]


@pytest.mark.parametrize("make_site", [Site], ids=["stock site"])
def test_the_protocol_works_under_a_stock_site(make_site: Any) -> None:
    def site(root: Any, **options: Any) -> Any:
        made = make_site(root, **options)
        made.protocol = NegotiatingChannel
        return made

    client = Client(Echo(), make_site=site)
    assert client.answers[client.upload(b"abc")].body == b"abc"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("code", [200, 204, 304])
def test_answers_without_a_body(method: str, code: int) -> None:
    writer = Writer()
    client = Client(writer)
    stream_id = client.request(method, "/")
    (request,) = writer.requests
    request.setResponseCode(code)
    request.write(b"hello")
    request.finish()
    answer = client.read().answers[stream_id]
    has_body = method == "GET" and code == 200
    assert (answer.status, answer.ended) == (code, True)
    assert answer.body == (b"hello" if has_body else b"")
    assert answer.frames == ([5, 0] if has_body else [])
    assert not client.is_closed


def test_head_of_a_resource_that_has_get() -> None:
    client = Client(Text(b"hello"))
    answer = client.answers[client.request("HEAD", "/")]
    assert answer.headers["content-length"] == "5"
    assert (answer.body, answer.ended) == (b"", True)


def test_an_empty_answer_is_one_frame() -> None:
    client = Client(Text(b""))
    answer = client.answers[client.request()]
    assert (answer.status, answer.ended, answer.frames) == (200, True, [])


def test_notify_finish() -> None:
    writer = Writer()
    client = Client(writer)
    client.request()
    assert writer.ends == []
    writer.requests[0].finish()
    assert writer.ends == [None]


@pytest.mark.parametrize("how", ["reset", "lost"])
def test_notify_finish_tells_when_nobody_waits_any_more(how: str) -> None:
    writer = Writer()
    client = Client(writer)
    stream_id = client.request()
    client.reset(stream_id) if how == "reset" else client.lose()
    (end,) = writer.ends
    assert (end.check(StreamReset) is not None) == (how == "reset")
    writer.requests[0].write(b"to nobody")


def test_a_request_that_breaks_off_its_answer() -> None:
    writer = Writer()
    client = Client(writer)
    stream_id = client.request()
    writer.requests[0].write(b"part")
    writer.requests[0].loseConnection()
    answer = client.settle().answers[stream_id]
    assert (answer.body, answer.ended, answer.reset) == (b"part", False, 2)
    assert len(writer.ends) == 1
    assert not client.is_closed


def test_to_abort_is_to_break_off_as_well() -> None:
    writer = Writer()
    client = Client(writer)
    stream_id = client.request()
    writer.requests[0].transport.abortConnection()
    writer.requests[0].transport.abortConnection()
    assert client.settle().answers[stream_id].reset == 2


def test_a_header_that_cannot_be_sent_ends_its_stream(
    logged_errors: LoggedErrors,
) -> None:
    writer = Writer()
    client = Client(writer)
    stream_id = client.request()
    writer.requests[0].setHeader(b"X-Mine", b"a\x01b")
    writer.requests[0].write(b"x")
    writer.requests[0].finish()
    assert client.settle().answers[stream_id].reset == 2
    assert client.answers[stream_id].heads == []
    assert len(logged_errors.flush(ValueError)) == 1
    assert client.answers[client.request()].reset is None


def test_a_connection_header_is_left_out() -> None:
    writer = Writer()
    client = Client(writer)
    stream_id = client.request()
    writer.requests[0].setHeader(b"Connection", b"close")
    writer.requests[0].setHeader(b"X-Mine", b"v")
    writer.requests[0].finish()
    assert "connection" not in client.read().answers[stream_id].headers
    assert client.answers[stream_id].headers["x-mine"] == "v"


def test_a_request_that_breaks_down_ends_its_stream(
    logged_errors: LoggedErrors,
) -> None:
    class Broken(Request):
        def gotLength(self, length: int | None) -> None:
            raise ZeroDivisionError

    client = Client(Echo(), requestFactory=Broken)
    stream_id = client.request()
    assert client.settle().answers[stream_id].reset == 2
    assert len(logged_errors.flush(ZeroDivisionError)) == 1
    assert not client.is_closed


def test_a_resource_that_breaks_down_is_answered_as_ever(
    logged_errors: LoggedErrors,
) -> None:
    class Broken(Resource):
        isLeaf = True

        def render(self, request: Any) -> bytes:
            raise ZeroDivisionError

    client = Client(Broken())
    assert client.answers[client.request()].status == 500
    assert len(logged_errors.flush(ZeroDivisionError)) == 1


def test_guard() -> None:
    wrapper = HTTPAuthSessionWrapper(_portal(), [BasicCredentialFactory("here")])
    client = Client(wrapper)
    stream_id = client.request("PUT", "/", end=False)
    assert client.answers[stream_id].status == 401
    good = ("authorization", "Basic YTpi")
    stream_id = client.request("PUT", "/", good, end=False)
    client.data(stream_id, b"abc", end=True)
    assert client.answers[stream_id].body == b"abc"


def _portal() -> Any:
    from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
    from twisted.cred.portal import IRealm, Portal
    from twisted.web.resource import IResource
    from zope.interface import implementer

    @implementer(IRealm)
    class Realm:
        def requestAvatar(self, name: Any, mind: Any, *kinds: Any) -> Any:
            return IResource, Echo(), lambda: None

    checker = InMemoryUsernamePasswordDatabaseDontUse(a=b"b")
    return Portal(Realm(), [checker])


def test_gzip() -> None:
    root = EncodingResourceWrapper(Text(b"hello" * 100), [GzipEncoderFactory()])
    client = Client(root)
    answer = client.answers[client.request("GET", "/", ("accept-encoding", "gzip"))]
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.ended


def test_a_file(tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 4096)
    client = Client(_file(path), window=1 << 24)
    client.update(1 << 24)
    stream_id = client.request("GET", "/file")
    for _ in range(100):
        client.settle()
    assert client.answers[stream_id].body == path.read_bytes()
    assert client.answers[stream_id].ended


def test_a_file_that_nobody_reads_is_closed_when_they_leave(tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1 << 20))
    client = Client(_file(path))
    stream_id = client.request("GET", "/file")
    client.settle()
    assert len(client.answers[stream_id].body) == 65535
    client.lose()


def test_options_of_everything() -> None:
    client = Client(Echo())
    answer = client.answers[client.request("OPTIONS", "*")]
    assert (answer.status, answer.ended) == (200, True)


def test_connect_has_an_authority_for_its_target() -> None:
    writer = Writer()
    client = Client(writer)
    client.send(client.head([(":method", "CONNECT"), (":authority", "a.test:1")]))
    assert writer.requests[0].uri == b"a.test:1"


def test_leave_to_send_is_given_when_the_body_is_wanted() -> None:
    taker = Taker()
    client = Client(taker)
    stream_id = client.request("PUT", "/", ("expect", "100-continue"), end=False)
    assert client.answers[stream_id].heads == []
    pieces = taker.take()
    assert client.read().answers[stream_id].status == 100
    client.data(stream_id, b"abc", end=True)
    assert pieces == [b"abc"]
    taker.answer()
    assert client.read().answers[stream_id].status == 200
    assert len(client.answers[stream_id].heads) == 2


def test_no_leave_is_given_when_it_was_refused_or_not_waited_for() -> None:
    taker = Taker()
    client = Client(taker)
    expect = ("expect", "100-continue")
    refused = client.request("PUT", "/", expect, end=False)
    taker.answer(code=413)
    hasty = client.request("PUT", "/", expect, end=False)
    client.data(hasty, b"abc", end=True)
    taker.take()
    taker.answer()
    client.read()
    assert [head[":status"] for head in client.answers[refused].heads] == ["413"]
    assert [head[":status"] for head in client.answers[hasty].heads] == ["200"]


def test_expect_of_an_ordinary_resource() -> None:
    client = Client(Echo())
    stream_id = client.request("PUT", "/", ("expect", "100-continue"), end=False)
    assert client.answers[stream_id].status == 100
    client.data(stream_id, b"abc", end=True)
    assert client.answers[stream_id].body == b"abc"


def test_the_resource_runs_when_the_headers_are_in() -> None:
    taker = Taker()
    client = Client(taker)
    stream_id = client.request("PUT", "/a", ("content-length", "6"), end=False)
    (request,) = taker.requests
    assert request.postpath == [b"a"]
    assert taker.bodies[0].length == 6
    pieces = taker.take()
    for piece in (b"abc", b"def"):
        client.data(stream_id, piece)
    client.data(stream_id, end=True)
    assert pieces == [b"abc", b"def"]
    assert taker.sink.producer is None
    taker.answer()
    assert client.read().answers[stream_id].body == b"done"


def test_trailers_end_a_body() -> None:
    taker = Taker()
    client = Client(taker)
    stream_id = client.request("PUT", "/", ("content-length", "3"), end=False)
    pieces = taker.take()
    client.data(stream_id, b"abc")
    client.send(client.head([("x-sum", "1")], stream_id))
    assert pieces == [b"abc"]
    assert taker.sink.producer is None


@pytest.mark.parametrize("how", ["reset", "lost"])
def test_an_upload_that_is_aborted(how: str) -> None:
    taker = Taker()
    client = Client(taker)
    stream_id = client.request("PUT", "/", end=False)
    taker.take()
    client.data(stream_id, b"abc")
    client.reset(stream_id) if how == "reset" else client.lose()
    (failure,) = taker.sink.failures
    assert failure.check(UploadAborted)
    assert failure.value.received == 3
    assert len(taker.ends) == 1
    assert taker.requests[0].aborted


def test_an_early_answer_comes_whole_and_then_a_reset() -> None:
    taker = Taker()
    client = Client(taker)
    stream_id = client.request("PUT", "/", end=False)
    reading = taker.bodies[0].read_chunk()
    client.data(stream_id, b"abc")
    assert reading.called
    taker.answer(code=413)
    assert taker.ends == [None]
    client.data(stream_id, bytes(50_000))
    answer = client.answers[stream_id]
    assert (answer.status, answer.ended, answer.reset) == (413, True, None)
    client.advance(0.4)
    assert answer.reset is None
    client.advance(0.1)
    assert answer.reset == 0
    client.data(stream_id, bytes(50_000), end=True)
    assert not client.is_closed
    assert [
        frame for frame in client.seen if type(frame).__name__ == "RstStreamFrame"
    ] != []
    assert client.credit[stream_id] == 0


def test_an_early_answer_and_a_body_that_ends_soon_after() -> None:
    taker = Taker()
    client = Client(taker)
    stream_id = client.request("PUT", "/", end=False)
    taker.answer(code=413)
    client.data(stream_id, b"abc", end=True)
    client.advance(1)
    assert client.answers[stream_id].reset is None
    assert client.connection.streams == {}


def test_an_early_answer_and_a_last_frame_that_comes_slowly() -> None:
    taker = Taker()
    client = Client(taker)
    stream_id = client.request("PUT", "/", end=False)
    taker.answer(code=413)
    client.raw(b"\0\0\x0a\0\1\0\0\0" + bytes([stream_id]) + b"12345")
    client.advance(1)
    assert client.connection.streams == {}
    client.raw(b"67890")
    assert client.answers[stream_id].reset is None
    assert client.answers[stream_id].status == 413
    assert not client.is_closed


def test_an_early_answer_that_waits_for_the_window_stops_the_body() -> None:
    taker = Taker()
    client = Client(taker, window=1)
    stream_id = client.request("PUT", "/", end=False)
    taker.take()
    taker.answer(code=413)
    client.data(stream_id, bytes(100_000))
    assert client.credit[stream_id] == 0
    assert taker.bodies[0].taken == 0
    client.lose()


def test_head_that_breaks_off() -> None:
    writer = Writer()
    client = Client(writer)
    stream_id = client.request("HEAD", "/")
    request = writer.requests[0]
    request.write(b"")
    request.loseConnection()
    request.finish()
    assert client.settle().answers[stream_id].heads == []
    assert client.answers[stream_id].reset == 2


def test_whoever_reads_is_told_of_the_early_answer() -> None:
    taker = Taker()
    client = Client(taker)
    client.request("PUT", "/", end=False)
    taker.take()
    taker.answer(code=413)
    (failure,) = taker.sink.failures
    assert "answered before" in str(failure.value)


def _file(path: Any) -> Any:
    from twisted.web.static import File

    root = Resource()
    root.putChild(b"file", File(str(path)))
    return root


class Puller:
    """Writes ``total`` bytes when asked, piece by piece."""

    def __init__(self, request: Any, total: int, piece: int) -> None:
        self.request, self.left, self.piece = request, total, piece
        self.stopped = False

    def resumeProducing(self) -> None:
        size = min(self.piece, self.left)
        self.left -= size
        self.request.write(bytes(size))
        if not self.left:
            self.request.unregisterProducer()
            self.request.finish()

    def stopProducing(self) -> None:
        self.stopped = True


class Pusher(Puller):
    """Writes whenever a test says so, and keeps what it was told."""

    def __init__(self, request: Any) -> None:
        super().__init__(request, 0, 0)
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")


def test_a_pull_producer_is_asked_as_the_window_allows() -> None:
    writer = Writer()
    client = Client(writer)
    stream_id = client.request()
    puller = Puller(writer.requests[0], 300_000, 10_000)
    writer.requests[0].registerProducer(puller, False)
    for _ in range(50):
        client.settle()
    assert len(client.answers[stream_id].body) == 65535
    waiting = 300_000 - puller.left - 65535
    assert waiting <= 64 << 10
    client.update(1 << 20).update(1 << 20, stream_id)
    for _ in range(50):
        client.settle()
    assert len(client.answers[stream_id].body) == 300_000
    assert client.answers[stream_id].ended


def test_a_push_producer_is_held_back() -> None:
    writer = Writer()
    client = Client(writer, window=0)
    stream_id = client.request()
    pusher = Pusher(writer.requests[0])
    writer.requests[0].registerProducer(pusher, True)
    writer.requests[0].write(bytes(60_000))
    assert pusher.told == []
    writer.requests[0].write(bytes(60_000))
    assert pusher.told == ["pause"]
    client.update(1 << 20).update(80_000, stream_id)
    assert pusher.told == ["pause"]
    client.update(20_000, stream_id)
    assert pusher.told == ["pause", "resume"]
    client.reset(stream_id)
    assert pusher.stopped


def test_a_push_producer_that_writes_when_it_is_resumed() -> None:
    class Eager(Pusher):
        def resumeProducing(self) -> None:
            super().resumeProducing()
            self.request.write(bytes(10_000))
            self.request.write(b"")
            self.request.unregisterProducer()
            self.request.finish()

    writer = Writer()
    client = Client(writer, window=0)
    stream_id = client.request()
    eager = Eager(writer.requests[0])
    writer.requests[0].registerProducer(eager, True)
    writer.requests[0].write(bytes(50_000))
    writer.requests[0].write(bytes(20_000))
    client.update(1 << 20).update(1 << 20, stream_id)
    answer = client.answers[stream_id]
    assert eager.told == ["pause", "resume"]
    assert (len(answer.body), answer.ended) == (80_000, True)


def test_only_one_producer() -> None:
    writer = Writer()
    client = Client(writer)
    client.request()
    stream = writer.requests[0].channel
    stream.registerProducer(Pusher(writer.requests[0]), True)
    with pytest.raises(ValueError, match="already"):
        stream.registerProducer(Pusher(writer.requests[0]), True)
    client.lose()


def test_a_producer_for_nobody_is_stopped() -> None:
    writer = Writer()
    client = Client(writer)
    stream_id = client.request()
    stream = writer.requests[0].channel
    client.reset(stream_id)
    pusher = Pusher(writer.requests[0])
    stream.registerProducer(pusher, True)
    assert pusher.stopped
