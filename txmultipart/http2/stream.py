"""Stream: one request and its answer; to the request it is the channel.

It has what ``twisted.web.http.Request`` calls on an ``HTTPChannel``, and is its own
transport: ``request.transport.pauseProducing()`` holds back this body and no other.

::

    the request says                the peer sees
    writeHeaders                    HEADERS; those of an answer without a body wait
                                    for its end
    write                           DATA, in turn
    requestDone                     END_STREAM
    loseConnection before that      RST_STREAM: a part must not pass for the whole
    pauseProducing, resumeProducing no WINDOW_UPDATE, and then one
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Protocol

from h2.errors import ErrorCodes
from twisted.internet.interfaces import (
    IConsumer,
    IPushProducer,
    ISSLTransport,
    ITransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txmultipart.http2.errors import StreamReset
from txmultipart.http2.fields import Field, RequestHead, answer_head, has_no_body
from txmultipart.http2.inbound import Inbound
from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.outbound import Outbound
from txmultipart.http2.window import Budget, StreamWindow

VERSION = b"HTTP/2"

_log = Logger()


class Front(NamedTuple):
    """What stands behind a connection: who makes requests, and what they ask for."""

    make_request: Callable[[Any], Any]
    site: Any
    factory: Any


class Owner(Protocol):
    """The connection of a stream."""

    transport: Any
    clock: Any
    options: HTTP2Options
    budget: Budget

    def ready(self, stream: Any) -> None:
        """It has something to send."""
        ...

    def give_credit(self, stream: Any, size: int) -> None:
        """Its peer may send so much more."""
        ...

    def send_head(self, stream: Any, head: list[Field], *, end: bool) -> None:
        """Send the head of an answer."""
        ...

    def answered(self, stream: Any) -> None:
        """All of its answer has been sent."""
        ...

    def reset(self, stream: Any, error: StreamReset) -> None:
        """End it."""
        ...


@implementer(ITransport, IConsumer, IPushProducer)
class Stream:
    """One exchange on ``owner``, for the request in ``head``."""

    #: An HTTP/1.1 channel may be told not to be.
    persistent = True

    def __init__(
        self, stream_id: int, head: RequestHead, owner: Owner, front: Front
    ) -> None:
        self.stream_id = stream_id
        self.request_line = (head.method, head.target, VERSION)
        self.site, self.factory = front.site, front.factory
        self.transport = self
        #: A call to be made if nothing else happens to the stream.
        self.later: Any = None
        self.request: Any = None
        self._head = head
        self._owner = owner
        self._front = front
        self._begun = False  # to answer
        self._unsent: list[Field] | None = None
        options = owner.options
        self.outbound = Outbound(
            options.high_water, soon=self._soon, ready=self._has_output
        )
        self.inbound = Inbound(
            StreamWindow(options, owner.budget),
            head.length,
            deliver=self._deliver,
            deliver_end=self._deliver_end,
            give_credit=lambda size: owner.give_credit(self, size),
        )

    # The connection calls these ---------------------------------------------------

    def begin(self) -> None:
        """The head is in: make the request, which may run at once."""
        self._guarded(self._begin)

    def _begin(self) -> None:
        self.request = request = self._front.make_request(self)
        for name, value in self._head.fields:
            request.requestHeaders.addRawHeader(name, value)
        request.parseCookies()
        request.gotLength(self._head.length)
        # Whoever wants to decide about that takes the field out.
        if request.requestHeaders.hasHeader(b"Expect"):
            self.send_continue()

    def end_sent(self) -> None:
        """The last frame of the answer has been sent."""
        self._owner.answered(self)

    @property
    def is_over(self) -> bool:
        """Whether both sides have ended it, though the last bytes may not be here."""
        return self.inbound.remote_ended and self.outbound.closed

    def close(self) -> None:
        """Neither side sends anything more."""
        self.inbound.close()
        self.outbound.close()
        if self.later is not None and self.later.active():
            self.later.cancel()

    def lost(self, reason: Failure) -> None:
        """The stream ended before its time: tell the producer and the request."""
        producer, self.outbound.producer = self.outbound.producer, None
        request, self.request = self.request, None
        if producer is not None:
            self._guarded(producer.stopProducing)
        if request is not None:
            self._guarded(request.connectionLost, reason)

    def _deliver(self, data: bytes) -> None:
        self._guarded(self.request.handleContentChunk, data)

    def _deliver_end(self) -> None:
        self._guarded(self.request.requestReceived, *self.request_line)

    def _guarded(self, call: Callable[..., Any], *arguments: Any) -> None:
        """What breaks here must not break the other streams."""
        try:
            call(*arguments)
        except Exception:
            _log.failure("a request on a stream of HTTP/2 failed")
            self._break_off(ErrorCodes.INTERNAL_ERROR)

    def _soon(self, call: Callable[[], None]) -> None:
        self._owner.clock.callLater(0, call)

    def _has_output(self) -> None:
        self._owner.ready(self)

    def _break_off(self, error_code: int) -> None:
        self._owner.reset(self, StreamReset(error_code))

    # The request calls these ------------------------------------------------------

    def getPeer(self) -> Any:
        """The address of the peer."""
        return self._owner.transport.getPeer()

    def getHost(self) -> Any:
        """Our own address."""
        return self._owner.transport.getHost()

    def isSecure(self) -> bool:
        """Whether the connection is on TLS."""
        return ISSLTransport(self._owner.transport, None) is not None

    def send_continue(self) -> None:
        """Answer ``Expect: 100-continue`` (RFC 9110 section 10.1.1)."""
        if self._may_begin and not self.inbound.announced:
            self._owner.send_head(self, [(b":status", b"100")], end=False)

    def writeHeaders(
        self, version: bytes, code: bytes, reason: bytes, headers: Any
    ) -> None:
        """The head of the answer; HTTP/2 has neither version nor reason."""
        if self._may_begin:
            self._guarded(self._write_head, code, headers.getAllRawHeaders())

    def _write_head(
        self, code: bytes, raw: Iterable[tuple[bytes, list[bytes]]]
    ) -> None:
        head = answer_head(code, ((name, v) for name, vs in raw for v in vs))
        self._begun = True
        if has_no_body(self._head.method, head):
            self._unsent = head
        else:
            self._owner.send_head(self, head, end=False)

    @property
    def _may_begin(self) -> bool:
        return not self._begun and not self.outbound.closed

    def write(self, data: bytes) -> None:
        """Some bytes of its body."""
        if self._begun and self._unsent is None:
            self.outbound.write(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """The same."""
        self.write(b"".join(data))

    def requestDone(self, request: Any) -> None:
        """The answer is complete, and nobody takes what is left of the body."""
        self.request = None
        self.inbound.drop()
        if self._unsent is None:
            self.outbound.end()
        elif not self.outbound.closed:
            self._owner.send_head(self, self._unsent, end=True)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Hold ``producer`` back when it is quicker than the peer."""
        self.outbound.register(producer, streaming)

    def unregisterProducer(self) -> None:
        """It has produced all."""
        self.outbound.unregister()

    def loseConnection(self) -> None:
        """The answer breaks off; other streams do not mind."""
        self._break_off(ErrorCodes.INTERNAL_ERROR)

    def abortConnection(self) -> None:
        """The same, since nothing of a stream waits that must be sent first."""
        self._break_off(ErrorCodes.INTERNAL_ERROR)

    def pauseProducing(self) -> None:
        """Let no more of the body come."""
        self.inbound.pause()

    def resumeProducing(self) -> None:
        """Let it come."""
        self.inbound.resume()

    def stopProducing(self) -> None:
        """Nobody wants the rest of the body."""
        self.inbound.pause()

    def setTimeout(self, seconds: float | None) -> None:
        """Of a stream's time the connection takes care."""

    def _respondToBadRequestAndDisconnect(self) -> None:
        # A stock request calls this when it finds no form in a body that should
        # be one.
        if self._may_begin:
            self._owner.send_head(self, [(b":status", b"400")], end=True)
        self.lost(Failure(StreamReset(ErrorCodes.NO_ERROR, "no form")))
