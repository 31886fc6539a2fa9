"""The private names of twisted.web that we lean on are there, and do what we think.

Tried with Twisted 26.10.0. When one of these fails with a newer Twisted, look at
what became of the name in ``twisted/web/http.py`` and change ``web/http1.py``.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web import http
from twisted.web.guard import HTTPAuthSessionWrapper
from twisted.web.http import HTTPChannel
from twisted.web.resource import EncodingResourceWrapper, IResource, Resource
from twisted.web.server import GzipEncoderFactory, Request, Site
from twisted.web.test.requesthelper import DummyChannel, DummyRequest

from tests.web.test_like_stock import GOOD, guarded
from tests.web.wire import CHUNKED, Wire, chunks, head, request_bytes
from txmultipart.http2 import ServerStream
from txmultipart.interfaces import IStreamingResource
from txmultipart.web import http1
from txmultipart.web.marker import streaming

pytestmark = pytest.mark.filterwarnings(
    "ignore:twisted.web.resource._Unsafe:DeprecationWarning"
)


class Spy(Request):
    """Calls ``look`` with its channel as soon as its headers are in."""

    seen: Any = None

    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)
        type(self).seen = http1.request_line(self.channel)


def stock(timeout: float | None = 10) -> Wire:
    """A connection to a stock site, on which nothing of ours runs."""
    return Wire(Resource(), Site, timeout=timeout)


def test_the_request_line_stands_in_the_channel() -> None:
    """``HTTPChannel._command``, ``_path``, ``_version``."""
    wire = Wire(Resource(), Site, requestFactory=Spy)
    wire.send(head("PUT", "/a?b", CHUNKED)).lose()
    assert Spy.seen == (b"PUT", b"/a?b", b"HTTP/1.1")
    assert Spy.seen.method == b"PUT"
    assert Spy.seen.target == b"/a?b"
    assert Spy.seen.version == b"HTTP/1.1"


def test_the_timer_can_be_held_and_restored() -> None:
    wire = stock()
    assert http1.hold_timeout(wire.channel) == 10
    wire.clock.advance(100)
    assert not wire.is_closed()
    http1.restore_timeout(wire.channel, 10)
    wire.clock.advance(9)
    assert not wire.is_closed()
    wire.clock.advance(1)
    assert wire.is_closed()
    wire.lose()


def test_a_timer_that_is_not_there_is_held_as_well() -> None:
    wire = stock(timeout=None)
    assert http1.hold_timeout(wire.channel) is None
    http1.restore_timeout(wire.channel, None)
    assert wire.clock.getDelayedCalls() == []


@pytest.mark.parametrize("restored", [True, False])
def test_the_channel_restores_what_it_has_saved(restored: bool) -> None:
    """``HTTPChannel._savedTimeOut``: without it the timer would be off for good."""
    wire = stock().send(head("PUT", "/", "Content-Length: 1"))
    held = http1.hold_timeout(wire.channel)
    if restored:
        http1.restore_timeout_after_request(wire.channel, held)
    wire.send(b"x")
    assert wire.channel.timeOut == (10 if restored else None)
    wire.lose()


def test_the_channel_resumes_the_network_when_its_buffer_is_empty() -> None:
    """Why a pause is said again: ``HTTPChannel.resumeProducing``."""
    wire = stock().send(head("PUT", "/", "Content-Length: 1"))
    wire.transport.pauseProducing()
    wire.channel.resumeProducing()
    assert wire.transport.reading


def test_leave_to_send() -> None:
    """``HTTPChannel._send100Continue``."""
    wire = stock()
    http1.send_continue(wire.channel)
    assert wire.raw == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_the_channel_gives_leave_by_itself_only_while_the_header_is_there() -> None:
    class Puts(Request):
        def gotLength(self, length: int | None) -> None:
            super().gotLength(length)
            self.requestHeaders.removeHeader(b"Expect")

    sent = head("PUT", "/", "Content-Length: 1", "Expect: 100-continue")
    assert stock().send(sent).raw == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert Wire(Resource(), Site, requestFactory=Puts).send(sent).raw == b""


@pytest.mark.parametrize("kind", [http.HTTPChannel, ServerStream])
def test_a_request_may_call_for_the_answer_itself(kind: Any) -> None:
    """``Request.requestReceived``: it is called on either channel."""
    name = "_respondToBadRequestAndDisconnect"
    assert callable(getattr(kind, name))
    assert name in inspect.getsource(http.Request.requestReceived)


@pytest.mark.parametrize("silent", [False, True])
def test_a_channel_answers_chunks_that_are_none(silent: bool) -> None:
    """``HTTPChannel._respondToBadRequestAndDisconnect``."""
    wire = stock().send(head("PUT", "/", CHUNKED))
    if silent:
        http1.close_on_bad_framing(wire.channel)
    wire.send(b"nonsense\r\n")
    assert wire.raw == (b"" if silent else b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert wire.is_closed()
    wire.lose()


def test_a_queued_request_leaves_its_channel_alone_until_it_is_let_go() -> None:
    """``Request.queued`` and ``Request._cleanup``."""
    kept: list[Any] = []

    class Keeps(Resource):
        isLeaf = True

        def render(self, request: Any) -> bytes:
            request.queued = True
            kept.append(request)
            return b"yes"

    wire = Wire(Keeps(), Site).send(request_bytes() + request_bytes())
    assert len(wire.answers) == 1
    http1.let_go(kept[0])
    assert len(wire.answers) == 2


def test_a_lost_request_knows_it() -> None:
    """``Request._disconnected``."""
    channel: Any = DummyChannel()
    request = http.Request(channel, False)
    assert not http1.is_lost(request)
    http1.set_lost(request)
    assert http1.is_lost(request)
    wire = stock().send(head("PUT", "/", "Content-Length: 1"))
    lost = wire.request
    wire.lose()
    assert http1.is_lost(lost)


def test_a_lost_request_drops_what_is_written() -> None:
    wire = stock().send(head("PUT", "/", "Content-Length: 1"))
    http1.set_lost(wire.request)
    wire.request.write(b"x")
    assert wire.raw == b""
    wire.lose()


def test_what_guard_refuses_with() -> None:
    """``twisted.web._auth.wrapper.UnauthorizedResource``."""
    wrapper = HTTPAuthSessionWrapper(None, [])
    request: Any = DummyRequest([b"x"])
    request.requestHeaders.addRawHeader(b"Authorization", b"Unknown x")
    request.prepath = [b""]
    found = wrapper.getChildWithDefault(b"x", request)
    assert type(found) is http1.UnauthorizedResource


@pytest.mark.parametrize("stock", [True, False])
def test_an_answer_is_finished_by_a_method_of_its_state(stock: bool) -> None:
    """``HTTP11ClientProtocol._finishResponse`` goes to ``_finishResponse_<state>``."""
    prompt = http1.PromptHTTP1
    client: Any = prompt.__base__() if stock else prompt()  # type: ignore[misc]
    client._state = "CONNECTION_LOST"
    if stock:
        with pytest.raises(RuntimeError, match="finishResponse"):
            client._finishResponse(b"")
    else:
        client._finishResponse(b"")


class TestUnwrapped:
    """``proxyForInterface`` keeps what it wraps: ``originalAttribute``."""

    def test_the_resource_itself(self) -> None:
        marked = streaming(Resource())
        assert http1.unwrapped(marked, IStreamingResource) is marked

    def test_within_an_encoder(self) -> None:
        marked = streaming(Resource())
        wrapped: Any = marked
        for _ in range(3):
            wrapped = EncodingResourceWrapper(wrapped, [GzipEncoderFactory()])
        assert not IStreamingResource.providedBy(wrapped)
        assert http1.unwrapped(wrapped, IStreamingResource) is marked

    def test_within_a_guard(self) -> None:
        marked = streaming(Resource())
        wrapped = guarded(marked, Clock())
        request: Any = DummyRequest([b"x"])
        request.prepath = [b""]
        name, _, value = GOOD.partition(": ")
        request.requestHeaders.addRawHeader(name, value)
        deferred = wrapped.getChildWithDefault(b"x", request)
        found: list[IResource] = []
        deferred.d.addCallback(found.append)
        assert http1.unwrapped(found[0], IStreamingResource) is marked

    def test_an_ordinary_one_is_found_to_be_so(self) -> None:
        wrapped = EncodingResourceWrapper(Resource(), [])
        found = http1.unwrapped(wrapped, IStreamingResource)
        assert not IStreamingResource.providedBy(found)

    def test_it_comes_to_an_end(self) -> None:
        endless = EncodingResourceWrapper(Resource(), [])
        endless.original = endless
        assert http1.unwrapped(endless, IStreamingResource) is endless

    def test_a_resource_with_a_put_child_of_its_own(self) -> None:
        class Own(Resource):
            def putChild(self, path: bytes, child: IResource) -> None:
                raise AssertionError

        own = Own()
        assert http1.unwrapped(own, IStreamingResource) is own


def test_the_order_in_which_the_channel_calls() -> None:
    """``gotLength`` comes before the automatic leave, and with all headers in."""
    source = inspect.getsource(HTTPChannel.allHeadersReceived)
    assert 0 < source.index("gotLength") < source.index("_send100Continue")


def test_the_rest_of_a_body_would_be_taken_for_a_request() -> None:
    """Why an early answer has to be queued at all."""

    class Early(Request):
        def gotLength(self, length: int | None) -> None:
            super().gotLength(length)
            self.method, self.uri, self.clientproto = b"PUT", b"/", b"HTTP/1.1"
            self.write(b"no")
            self.finish()

    transport = StringTransport()
    site = Site(Resource(), requestFactory=Early, reactor=Clock())
    site.logFile = None
    channel: Any = site.buildProtocol(None)
    channel.makeConnection(transport)
    site.log = lambda request: None  # type: ignore[method-assign]
    try:
        channel.dataReceived(head("PUT", "/", CHUNKED) + chunks(b"nonsense\r\n"))
    except AttributeError:
        return  # it stumbles over what it has put away
    assert b"400 Bad Request" in transport.value()
