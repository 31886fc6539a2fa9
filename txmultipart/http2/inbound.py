"""Inbound: the body of a request or an answer on its way in, at its taker's pace.

::

    state    bytes that come         window
    RUNNING  go on at once           given back in lumps
    PAUSED   are held                kept, what was taken in the last piece as well
    DROPPED  are dropped             kept: the peer is to stop
    OVER     cannot come             -

    input    RUNNING      PAUSED            DROPPED   OVER
    pause    PAUSED       -                 -         -
    resume   -            RUNNING, held     -         -
                          bytes first
    drop     DROPPED      DROPPED           -         -
    end      OVER         OVER after held   -         -

What is held is at most one window, since the peer cannot send more, and in pieces
that are not small.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum

from txmultipart.http2.window import StreamWindow

#: Before there is a head, not even an empty body has the right length.
NO_HEAD_YET = -1

#: Small pieces that have to wait are joined up to this size.
_LUMP = 4096

#: Credit is given back when so much of the window was taken, an eighth. Of what is under
#: that nothing moves before the next burst: with a half, half of each round trip is lost.
_PART = 8


class Flow(Enum):
    """What becomes of the bytes; see the table above."""

    RUNNING = "running"
    PAUSED = "paused"
    DROPPED = "dropped"
    OVER = "over"


class Inbound:
    """One body: ``deliver`` takes its bytes and ``deliver_end`` its end.

    ``give_credit`` is called with what the peer may send beyond what it could.
    """

    def __init__(
        self,
        window: StreamWindow,
        length: int | None,
        *,
        deliver: Callable[[bytes], None],
        deliver_end: Callable[[], None],
        give_credit: Callable[[int], None],
    ) -> None:
        self.state = Flow.RUNNING
        #: Whether the peer has said its last word, though not all may be here yet.
        self.remote_ended = False
        #: Whether the peer has all that it needs to send it.
        self.is_due = True
        #: Bytes that were announced by the headers of their frames.
        self.announced = 0
        #: Bytes that are here.
        self.received = 0
        self._length = length
        self._window = window
        self._deliver, self._deliver_end = deliver, deliver_end
        self._give_credit = give_credit
        self._held: deque[bytes] = deque()
        self._ended = False
        self._passing = False

    @property
    def has_head(self) -> bool:
        """Whether the head is here: until then not even no bytes would fit."""
        return self._length is None or self._length >= 0

    def fits(self, size: int, end: bool) -> bool:
        """Whether so many more bytes agree with the Content-Length (section 8.1.1)."""
        if self._length is None:
            return True
        total = self.announced + size
        return total == self._length if end else total <= self._length

    def expect(self, length: int | None) -> None:
        """The head is here: so much is to come, None if it does not say."""
        self._length = length

    def announce(self, size: int, end: bool, pad: int | None) -> None:
        """A frame with so many bytes, and perhaps a pad, begins."""
        self.announced += size
        self.remote_ended = self.remote_ended or end
        if pad is not None:
            self._window.consumed(pad + 1)  # nobody has to take it
            self._credit()

    def arrived(self, data: bytes) -> None:
        """Some bytes are here."""
        self.received += len(data)
        if self.state in (Flow.RUNNING, Flow.PAUSED):
            self._hold(data)
            self._pass_on()
            self._credit()

    def end(self) -> None:
        """The last byte was here."""
        self.remote_ended = self._ended = True
        self._pass_on()

    def pause(self) -> None:
        """Hold what comes."""
        if self.state is Flow.RUNNING:
            self.state = Flow.PAUSED

    def resume(self) -> None:
        """Pass on what is held, and what comes."""
        if self.state is Flow.PAUSED:
            self.state = Flow.RUNNING
            self._pass_on()
            self._credit()

    def drop(self) -> None:
        """Nobody will take any of it."""
        if self.state is not Flow.OVER:
            self.state = Flow.DROPPED
        self._held.clear()

    def close(self) -> None:
        """The stream is gone: give its window back to the budget."""
        self.drop()
        self.remote_ended = True
        self._window.close()

    def shrink(self) -> None:
        """Whoever takes it has not done so for long: let others have the window."""
        self._window.shrink()

    @property
    def waits_for_peer(self) -> bool:
        """Whether it is up to the peer that this goes on."""
        # A frame that ends the stream may have come in part.
        return self.state is Flow.RUNNING and not self._ended and self.is_due

    def _pass_on(self) -> None:
        if self._passing:
            return  # who takes it has paused and resumed; the loop below goes on
        self._passing = True
        try:
            while self._held and self.state is Flow.RUNNING:
                self._pass(self._held.popleft())
        finally:
            self._passing = False
        if self._ended and self.state is Flow.RUNNING:
            self.state = Flow.OVER
            self._window.close()
            self._deliver_end()

    def _hold(self, data: bytes) -> None:
        # A piece takes memory beside its bytes: frames of two bytes, which nothing
        # forbids, would take twenty times as much as they count for.
        held = self._held
        if held and len(held[-1]) + len(data) <= _LUMP:
            held[-1] += data
        else:
            held.append(data)

    def _pass(self, data: bytes) -> None:
        self._deliver(data)
        self._window.consumed(len(data))

    def _credit(self) -> None:
        # Who paused while it took the last piece may hold that still.
        if self.state is Flow.RUNNING and not self.remote_ended and not self._passing:
            lump = self._window.due(part=_PART)
            if lump:
                self._give_credit(lump)
