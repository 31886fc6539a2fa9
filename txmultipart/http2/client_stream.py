"""ClientStream: one request and its answer, from the client's side.

::

    state    meaning
    WAITING  no answer but interim ones
    BODY     the head of the answer is here
    WHOLE    all of the answer is here, though the listener may not have taken it; the
             connection has forgotten the stream
    OVER     the listener has heard the last word, or wants to hear none

    input            WAITING          BODY             WHOLE        OVER
    interim head     informational    malformed        -            -
    final head       BODY, responded  malformed        -            -
    bytes            malformed        received         -            -
    the end          malformed        WHOLE            -            -
    trailers         malformed        WHOLE            -            -
    malformed        OVER, lost       OVER, lost       -            -
    reset            OVER, lost       OVER, lost       -            -
    connection lost  OVER, lost       OVER, lost       -            -
    all was taken    -                -                OVER, ended  -
    cancel           OVER             OVER             OVER         -

An answer that is whole before the request is ends the request's body: the listener is
told to stop (``refused_body``), and the server by a reset; that is no failure (RFC 9113
section 8.1).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any, Protocol, cast

from h2.errors import ErrorCodes
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from zope.interface import implementer

from txmultipart.http2.client_fields import ResponseHead, response_head
from txmultipart.http2.client_options import ClientOptions
from txmultipart.http2.errors import MalformedMessage, StreamReset, given_up
from txmultipart.http2.fields import Field, check_trailers
from txmultipart.http2.inbound import NO_HEAD_YET
from txmultipart.http2.outgoing import block_size, trailer_fields
from txmultipart.http2.stream import Owner, Stream


class Listener(Protocol):
    """Who sent a request, and hears what becomes of it.

    None of these is called while ``Client.open`` runs. ``ended`` or ``lost`` is the last
    word, unless the stream was cancelled. What they raise is logged, and the stream reset.
    """

    def informational(self, status: int, fields: list[Field]) -> None:
        """An interim answer, 100 or 102 to 199 (RFC 9110 section 15.2)."""
        ...

    def responded(self, status: int, fields: list[Field], length: int | None) -> None:
        """The head of the answer; ``length`` of its body, None if it does not say."""
        ...

    def received(self, data: bytes) -> None:
        """Some bytes of the body, never none; not while the stream is paused."""
        ...

    def ended(self, trailers: list[Field]) -> None:
        """That was all of the answer."""
        ...

    def refused_body(self) -> None:
        """The server wants no more of the request's body; its answer is here.

        The stream has let go of the body's producer, and does not stop it itself.
        """
        ...

    def lost(self, reason: Failure) -> None:
        """The exchange failed: ``StreamReset``, ``ConnectionTerminated`` or the
        transport's reason."""
        ...


class State(Enum):
    """How far the answer has come; see the table above."""

    WAITING = "waiting"
    BODY = "body"
    WHOLE = "whole"
    OVER = "over"


@implementer(IConsumer)
class ClientStream(Stream):
    """One exchange on ``owner``: a consumer of what the request's body produces, and
    the producer of the answer's body. ``Client.open`` makes it.

    A producer that is registered when the exchange ends is told to stop, once.
    """

    def __init__(
        self, stream_id: int, method: bytes, owner: Owner, listener: Listener
    ) -> None:
        super().__init__(stream_id, NO_HEAD_YET, owner)
        self.state = State.WAITING
        self.inbound.is_due = False
        #: False: the server has certainly done nothing about the request, so that it
        #: may be sent again (section 8.7).
        self.processed = True
        #: Whether a byte of the request's body was taken.
        self.body_begun = False
        self._method = method
        self._listener: Listener | None = listener
        self._head = ResponseHead(0, [], None)  # the last one that came
        self._trailers: list[Field] = []
        self._interim = self._interim_bytes = 0

    # The connection calls these ---------------------------------------------------

    def take_head(self, fields: list[Field], *, ended: bool) -> list[Field]:
        """Keep a head, and give what h2 is to see of it.

        ``MalformedMessage`` if it is wrong, or if it comes at the wrong time.
        """
        if self.state is not State.WAITING:
            return self._take_trailers(fields, ended)
        head = response_head(fields, method=self._method, ended=ended)
        if head.status < 200:
            self._count_interim(fields)
        else:
            self.state = State.BODY
            self.inbound.expect(head.length)
        self._head = head
        return [(b":status", b"100" if head.status < 200 else b"200")]

    def _take_trailers(self, fields: list[Field], ended: bool) -> list[Field]:
        if not ended:
            raise MalformedMessage("a second head, or trailers and no end")
        check_trailers(fields)
        if not self.inbound.fits(0, True):
            raise MalformedMessage("not the length it said")
        self._trailers = fields
        return []

    def _count_interim(self, fields: list[Field]) -> None:
        options = cast(ClientOptions, self._owner.options)
        self._interim += 1
        self._interim_bytes += block_size(fields)
        if (
            self._interim > options.max_informational
            or self._interim_bytes > options.max_informational_bytes
        ):
            raise MalformedMessage("too many interim answers")

    def informed(self) -> None:
        """Tell of an interim answer."""
        self._tell("informational", self._head.status, self._head.fields)

    def responded(self) -> None:
        """Tell of the answer."""
        self._tell("responded", *self._head)

    def refused(self) -> None:
        """The answer is here, and nobody wants the rest of the request."""
        self.outbound.producer = None
        self._tell("refused_body")

    def close(self) -> None:
        """Neither side sends anything more; what has come whole may yet be taken."""
        if self.state is State.WHOLE:
            self.outbound.close()
        else:
            super().close()

    def _lost(self, reason: Failure) -> None:
        self._say_last("lost", reason)

    def _deliver(self, data: bytes) -> None:
        self._tell("received", data)

    def _deliver_end(self) -> None:
        self._say_last("ended", self._trailers)

    def _say_last(self, name: str, argument: Any) -> None:
        self.state = State.OVER
        listener, self._listener = self._listener, None
        if listener is not None:
            getattr(listener, name)(argument)

    def _break_off(self, error_code: int) -> None:
        if self.state is State.WHOLE:  # the connection knows nothing of it any more
            self.inbound.close()
            self.lost(Failure(StreamReset(error_code, message=given_up(error_code))))
        else:
            super()._break_off(error_code)

    def _tell(self, name: str, *arguments: Any) -> None:
        if self._listener is not None:
            self._guarded(getattr(self._listener, name), *arguments)

    # Who sent the request calls these ---------------------------------------------

    def write(self, data: bytes) -> None:
        """Some bytes of the request's body; none are taken after its end."""
        if data and not self.outbound.closed:
            self.body_begun = True
        self.outbound.write(data)

    def end(self, trailers: Iterable[Field] = ()) -> None:
        """That was the request's body; ``UnsendableFields`` if these cannot follow it."""
        if not self.outbound.closed:
            self.outbound.end(trailer_fields(trailers))

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Hold ``producer`` back when it is quicker than the server."""
        self.outbound.register(producer, streaming)

    def unregisterProducer(self) -> None:
        """It has produced all; ``end`` says that this was the body."""
        self.outbound.unregister()

    def cancel(self, error_code: int = ErrorCodes.CANCEL) -> None:
        """End the exchange, and hear nothing more; at any time, more than once too."""
        if self.state is State.OVER:
            return
        self.state, self._listener = State.OVER, None
        producer, self.outbound.producer = self.outbound.producer, None
        self._owner.break_off(self, error_code)
        self.close()
        if producer is not None:
            self._guarded(producer.stopProducing)

    def stopProducing(self) -> None:
        """The same: nobody wants the rest of the answer."""
        self.cancel()
