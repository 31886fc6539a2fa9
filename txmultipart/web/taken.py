"""TakenAnswers: a channel of HTTP/1.1 that gives up who does not take its answers.

::

    state    meaning                                              then
    FREE     the transport has room                               no time runs
    FULL     it has none: the peer has to take what is in it      time runs
    CLOSING  the connection closes when all is out                time runs
    OVER     given up, or lost                                    nothing

    event                              FREE     FULL     CLOSING  OVER
    the transport is full              FULL     -        -        -
    it is empty                        -        FREE     -        -
    the connection closes, on a        CLOSING  CLOSING  -        -
    socket, after an answer
    it closes, on no socket            -        CLOSING  -        -
    too much time has run              -        OVER     OVER     -
    the connection is lost             OVER     OVER     OVER     -

Given up is who takes less than the ``least_rate`` of the request that is answered, in
bytes a second, and has used up the channel's ``timeOut`` over it (``Patience``); it is
seen within another quarter of that. Then the connection is broken off. While whoever
makes the answer has nothing to send, no time runs: the transport is not full.

Taken is what the system has taken from the transport, with what TLS adds. It takes
some in advance, and more when there is room for much of it. Of a transport that is on
no socket it is not known how much: who has emptied it has all the time again.

The last bytes of an answer do not fill a transport. When its connection is kept, they
have the time for which that may be idle; when not, they have to be taken as well.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers

from txmultipart.http2 import Alarm, Patience, Stopwatch
from txmultipart.web import http1
from txmultipart.web.heads import At, PromptHeads

# So often in the time allowed, as with the streams of HTTP/2.
_LOOKS = 4

#: How deep a transport may lie in others.
_DEEPEST = 10

_log = Logger()


class Taking(Enum):
    """What a peer does about an answer; see the tables above."""

    FREE = "free"
    FULL = "full"
    CLOSING = "closing"
    OVER = "over"


_WAITING = frozenset((Taking.FULL, Taking.CLOSING))


class Meter:
    """Counts what the system takes from a transport that is, or lies on, a socket."""

    def __init__(self) -> None:
        #: Bytes so far.
        self.taken = 0
        self._socket: Any = None
        self._write: Callable[[bytes], Any]

    @property
    def counts(self) -> bool:
        """Whether it can tell."""
        return self._socket is not None

    def attach(self, transport: Any) -> None:
        """Count from now on.

        ``writeSomeData`` is a public method that descriptors of Twisted have for others
        to replace. Where that is not so, nothing is counted.
        """
        found = _beneath(transport)
        write = getattr(found, "writeSomeData", None)
        if write is None or self.counts:
            return
        with suppress(AttributeError):
            found.writeSomeData = self._write_some
            self._socket, self._write = found, write

    def detach(self) -> None:
        """Count no more."""
        found, self._socket = self._socket, None
        if found is not None:
            del found.writeSomeData  # the one of its class shows again

    def _write_some(self, data: bytes) -> Any:
        size = self._write(data)
        if isinstance(size, int) and size > 0:
            self.taken += size
        return size


def _beneath(transport: Any) -> Any:
    # What lies on another, such as TLS, has that as its transport.
    for _ in range(_DEEPEST):
        lower = getattr(transport, "transport", None)
        if lower is None:
            break
        transport = lower
    return transport


class TakenAnswers(PromptHeads):
    """Has answers taken at the ``least_rate`` of their requests, where those have one."""

    def __init__(self) -> None:
        super().__init__()
        self.taking = Taking.FREE
        self._grace: float | None = None
        # There is none while there is no answer.
        self._patience: Patience | None = None
        self._meter = Meter()
        clock: Any = self
        self._look_again = Alarm(clock, self._look)
        self._waiting: Stopwatch
        # When time was spent last.
        self._waited, self._counted = 0.0, 0

    def connectionMade(self) -> None:
        """Remember the time: the channel's own is off while a request is answered."""
        self._grace = self.timeOut or None
        self._waiting = Stopwatch(http1.seconds(self))
        super().connectionMade()

    # The request calls these ----------------------------------------------------------

    def writeHeaders(
        self, version: bytes, code: bytes, reason: bytes, headers: Headers
    ) -> None:
        """The head of an answer."""
        rate = getattr(self.requests[0], "least_rate", None)
        # Of the answer before this one there may be something left.
        if self._patience is None and self._grace is not None and rate:
            self._patience = Patience(self._grace, rate)
        super().writeHeaders(version, code, reason, headers)

    def requestDone(self, request: Any) -> None:
        """All of an answer is written."""
        super().requestDone(request)
        self._rest()

    def loseConnection(self) -> None:
        """Close when all is out, and the peer takes it."""
        super().loseConnection()
        if self._patience is None or self.taking is Taking.OVER:
            return
        self._meter.attach(self.transport)
        # On no socket there may be nothing to be waited for.
        if self.taking is Taking.FULL or self._meter.counts:
            self.taking = Taking.CLOSING
            self._wait()

    # The transport calls these --------------------------------------------------------

    def pauseProducing(self) -> None:
        """It is full."""
        if self.taking is Taking.FREE:
            self.taking = Taking.FULL
            self._wait()
        super().pauseProducing()

    def resumeProducing(self) -> None:
        """It is empty."""
        if self.taking is Taking.FULL:
            self.taking = Taking.FREE
            self._waiting.stop()
            self._taken()
        super().resumeProducing()

    def _taken(self) -> None:
        self._spend()
        if self._patience is not None and not self._meter.counts:
            self._patience.restore()
        if self.at is At.BETWEEN:
            self.resetTimeout()  # it is idle from now on
        self._rest()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Nobody takes anything any more."""
        self._end()
        super().connectionLost(reason)

    # Time -----------------------------------------------------------------------------

    def timeoutConnection(self) -> None:
        """Close; but who still takes an answer is not idle."""
        takes = self.taking is Taking.FULL and self._patience is not None
        if takes and self.at is At.BETWEEN:
            self.setTimeout(self._grace)
        else:
            super().timeoutConnection()

    def _wait(self) -> None:
        if self._patience is not None and self._grace is not None:
            self._meter.attach(self.transport)
            self._waiting.start()
            # It is not stopped whenever there is room: it may ring for nothing.
            if not self._look_again.is_set:
                self._look_again.set(self._grace / _LOOKS)

    def _spend(self) -> None:
        waited, taken = self._waiting.total, self._meter.taken
        if self._patience is not None:
            self._patience.spend(waited - self._waited, taken - self._counted)
        self._waited, self._counted = waited, taken

    def _look(self) -> None:
        self._spend()
        if self.taking in _WAITING and self._patience is not None:
            if self._patience.is_spent:
                self._give_up()
            else:
                self._wait()

    def _give_up(self) -> None:
        self._end()
        transport: Any = self.transport
        peer = str(transport.getPeer())
        _log.info("Giving up client, which does not take its answer: {peer}", peer=peer)
        # What it has not taken stands before any end.
        transport.abortConnection()

    def _rest(self) -> None:
        """Unless there is an answer that is not taken, or not whole, there is none."""
        begun = any(request.startedWriting for request in self.requests)
        if self.taking is Taking.FREE and not begun:
            self._patience = None
            self._look_again.set(None)

    def _end(self) -> None:
        self.taking = Taking.OVER
        self._waiting.stop()
        self._look_again.set(None)
        self._meter.detach()
