"""Stream: what the two ends of an exchange have in common, whoever began it.

::

    what it has                          what for
    inbound                              the body that comes, and our window for it
    outbound                             the body that goes, and its producer
    pauseProducing, resumeProducing      no WINDOW_UPDATE, and then one

A stream is over when both sides have ended it; it is lost when one of them, or the
connection, breaks it off before that. A lost stream hears of it once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from h2.errors import ErrorCodes
from twisted.internet.interfaces import IPushProducer, ISSLTransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txmultipart.http2.errors import StreamReset, given_up
from txmultipart.http2.fields import Field
from txmultipart.http2.inbound import Inbound
from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.outbound import Outbound
from txmultipart.http2.patience import Stopwatch
from txmultipart.http2.window import Budget, StreamWindow

_log = Logger()


class Owner(Protocol):
    """The connection of a stream."""

    transport: Any
    clock: Any
    budget: Budget

    @property
    def options(self) -> HTTP2Options:
        """The figures of the connection."""
        ...

    def ready(self, stream: Any) -> None:
        """It has something to send."""
        ...

    def give_credit(self, stream: Any, size: int) -> None:
        """Its peer may send so much more."""
        ...

    def send_head(self, stream: Any, head: list[Field], *, end: bool) -> None:
        """Send HEADERS."""
        ...

    def end_sent(self, stream: Any) -> None:
        """All that it had to send has been sent."""
        ...

    def reset(self, stream: Any, error: StreamReset) -> None:
        """End it."""
        ...

    def break_off(self, stream: Any, error_code: int) -> None:
        """End it, and tell nobody but the peer."""
        ...


@implementer(IPushProducer)
class Stream:
    """One exchange on ``owner``; ``length`` is that of the body that comes, or None.

    A subclass says what becomes of the body (``_deliver``, ``_deliver_end``), and who
    is told of a loss (``_lost``).
    """

    def __init__(self, stream_id: int, length: int | None, owner: Owner) -> None:
        self.stream_id = stream_id
        #: A call to be made if nothing else happens to the stream.
        self.later: Any = None
        #: Runs while somebody here holds the body back.
        self.held_back = Stopwatch(owner.clock.seconds)
        self._owner = owner
        options = owner.options
        self.outbound = Outbound(
            options.high_water, soon=self._soon, ready=self._has_output
        )
        self.inbound = Inbound(
            StreamWindow(options, owner.budget),
            length,
            deliver=lambda data: self._guarded(self._deliver, data),
            deliver_end=lambda: self._guarded(self._deliver_end),
            give_credit=lambda size: owner.give_credit(self, size),
        )

    # The connection calls these ---------------------------------------------------

    def end_sent(self) -> None:
        """The last frame that we send has been sent."""
        self._owner.end_sent(self)

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
        """The stream ended before its time: tell the producer, and who waits."""
        producer, self.outbound.producer = self.outbound.producer, None
        if producer is not None:
            self._guarded(producer.stopProducing)
        self._guarded(self._lost, reason)

    # A subclass writes these ------------------------------------------------------

    def _deliver(self, data: bytes) -> None:
        """Some bytes of the body."""
        raise NotImplementedError

    def _deliver_end(self) -> None:
        """Its end."""
        raise NotImplementedError

    def _lost(self, reason: Failure) -> None:
        """The stream ended before its time."""
        raise NotImplementedError

    # And uses these ---------------------------------------------------------------

    def _guarded(self, call: Callable[..., Any], *arguments: Any) -> None:
        """What breaks here must not break the other streams."""
        try:
            call(*arguments)
        except Exception:
            _log.failure("an exchange on a stream of HTTP/2 failed")
            self._break_off(ErrorCodes.INTERNAL_ERROR)

    def _soon(self, call: Callable[[], None]) -> None:
        self._owner.clock.callLater(0, call)

    def _has_output(self) -> None:
        self._owner.ready(self)

    def _break_off(self, error_code: int) -> None:
        self._owner.reset(self, StreamReset(error_code, message=given_up(error_code)))

    # Whoever takes the body calls these -------------------------------------------

    def getPeer(self) -> Any:
        """The address of the peer."""
        return self._owner.transport.getPeer()

    def getHost(self) -> Any:
        """Our own address."""
        return self._owner.transport.getHost()

    def isSecure(self) -> bool:
        """Whether the connection is on TLS."""
        return ISSLTransport(self._owner.transport, None) is not None

    def pauseProducing(self) -> None:
        """Let no more of the body come."""
        self.held_back.start()
        self.inbound.pause()

    def resumeProducing(self) -> None:
        """Let it come."""
        self.held_back.stop()
        self.inbound.resume()

    def stopProducing(self) -> None:
        """Nobody wants the rest of the body."""
        self.held_back.start()
        self.inbound.pause()
