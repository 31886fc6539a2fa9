"""StreamingRequest: bodies while they arrive, and answers before they have."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import klein
import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock, deferLater
from twisted.web import util, vhost
from twisted.web.resource import EncodingResourceWrapper, IResource, Resource
from twisted.web.server import NOT_DONE_YET, GzipEncoderFactory, Site
from twisted.web.test.requesthelper import DummyChannel
from zope.interface import implementer

from tests.guard import LoggedErrors
from tests.web.test_like_stock import BAD, GOOD, Mirror, guarded
from tests.web.wire import (
    CHUNKED,
    FORM,
    Wire,
    chunk,
    chunks,
    cuts,
    form,
    head,
    part,
    request_bytes,
)
from txmultipart import (
    MemorySink,
    MisuseError,
    MultipartReader,
    UploadAborted,
    get_body,
)
from txmultipart.body.delivery import BodyReader
from txmultipart.interfaces import IStreamingResource
from txmultipart.web.marker import streaming
from txmultipart.web.request import Mode, StreamingRequest

pytestmark = pytest.mark.filterwarnings(
    "ignore:twisted.web.resource._Unsafe:DeprecationWarning"
)

GET = request_bytes(target="/nowhere")
MiB = 1 << 20


@implementer(IStreamingResource)
class Taker(Resource):
    """Keeps the body of its last request, and answers when a test says so."""

    isLeaf = True
    body: BodyReader

    def render(self, request: Any) -> int:
        self.request = request
        self.body = get_body(request)
        return NOT_DONE_YET

    def answer(self, data: bytes = b"done", code: int = 200) -> None:
        """Answer the request."""
        self.request.setResponseCode(code)
        self.request.setHeader(b"Content-Length", b"%d" % len(data))
        self.request.write(data)
        self.request.finish()


@implementer(IStreamingResource)
class Reader(Resource):
    """Reads all of the body and sends it back; ``read`` fires when it has."""

    isLeaf = True
    read: Deferred[Any]

    def render(self, request: Any) -> int:
        self.read = get_body(request).read()
        self.read.addCallback(lambda data: (request.write(data), request.finish()))
        return NOT_DONE_YET


@implementer(IStreamingResource)
class Refuser(Resource):
    """Answers at once, whatever comes."""

    isLeaf = True

    def __init__(self, code: int = 413) -> None:
        super().__init__()
        self.code = code

    def render(self, request: Any) -> bytes:
        request.setResponseCode(self.code)
        return b"no"


def begun(length: int | None = 10, *headers: str, target: str = "/") -> bytes:
    """The head of an upload."""
    size = CHUNKED if length is None else f"Content-Length: {length}"
    return head("PUT", target, size, *headers)


def at_root(leaf: IResource) -> IResource:
    """A tree with ``leaf`` at ``/`` and nothing elsewhere."""
    root = Resource()
    root.putChild(b"", leaf)
    return root


def result_of(deferred: Deferred[Any]) -> Any:
    """What ``deferred`` has fired with; None if it has not."""
    results: list[Any] = []
    deferred.addBoth(results.append)
    return results[0] if results else None


class TestStreaming:
    """A marked resource sees the body arrive."""

    def test_it_runs_when_the_headers_are_in(self) -> None:
        taker = Taker()
        Wire(taker).send(begun(10, target="/a/b?q=1"))
        request = taker.request
        assert request.mode is Mode.STREAMING
        assert (request.method, request.uri) == (b"PUT", b"/a/b?q=1")
        assert (request.path, request.args) == (b"/a/b", {b"q": [b"1"]})
        assert request.clientproto == b"HTTP/1.1"
        assert request.postpath == [b"a", b"b"]
        assert taker.body.length == 10
        assert taker.body is get_body(request)

    def test_chunk_by_chunk(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(10))
        for piece in (b"0123", b"456", b"789"):
            waiting = taker.body.read_chunk()
            assert result_of(waiting) is None
            wire.send(piece)
            assert waiting.called
        assert taker.body.taken == 10
        assert result_of(taker.body.read_chunk()) == b""
        taker.answer()
        assert wire.answer.body == b"done"
        assert not wire.is_closed()

    @pytest.mark.parametrize("length", [10, None], ids=["length", "chunked"])
    def test_cut_anywhere(self, length: int | None) -> None:
        body = b"0123456789" if length else chunks(b"01234", b"56789")
        for pieces in cuts(begun(length) + body + GET):
            wire = Wire(at_root(Reader()))
            for piece in pieces:
                wire.send(piece)
            assert [answer.status for answer in wire.answers] == [200, 404]
            assert wire.answers[0].body == b"0123456789"
            wire.lose()

    def test_two_uploads_and_a_get_in_one_segment(self) -> None:
        upload = begun(None) + chunks(b"01234", b"56789")
        wire = Wire(at_root(Reader())).send(upload + upload + GET)
        assert [answer.status for answer in wire.answers] == [200, 200, 404]
        assert [answer.body for answer in wire.answers][:2] == [b"0123456789"] * 2
        assert not wire.is_closed()

    def test_trailers_are_no_part_of_the_body(self) -> None:
        trailed = chunk(b"01234") + b"0\r\nDigest: x\r\n\r\n"
        wire = Wire(at_root(Reader())).send(begun(None) + trailed + GET)
        assert wire.answers[0].body == b"01234"
        assert len(wire.answers) == 2

    @pytest.mark.parametrize("length", [0, None], ids=["length", "chunked"])
    async def test_an_empty_body(self, length: int | None) -> None:
        reader = Reader()
        wire = Wire(at_root(reader)).send(begun(length))
        wire.send(b"" if length == 0 else chunks())
        await reader.read
        assert wire.answer.body == b""
        assert [answer.status for answer in wire.send(GET).answers] == [200, 404]

    def test_the_peer_of_an_empty_body_goes_away(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(0)).lose()
        assert taker.body.length == 0
        assert wire.raw == b""

    async def test_no_body_at_all(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(request_bytes())
        assert taker.request.mode is Mode.CLASSIC
        assert await taker.body.read() == b""
        taker.answer()
        assert wire.answer.status == 200

    def test_http_1_0(self) -> None:
        sent = request_bytes("PUT", "/", b"01234", version="HTTP/1.0")
        wire = Wire(Reader()).send(sent)
        assert wire.answer.body == b"01234"
        assert wire.is_closed()

    def test_full_duplex(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(None))
        echoed = taker.body.write_to(taker.request)
        for piece in (b"one", b"two"):
            wire.send(chunk(piece))
            assert wire.transport.value().endswith(chunk(piece))
        wire.send(chunk(b""))
        assert result_of(echoed) == 6
        taker.request.finish()
        assert wire.transport.value().endswith(chunks(b"one", b"two"))
        assert wire.answer.body == b"onetwo"

    def test_a_slow_reader_of_an_echo_slows_down_its_sender(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(None))
        echoed = taker.body.write_to(taker.request)
        wire.transport.producer.pauseProducing()
        assert not wire.transport.reading
        wire.transport.producer.resumeProducing()
        assert wire.transport.reading
        wire.lose()
        assert isinstance(result_of(echoed).value, UploadAborted)

    def test_the_content_is_not_here(self, logged_errors: LoggedErrors) -> None:
        wire = Wire(streaming(Mirror())).send(begun(5) + b"01234" + GET)
        assert [answer.status for answer in wire.answers] == [500, 200]
        (error,) = logged_errors.flush(MisuseError)
        assert "get_body" in str(error)

    async def test_klein(self) -> None:
        seen: list[bytes] = []
        app = klein.Klein()

        @app.route("/up", methods=["PUT"])
        async def upload(request: Any) -> bytes:
            async for piece in get_body(request):
                seen.append(piece)
            return b"%d" % len(seen)

        wire = Wire(streaming(app.resource())).send(begun(6, target="/up"))
        wire.send(b"abc")
        assert seen == [b"abc"]
        wire.send(b"def")
        assert seen == [b"abc", b"def"]
        assert wire.answer.body == b"2"


class TestWithoutStreaming:
    """get_body works wherever a resource is put."""

    @pytest.mark.parametrize("length", [5, None], ids=["length", "chunked"])
    async def test_a_stock_site(self, length: int | None) -> None:
        reader = Reader()
        body = b"01234" if length else chunks(b"01234")
        wire = Wire(reader, Site).send(begun(length) + body)
        await reader.read
        assert wire.answer.body == b"01234"

    async def test_a_resource_that_another_one_renders(self) -> None:
        reader = Reader()
        host: Any = vhost.NameVirtualHost()
        host.default = reader
        root = Resource()
        root.putChild(b"host", host)
        wire = Wire(root).send(begun(5, target="/host") + b"01234")
        await reader.read
        assert wire.answer.body == b"01234"
        assert [answer.status for answer in wire.send(GET).answers] == [200, 404]

    async def test_the_requests_of_another_transport(self) -> None:
        taker = Taker()
        channel = DummyChannel()
        channel.site = Site(taker)
        request: Any = StreamingRequest(channel, False)
        request.gotLength(5)
        request.handleContentChunk(b"01234")
        request.requestReceived(b"PUT", b"/", b"HTTP/2")
        assert request.mode is Mode.CLASSIC
        assert await taker.body.read() == b"01234"
        request.content.close()


def wrappers(marked: IResource, clock: Clock) -> dict[str, IResource]:
    """``marked`` as it may be met: behind, within and below others."""
    host: Any = vhost.NameVirtualHost()
    host.default = marked
    later = Resource()
    later.getChild = lambda path, request: util.DeferredResource(  # type: ignore[method-assign]
        deferLater(clock, 1, lambda: marked)
    )
    gzip = EncodingResourceWrapper(marked, [GzipEncoderFactory()])
    return {
        "plain": marked,
        "gzip": gzip,
        "gzip-twice": EncodingResourceWrapper(gzip, []),
        "guard": guarded(marked, clock),
        "slow-guard": guarded(marked, clock, 1),
        "guard-and-gzip": guarded(gzip, clock),
        "host": host,
        "later": later,
    }


@pytest.mark.parametrize("name", wrappers(Resource(), Clock()))
def test_a_marked_resource_is_found_wherever_it_is(name: str) -> None:
    clock = Clock()
    taker = Taker()
    root = Resource()
    root.putChild(b"x", wrappers(taker, clock)[name])
    wire = Wire(root, clock=clock).send(begun(10, GOOD, target="/x/y") + b"01234")
    clock.advance(1)
    assert taker.request.mode is Mode.STREAMING
    assert result_of(taker.body.read_chunk()) == b"01234"
    reading = taker.body.read()
    wire.run().send(b"56789")
    assert result_of(reading) == b"56789"
    taker.answer()
    assert wire.answer.status == 200
    assert wire.transport.reading


def test_a_marked_resource_below_a_monster() -> None:
    root = Resource()
    taker = Taker()
    root.putChild(b"m", vhost.VHostMonsterResource())
    root.putChild(b"up", taker)
    wire = Wire(root).send(begun(5, target="/m/http/else.test/up?q"))
    assert taker.request.uri == b"/up?q"
    reading = taker.body.read()
    wire.send(b"01234")
    assert result_of(reading) == b"01234"
    assert taker.request.uri == b"/up?q"
    taker.answer()


class TestGuard:
    """Who may not send hears so before sending."""

    @pytest.mark.parametrize("delay", [None, 1], ids=["at once", "later"])
    @pytest.mark.parametrize("marked", [Taker(), Mirror()], ids=["marked", "ordinary"])
    @pytest.mark.parametrize("credentials", [(BAD,), ()], ids=["bad", "none"])
    def test_401_before_the_upload(
        self, credentials: tuple[str, ...], marked: IResource, delay: float | None
    ) -> None:
        clock = Clock()
        wire = Wire(guarded(marked, clock, delay), clock=clock)
        wire.send(begun(64 * MiB, "Expect: 100-continue", *credentials, target="/x"))
        clock.advance(delay or 0)
        assert wire.answer.status == 401
        assert wire.answer.headers["www-authenticate"].startswith("basic")
        assert wire.answer.headers["connection"] == "close"
        clock.advance(10)
        assert wire.is_closed()

    def test_nothing_is_read_while_a_checker_thinks(self) -> None:
        clock = Clock()
        wire = Wire(guarded(Taker(), clock, 30), clock=clock, timeout=10)
        wire.send(begun(200_000, GOOD, target="/x") + bytes(200_000))
        assert wire.unread > 100_000
        clock.advance(29)
        assert not wire.is_closed()
        wire.lose()


class TestBackpressure:
    """What nobody reads stays with its sender."""

    def test_the_transport_is_paused_until_somebody_reads(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(MiB) + bytes(MiB))
        assert not wire.transport.reading
        assert wire.unread >= MiB - (1 << 16)
        waiting = taker.body.read()
        assert wire.run().unread == 0
        assert len(result_of(waiting)) == MiB
        taker.answer()
        wire.lose()

    def test_chunk_by_chunk_not_more_than_one_read_is_held(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(MiB) + bytes(MiB))
        while taker.body.taken < MiB:
            before, waiting = wire.unread, taker.body.read_chunk()
            wire.run()
            assert 0 < len(result_of(waiting)) <= 1 << 16
            assert before - wire.unread <= 1 << 16
        taker.answer()

    def test_a_pause_of_ours_is_no_idleness(self) -> None:
        taker = Taker()
        wire = Wire(taker, timeout=10).send(begun(10) + b"01234")
        wire.clock.advance(1000)
        assert not wire.is_closed()
        waiting = taker.body.read()
        wire.clock.advance(9)
        assert not wire.is_closed()
        wire.clock.advance(1)
        assert wire.is_closed()
        wire.lose()
        assert isinstance(result_of(waiting).value, UploadAborted)

    def test_without_an_idle_timeout(self) -> None:
        taker = Taker()
        wire = Wire(taker, timeout=None).send(begun(10) + b"01234")
        waiting = taker.body.read()
        wire.run().send(b"56789")
        assert result_of(waiting) == b"0123456789"
        taker.answer()
        assert wire.clock.getDelayedCalls() == []

    def test_a_body_that_ends_while_paused_keeps_the_keep_alive_timeout(self) -> None:
        taker = Taker()
        wire = Wire(taker, timeout=10).send(begun(5) + b"01234")
        wire.clock.advance(1000)
        assert result_of(taker.body.read()) == b"01234"
        taker.answer()
        wire.clock.advance(9)
        assert not wire.is_closed()
        wire.clock.advance(1)
        assert wire.is_closed()
        wire.lose()

    def test_after_the_body_the_connection_is_watched(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(5) + b"01234")
        assert wire.transport.reading
        wire.lose()

    def test_the_channel_resumes_behind_our_back(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(MiB) + bytes(MiB))
        before = wire.unread
        wire.transport.producer.resumeProducing()
        assert wire.transport.reading
        wire.run()
        assert not wire.transport.reading
        assert before - wire.unread <= 1 << 16
        wire.lose()

    def test_a_pause_twice_keeps_the_timeout(self) -> None:
        taker = Taker()
        wire = Wire(taker, timeout=10).send(begun(10) + b"0")
        wire.protocol.dataReceived(b"1")
        waiting = taker.body.read()
        assert wire.channel.timeOut == 10
        wire.send(bytes(8))
        assert len(result_of(waiting)) == 10
        taker.answer()


CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECT = "Expect: 100-continue"


class TestExpect:
    """Leave to send is given when the body is wanted, and never after a refusal."""

    def test_when_the_body_is_first_read(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(5, EXPECT))
        assert wire.raw == b""
        waiting = taker.body.read()
        assert wire.raw == CONTINUE
        wire.send(b"01234")
        assert result_of(waiting) == b"01234"
        taker.answer()
        assert wire.raw.count(CONTINUE) == 1
        assert wire.answer.status == 200

    def test_not_when_the_body_has_come_without_it(self) -> None:
        wire = Wire(Reader()).send(begun(5, EXPECT) + b"01234")
        assert wire.answer.body == b"01234"
        taker = Taker()
        wire = Wire(taker).send(begun(10, EXPECT) + b"01234")
        waiting = taker.body.read()
        assert wire.raw == b""
        wire.run().send(b"56789")
        assert result_of(waiting) == b"0123456789"
        taker.answer()

    @pytest.mark.parametrize("length", [5, 5 * MiB, None])
    def test_not_after_a_refusal(self, length: int | None) -> None:
        wire = Wire(Refuser()).send(begun(length, EXPECT))
        assert wire.raw.startswith(b"HTTP/1.1 413 ")
        assert wire.answer.headers["connection"] == "close"
        wire.clock.advance(5)
        assert CONTINUE not in wire.raw
        assert wire.is_closed()
        wire.lose()

    def test_a_refused_body_that_comes_all_the_same(self) -> None:
        wire = Wire(Refuser()).send(begun(5, EXPECT)).send(b"01234" + GET)
        assert wire.answer.status == 413
        assert wire.is_closed()

    def test_not_to_old_ones(self) -> None:
        sent = head("PUT", "/", EXPECT, "Content-Length: 5").replace(b"/1.1", b"/1.0")
        wire = Wire(Reader()).send(sent)
        assert wire.raw == b""
        assert wire.send(b"01234").answer.body == b"01234"

    def test_an_ordinary_resource_that_is_found_later(self) -> None:
        clock = Clock()
        wire = Wire(guarded(Mirror(), clock, 1), clock=clock)
        wire.send(begun(5, EXPECT, GOOD, target="/x"))
        assert wire.raw == b""
        clock.advance(1)
        assert wire.raw == CONTINUE
        wire.send(b"01234")
        assert b"'Expect', [b'100-continue']" in wire.answer.body


class TestEarlyAnswer:
    """An answer in the middle of the upload arrives, and what follows is understood."""

    @pytest.mark.parametrize("code", [413, 401, 500])
    def test_little_is_left(self, code: int) -> None:
        wire = Wire(Refuser(code)).send(begun(1000) + bytes(10))
        assert wire.answer.status == code
        assert "connection" not in wire.answer.headers
        wire.send(bytes(990) + request_bytes())
        assert [answer.status for answer in wire.answers] == [code, code]
        assert not wire.is_closed()
        assert wire.transport.reading

    def test_it_is_not_waited_for_longer_than_an_idle_peer(self) -> None:
        wire = Wire(Refuser(), timeout=10).send(begun(1000) + bytes(10))
        wire.clock.advance(10)
        assert wire.is_closed()
        wire.lose()

    def test_the_next_request_waits_for_its_timeout(self) -> None:
        wire = Wire(Refuser(), timeout=10).send(begun(1000) + bytes(1000))
        assert wire.channel.timeOut == 10

    @pytest.mark.parametrize("length", [2 * MiB, None], ids=["large", "unknown"])
    def test_much_is_left(self, length: int | None) -> None:
        wire = Wire(Refuser()).send(begun(length))
        assert wire.answer.status == 413
        assert wire.answer.headers["connection"] == "close"
        assert wire.transport.reading
        wire.clock.advance(4.9)
        assert not wire.is_closed()
        wire.clock.advance(0.1)
        assert wire.is_closed()
        wire.lose()

    def test_a_drained_body_closes_the_connection_at_its_end(self) -> None:
        wire = Wire(Refuser()).send(begun(2 * MiB)).send(bytes(2 * MiB) + GET)
        assert wire.is_closed()
        assert wire.answer.status == 413
        assert wire.clock.getDelayedCalls() == []

    def test_not_more_than_a_bound_is_drained(self) -> None:
        wire = Wire(Refuser()).send(begun(64 * MiB)).send(bytes(17 * MiB))
        assert wire.is_closed()
        assert 0 < wire.unread <= MiB
        wire.lose()
        assert wire.clock.getDelayedCalls() == []

    @pytest.mark.parametrize("length", [100, None], ids=["known", "unknown"])
    def test_the_rest_is_never_taken_for_a_request(self, length: int | None) -> None:
        smuggled = request_bytes(target="/smuggled")
        body = smuggled.ljust(100) if length else chunks(smuggled)
        root = Resource()
        root.putChild(b"no", Refuser())
        for cut in range(len(body)):
            wire = Wire(root).send(begun(length, target="/no") + body[:cut])
            wire.send(body[cut:])
            assert wire.answer.status == 413
            wire.lose()
            assert b"smuggled" not in wire.log.getvalue()

    def test_whoever_still_reads_is_told(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(10) + b"01234")
        reading = taker.body.read()
        wire.run()
        taker.answer()
        error = result_of(reading).value
        assert isinstance(error, MisuseError)
        assert error.code == "body-dropped"
        assert [a.status for a in wire.send(b"56789" + GET).answers][:1] == [200]
        assert wire.unread == 0

    def test_a_reader_that_holds_the_body_back_does_not_hold_up_what_follows(
        self,
    ) -> None:
        root = Resource()
        taker = Taker()
        root.putChild(b"form", taker)
        body = form(part("a", bytes(1000)), part("b", bytes(1000)))
        length = f"Content-Length: {len(body)}"
        wire = Wire(root).send(head("POST", "/form", FORM, length))
        reader = MultipartReader.from_request(taker.request)
        wire.send(body[:500])
        assert not wire.transport.reading
        taker.answer(b"enough", 413)
        wire.send(body[500:] + GET)
        assert [answer.status for answer in wire.answers] == [413, 404]
        failure = result_of(reader.for_each(lambda part: part.read()))
        assert failure.value.code == "body-dropped"

    def test_a_sink_that_is_written_to_is_told_to_undo(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(10))
        told: list[str] = []

        class Watched(MemorySink):
            def fail(self, failure: Any) -> Deferred[None]:
                told.append(failure.value.code)
                return succeed(None)

            def finish(self) -> Deferred[None]:
                told.append("finish")
                return succeed(None)

        written = taker.body.write_to(Watched(100))
        wire.send(b"01234")
        taker.answer()
        assert told == ["body-dropped"]
        assert isinstance(result_of(written).value, MisuseError)

    def test_an_answer_without_content(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(None) + chunk(b"0"))
        taker.request.setResponseCode(204)
        taker.request.finish()
        assert wire.answer.headers["connection"] == "close"
        wire.send(chunk(b""))
        assert wire.is_closed()

    def test_an_encoder_that_has_its_say_at_the_end(self) -> None:
        taker = Taker()
        root = EncodingResourceWrapper(taker, [GzipEncoderFactory()])
        wire = Wire(root).send(begun(None, "Accept-Encoding: gzip"))
        taker.request.finish()
        assert wire.answer.headers["connection"] == "close"
        assert wire.answer.headers["content-encoding"] == "gzip"
        wire.lose()

    def test_it_is_logged_once(self) -> None:
        wire = Wire(Refuser()).send(begun(10)).send(bytes(10))
        assert wire.log.getvalue().count(b'"PUT / HTTP/1.1" 413 2 ') == 1

    def test_notify_finish_does_not_wait_for_the_rest(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(10))
        told = taker.request.notifyFinish()
        taker.answer()
        assert result_of(told) is None
        assert told.called
        wire.send(bytes(10))
        assert not wire.is_closed()

    def test_a_route_of_klein_that_raises(self, logged_errors: LoggedErrors) -> None:
        app = klein.Klein()

        @app.route("/", methods=["PUT"])
        async def upload(request: Any) -> bytes:
            raise ZeroDivisionError

        wire = Wire(streaming(app.resource())).send(begun(10) + b"01234")
        assert wire.answer.status == 500
        assert len(logged_errors.flush(ZeroDivisionError)) == 1
        assert [answer.status for answer in wire.send(b"56789" + GET).answers] == [
            500,
            404,
        ]

    def test_finishing_twice_is_warned_about(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(10))
        taker.answer()
        with pytest.warns(UserWarning, match="finish called twice"):
            taker.request.finish()
        wire.lose()

    def test_the_star(self) -> None:
        sent = head("OPTIONS", "*", "Content-Length: 5") + b"01234" + GET
        wire = Wire(Resource()).send(sent)
        assert [answer.status for answer in wire.answers] == [200, 404]

    def test_looking_up_raises(self, logged_errors: LoggedErrors) -> None:
        root = Resource()
        root.getChild = lambda path, request: 1 // 0  # type: ignore[method-assign]
        wire = Wire(root).send(begun(2 * MiB, target="/x"))
        assert wire.answer.status == 500
        assert wire.send(bytes(2 * MiB)).is_closed()
        assert len(logged_errors.flush(ZeroDivisionError)) == 1

    def test_a_marked_resource_raises(self, logged_errors: LoggedErrors) -> None:
        broken = Taker()
        broken.render = lambda request: 1 // 0  # type: ignore[method-assign]
        wire = Wire(broken).send(begun(10) + b"01234").send(b"56789" + request_bytes())
        assert [answer.status for answer in wire.answers] == [500, 500]
        assert len(logged_errors.flush(ZeroDivisionError)) == 2


@pytest.mark.parametrize("bad", [b"zz\r\n", b"5\r\n01234xx", b"-1\r\n"])
def test_broken_chunks(bad: bytes) -> None:
    taker = Taker()
    wire = Wire(taker).send(begun(None) + chunk(b"abc"))
    reading = taker.body.read()
    wire.run().send(bad)
    assert wire.raw == b"HTTP/1.1 400 Bad Request\r\n\r\n"
    assert wire.is_closed()
    wire.lose()
    assert isinstance(result_of(reading).value, UploadAborted)


def test_broken_chunks_after_the_answer() -> None:
    wire = Wire(Refuser()).send(begun(None)).send(b"zz\r\n")
    assert wire.answer.status == 413
    assert wire.raw.endswith(b"no")
    assert wire.is_closed()
    wire.lose()
    assert wire.clock.getDelayedCalls() == []


def test_broken_chunks_in_the_middle_of_the_answer() -> None:
    taker = Taker()
    wire = Wire(taker).send(begun(None))
    echoed = taker.body.write_to(taker.request)
    wire.send(chunk(b"abc"))
    before = wire.raw
    wire.send(b"zz\r\n")
    assert wire.raw == before
    assert wire.is_closed()
    wire.lose()
    assert isinstance(result_of(echoed).value, UploadAborted)


WAYS: dict[str, Callable[[Any], Deferred[Any]]] = {
    "read_chunk": lambda request: get_body(request).read_chunk(),
    "read": lambda request: get_body(request).read(),
    "readline": lambda request: get_body(request).readline(),
    "write_to": lambda request: get_body(request).write_to(MemorySink(MiB)),
    "next_part": lambda request: MultipartReader.from_request(request).next_part(),
    "for_each": lambda request: MultipartReader.from_request(request).for_each(
        lambda part: part.read()
    ),
}


class TestAbort:
    """The peer goes away in the middle of its body."""

    @pytest.mark.parametrize("reason", [ConnectionDone(), ConnectionLost()])
    @pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
    def test_whoever_waits_is_told(
        self, way: Callable[[Any], Deferred[Any]], reason: Exception
    ) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(1000, FORM))
        waiting = way(taker.request)
        wire.lose(reason)
        error = result_of(waiting).value
        assert isinstance(error, UploadAborted)
        assert error.reason is reason
        assert error.received == 0

    def test_after_some_bytes(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(1000) + b"01234")
        wire.lose()
        assert result_of(taker.body.read_chunk()) == b"01234"
        error = result_of(taker.body.read_chunk()).value
        assert isinstance(error, UploadAborted)
        assert error.received == 5
        assert "5 bytes" in str(error)

    def test_a_handler_that_reads_in_a_loop(self) -> None:
        seen: list[object] = []

        async def take(pieces: AsyncIterator[bytes]) -> None:
            try:
                async for piece in pieces:
                    seen.append(piece)
            except UploadAborted as error:
                seen.append(error.received)

        taker = Taker()
        wire = Wire(taker).send(begun(1000))
        done = Deferred.fromCoroutine(take(taker.body))
        wire.send(b"01234").lose()
        assert seen == [b"01234", 5]
        assert done.called

    def test_in_klein(self) -> None:
        """klein cancels; what reads sees UploadAborted, since that comes first."""
        seen: list[type[BaseException]] = []
        app = klein.Klein()

        @app.route("/", methods=["PUT"])
        async def upload(request: Any) -> bytes:
            try:
                return await get_body(request).read()
            except BaseException as error:
                seen.append(type(error))
                raise

        wire = Wire(streaming(app.resource())).send(begun(10) + b"01234").run()
        wire.lose()
        assert seen == [UploadAborted]

    def test_klein_cancels_what_waits_for_something_else(self) -> None:
        seen: list[type[BaseException]] = []
        app = klein.Klein()

        @app.route("/", methods=["PUT"])
        async def upload(request: Any) -> bytes:
            try:
                return await Deferred()
            except BaseException as error:
                seen.append(type(error))
                raise

        Wire(streaming(app.resource())).send(begun(10) + b"01234").lose()
        assert seen == [CancelledError]

    def test_after_the_whole_body_it_is_no_abort(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(5) + b"01234")
        told = taker.request.notifyFinish()
        wire.lose()
        assert result_of(taker.body.read()) == b"01234"
        assert isinstance(result_of(told).value, ConnectionDone)

    def test_after_an_early_answer_it_is_no_abort(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(begun(2 * MiB))
        taker.answer()
        wire.lose()
        assert wire.clock.getDelayedCalls() == []
        assert result_of(taker.body.read()).value.code == "body-dropped"

    def test_while_a_checker_thinks(self) -> None:
        clock = Clock()
        taker = Taker()
        wire = Wire(guarded(taker, clock, 1), clock=clock)
        wire.send(begun(10, GOOD, target="/x") + b"01234").lose()
        clock.advance(1)  # As under a stock Site it is rendered all the same.
        assert isinstance(result_of(taker.body.read()).value, UploadAborted)

    def test_a_handler_may_answer_nobody(self) -> None:
        taker = Taker()
        Wire(taker).send(begun(10) + b"01234").lose()
        taker.request.write(b"hello?")
        with pytest.raises(RuntimeError, match="connection was lost"):
            taker.request.finish()
