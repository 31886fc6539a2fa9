"""Takes the codings off what is received, piece by piece.

Which codings is what the part's headers say: Content-Transfer-Encoding (RFC 2045
section 6) and Content-Encoding (RFC 9110 section 8.4). The latter was applied
first, so it comes off last.

::

    state    meaning                           write      pause   resume      stop
    OPEN     pieces go on as they are made     make       HELD    -           STOPPED
    HELD     the consumer is full              keep       -       OPEN, make  STOPPED
    BROKEN   a coder or the consumer refused   drop       -       -           -
    STOPPED  the consumer wants nothing more   drop       -       -           -
    OVER     the consumer knows of the end     drop       -       -           -

    state    finish                                  fail
    OPEN     make the rest, → OVER, or BROKEN        → OVER, undo
    HELD     wait to be resumed                      → OVER, undo
    BROKEN   → OVER, undo, fails with the reason     → OVER, undo
    STOPPED  → OVER, fails with the sink's reason    → OVER, undo
             or CancelledError
    OVER     -                                       -
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import Enum
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from txmultipart.body.coder_chain import feed_all, finish_all
from txmultipart.body.sinks import Sink
from txmultipart.interfaces import ISink
from txmultipart.limits import Limits
from txmultipart.sansio.codings import Coder, content_decoder, transfer_decoder
from txmultipart.sansio.headers import PartHeaders
from txmultipart.sansio.octets import octets


def decoders(
    headers: PartHeaders, limits: Limits, *, transfer: bool = True
) -> list[Coder]:
    """What takes off the codings that ``headers`` declare, in the order of taking off.

    ``transfer=False`` leaves the transfer coding on. Raises
    ``MalformedMultipart`` for a coding that nobody here knows.
    """
    # Lines of one name are one list (RFC 9110 section 5.2). A list of transfer
    # codings is not known to anybody, as it should be.
    outer = ", ".join(headers.get_all(b"content-transfer-encoding"))
    inner = ", ".join(headers.get_all(b"content-encoding"))
    found = [transfer_decoder(outer)] if transfer and outer else []
    return found + ([content_decoder(inner, limits)] if inner else [])


class State(Enum):
    """What a coded sink can still do; see the tables above."""

    OPEN = "open"
    HELD = "held"
    BROKEN = "broken"
    STOPPED = "stopped"
    OVER = "over"


_ACTIVE = frozenset((State.OPEN, State.HELD))


@implementer(IPushProducer)
class CodedSink(Sink):
    """Passes on to ``consumer`` what ``coders`` make of what is written to it.

    A little that is received may become much: when the consumer pauses, the
    rest of it waits unmade. ``size`` is what was passed on, in bytes.
    """

    def __init__(self, consumer: Any, coders: list[Coder]) -> None:
        self.state = State.OPEN
        self.size = 0
        self._consumer = consumer
        self._coders = coders
        self._input: deque[bytes] = deque()
        self._pieces: Iterator[bytes] = iter(())
        self._flushed = False
        self._making = False
        self._holding = False  # whether our producer is paused
        self._reason: Failure | None = None
        self._finished: Deferred[None] | None = None

    # Upstream -----------------------------------------------------------------------

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Begin. If the consumer will not have it, neither will we."""
        super().registerProducer(producer, streaming)
        try:
            self._consumer.registerProducer(self, True)
        except Exception:
            self.unregisterProducer()
            raise

    def write(self, data: bytes) -> None:
        """Some bytes to be coded."""
        if type(data) is not bytes:
            data = octets(data, "a sink takes bytes")
        if self.state in _ACTIVE:
            self._input.append(data)
            self._make()

    def finish(self) -> Deferred[None]:
        """Fires when the consumer has had all, and has finished if it is a sink."""
        if self.state not in _ACTIVE:
            return self._tell_end()
        finished: Deferred[None] = Deferred()
        self._finished = finished
        self._make()
        return finished

    def fail(self, failure: Failure) -> Deferred[None]:
        """Tell the consumer, if it is a sink, to undo."""
        if self.state is State.OVER:
            return succeed(None)
        self.state = State.OVER
        self._drop()
        return self._undo(failure)

    def _undo(self, failure: Failure) -> Deferred[None]:
        sink = ISink(self._consumer, None)
        undone: Deferred[None] = succeed(None)
        if sink is not None:
            undone = maybeDeferred(sink.fail, failure)
        self._consumer.unregisterProducer()
        return undone

    # Downstream: IPushProducer ------------------------------------------------------

    def pauseProducing(self) -> None:
        """The consumer wants no more for now."""
        if self.state is State.OPEN:
            self.state = State.HELD
            if self.producer is not None and not self._holding:
                self._holding = True
                self.producer.pauseProducing()

    def resumeProducing(self) -> None:
        """First what waits, then more."""
        if self.state is State.HELD:
            self.state = State.OPEN
            self._make()

    def stopProducing(self) -> None:
        """The consumer wants nothing any more."""
        if self.state in _ACTIVE:
            self._give_up(State.STOPPED)

    # Within -------------------------------------------------------------------------

    def _make(self) -> None:
        """Make pieces and pass them on, as long as the consumer takes them."""
        if self._making:
            return  # called back from within; the loop below goes on
        self._making = True
        try:
            while self.state is State.OPEN and (piece := self._next()):
                self.size += len(piece)
                self._consumer.write(piece)
        except Exception:
            if self.state in _ACTIVE:  # or the consumer has stopped us as well
                self._reason = Failure()
                self._give_up(State.BROKEN)
        finally:
            self._making = False
        self._want_more()

    def _next(self) -> bytes:
        """The next piece; empty if none can be made of what has come."""
        while not (piece := next(self._pieces, b"")):
            if self._input:
                self._pieces = feed_all(self._coders, self._input.popleft())
            elif self._finished is not None and not self._flushed:
                self._flushed = True
                self._pieces = finish_all(self._coders)
            else:
                break
        return piece

    def _want_more(self) -> None:
        """All that could be made was passed on, unless the consumer is full."""
        if self.state is not State.OPEN:
            return
        if self._finished is not None:
            self._tell_end().chainDeferred(self._finished)
        elif self._holding and self.producer is not None:
            self._holding = False
            self.producer.resumeProducing()

    def _give_up(self, state: State) -> None:
        self.state = state
        self._drop()
        if self._finished is not None:
            self._tell_end().chainDeferred(self._finished)
        elif self.producer is not None:
            self.producer.stopProducing()  # whoever stops us then calls finish

    def _drop(self) -> None:
        self._input.clear()
        self._pieces = iter(())

    def _tell_end(self) -> Deferred[None]:
        """Let the consumer come to its end, whichever that is."""
        state, self.state = self.state, State.OVER
        if state is State.OVER:
            return succeed(None)
        if self._reason is not None:
            reason = self._reason
            undone: Deferred[Any] = self._undo(reason)
            return undone.addCallback(lambda _: reason)
        self._consumer.unregisterProducer()
        sink = ISink(self._consumer, None)
        closed = succeed(None) if sink is None else maybeDeferred(sink.finish)
        if state is State.STOPPED:
            stopped = Failure(CancelledError("the consumer stopped"))
            closed.addCallback(lambda _: stopped)
        return closed
