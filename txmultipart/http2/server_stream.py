"""ServerStream: one request and its answer; to the request it is the channel.

It has what ``twisted.web.http.Request`` calls on an ``HTTPChannel``, and is its own
transport: ``request.transport.pauseProducing()`` holds back this body and no other.

::

    the request says                the peer sees
    writeHeaders                    HEADERS; those of an answer without a body wait
                                    for its end
    write                           DATA, in turn
    send_trailers, before the end   HEADERS once more, after the body
    requestDone                     END_STREAM
    loseConnection before that      RST_STREAM: a part must not pass for the whole

An answer that is longer or shorter than its Content-Length ends with RST_STREAM too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from h2.errors import ErrorCodes
from twisted.internet.interfaces import IConsumer, ITransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txmultipart.http2.answer_length import AnswerLength, without_length
from txmultipart.http2.errors import StreamReset
from txmultipart.http2.fields import Field, RequestHead, answer_head, has_no_body
from txmultipart.http2.outgoing import trailer_fields
from txmultipart.http2.priority import SILENT, Priority, parse_priority
from txmultipart.http2.stream import Owner, Stream

VERSION = b"HTTP/2"

_ANY_LENGTH = AnswerLength(())

_log = Logger()


class Front(NamedTuple):
    """What stands behind a connection: who makes requests, and what they ask for."""

    make_request: Callable[[Any], Any]
    site: Any
    factory: Any


@implementer(ITransport, IConsumer)
class ServerStream(Stream):
    """One exchange on ``owner``, for the request in ``head``."""

    #: An HTTP/1.1 channel may be told not to be.
    persistent = True

    def __init__(
        self, stream_id: int, head: RequestHead, owner: Owner, front: Front
    ) -> None:
        super().__init__(stream_id, head.length, owner)
        self.request_line = (head.method, head.target, VERSION)
        self.site, self.factory = front.site, front.factory
        self.transport = self
        self.request: Any = None
        #: Whose answer comes first; a client may change it at any time.
        self.priority = _priority(head)
        #: What came after the body of the request.
        self.trailers: Sequence[Field] = ()
        self._head = head
        self._front = front
        self._begun = False  # to answer
        self._unsent: list[Field] | None = None
        self._length = _ANY_LENGTH
        self._answer_trailers: Sequence[Field] = ()

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

    def _lost(self, reason: Failure) -> None:
        request, self.request = self.request, None
        if request is not None:
            request.connectionLost(reason)

    def _deliver(self, data: bytes) -> None:
        self.request.handleContentChunk(data)

    def _deliver_end(self) -> None:
        self.request.requestReceived(*self.request_line)

    # The request calls these ------------------------------------------------------

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
        self._length = AnswerLength(head)
        self._begun = True
        if code == b"204":
            head = without_length(head)
        if has_no_body(self._head.method, head):
            self._unsent = head
        else:
            self._owner.send_head(self, head, end=False)

    @property
    def _may_begin(self) -> bool:
        return not self._begun and not self.outbound.closed

    def write(self, data: bytes) -> None:
        """Some bytes of its body."""
        if not self._begun or self.outbound.closed:
            return
        if not self._length.takes(len(data)):
            self._break_off_wrong("too long")
        elif self._unsent is None:
            self.outbound.write(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """The same."""
        self.write(b"".join(data))

    def send_trailers(self, fields: Iterable[Field]) -> None:
        """Let ``fields`` follow the body; ``ValueError`` if they cannot be sent.

        To be called before ``requestDone``. An answer that has no body has no
        trailers either (RFC 9110 section 6.5).
        """
        self._answer_trailers = trailer_fields(fields)

    def requestDone(self, request: Any) -> None:
        """The answer is complete, and nobody takes what is left of the body."""
        self.request = None
        self.inbound.drop()
        if self.outbound.closed:
            return
        if self._unsent is not None:
            self._owner.send_head(self, self._unsent, end=True)
        elif self._length.is_whole:
            self.outbound.end(self._answer_trailers)
        else:
            self._break_off_wrong("too short")

    def _break_off_wrong(self, how: str) -> None:
        # RFC 9113 section 8.1.1; the application is wrong, and the peer must know.
        _log.warn("an answer is {how} for its Content-Length", how=how)
        self._break_off(ErrorCodes.INTERNAL_ERROR)

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

    def setTimeout(self, seconds: float | None) -> None:
        """Of a stream's time the connection takes care."""

    def _respondToBadRequestAndDisconnect(self) -> None:
        # A private name of Twisted's: a stock request calls it when it finds no form in
        # a body that should be one. See web/http1.
        if self._may_begin:
            self._owner.send_head(self, [(b":status", b"400")], end=True)
        self.lost(Failure(StreamReset(ErrorCodes.NO_ERROR, message="no form")))


def _priority(head: RequestHead) -> Priority:
    said = [value for name, value in head.fields if name == b"priority"]
    return parse_priority(b",".join(said)) if said else SILENT
