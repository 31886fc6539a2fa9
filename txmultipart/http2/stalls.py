"""Stalls: finds streams for whose peers we have waited too long.

::

    we wait for a peer           for as long as                  which it may put down to
    to send of a body            it is wanted and not all here   the other bodies
    to take of what we send it   something is left to be sent    what else it takes, if
                                                                 this stream has window

A peer has so much time to keep us waiting, and earns more by the bytes that it sends
or takes (``Patience``). The time in which we hold a body back costs it nothing.

Streams of one connection share its line, and on a slow one all but the first in turn
may wait for long. So none is given up while the connection as a whole moves at the
rate that is asked of one stream. A stream whose own window is closed has no part in
that: to open it takes no line.

A body that nobody takes cannot be hurried. But its window, if that has grown, becomes
small again: others can make better use of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from txmultipart.http2.alarm import Alarm
from txmultipart.http2.inbound import Inbound
from txmultipart.http2.outbound import Outbound
from txmultipart.http2.patience import Patience, Stopwatch

# So often in the time allowed: a stream has at least that, and a quarter more at most.
_LOOKS = 4


class Watched(Protocol):
    """A stream, as far as it can stall."""

    inbound: Inbound
    outbound: Outbound
    #: Runs while we hold its peer back.
    held_back: Stopwatch


class _Way:
    """One direction of a stream: what had moved at the last look, and our patience."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self._moved = 0

    def look(self, moved: int, waited: float) -> int:
        """How much has moved since, while we waited for so long."""
        size, self._moved = moved - self._moved, moved
        self.patience.spend(waited, size)
        return size


class _All:
    """One direction of all streams together."""

    def __init__(self, patience: Patience) -> None:
        self.patience = patience
        self.moved = 0
        self.waits = False

    def add(self, moved: int, waits: bool) -> None:
        """One stream's share."""
        self.moved += moved
        self.waits = self.waits or waits

    def look(self, elapsed: float) -> None:
        """They have all been looked at."""
        if self.waits:
            self.patience.spend(elapsed, self.moved)
        else:
            self.patience.restore()
        self.moved, self.waits = 0, False


class _Mark:
    """What was seen of a stream when it was last looked at."""

    def __init__(self, patience: Callable[[], Patience]) -> None:
        self.inbound, self.outbound = _Way(patience()), _Way(patience())
        self.held_back = 0.0
        self.is_new = True


class Stalls:
    """Looks at the streams now and then, and calls ``stalled`` with each that has.

    ``time`` is in seconds, None: nobody is ever given up; ``rate`` is in bytes a
    second. ``has_window`` says whether a stream could send, were it alone.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        time: float | None,
        rate: int,
        stalled: Callable[[Watched], None],
        has_window: Callable[[Watched], bool],
    ) -> None:
        self._clock = clock
        self._time, self._rate = time, rate
        self._stalled = stalled
        self._has_window = has_window
        self._streams: Collection[Watched] = ()
        self._marks: dict[Watched, _Mark] = {}
        self._bodies, self._answers = _All(self._patience()), _All(self._patience())
        self._then = clock.seconds()
        self._alarm = Alarm(clock, self._look)

    def _patience(self) -> Patience:
        return Patience(self._time or 0.0, self._rate)

    def watch(self, streams: Collection[Watched]) -> None:
        """From now on these."""
        self._streams = streams
        if not streams:
            self._alarm.set(None)
            self._marks.clear()
        elif not self._alarm.is_set and self._time is not None:
            self._then = self._clock.seconds()
            self._alarm.set(self._time / _LOOKS)

    def gone(self, stream: Watched) -> None:
        """It is over; what it has moved since the last look counts for the others."""
        mark = self._marks.pop(stream, None)
        if mark is not None:
            self._look_at(stream, mark, 0.0)
        else:
            self._bodies.add(stream.inbound.received, False)
            self._answers.add(stream.outbound.sent, False)

    def _look(self) -> None:
        elapsed = self._clock.seconds() - self._then
        for stream in self._streams:
            if stream not in self._marks:
                self._marks[stream] = _Mark(self._patience)
            self._look_at(stream, self._marks[stream], elapsed)
        self._bodies.look(elapsed)
        self._answers.look(elapsed)
        for stream in [each for each in self._streams if self._is_given_up(each)]:
            self._stalled(stream)
        self.watch(self._streams)

    def _look_at(self, stream: Watched, mark: _Mark, elapsed: float) -> None:
        # One that is new has begun at some time since.
        elapsed, mark.is_new = 0.0 if mark.is_new else elapsed, False
        total = stream.held_back.total
        held_back, mark.held_back = total - mark.held_back, total
        waits = stream.inbound.waits_for_peer or held_back > 0
        waited = max(0.0, elapsed - held_back) if waits else 0.0
        moved = mark.inbound.look(stream.inbound.received, waited)
        self._bodies.add(moved, waited > 0)
        waits = stream.outbound.has_more
        moved = mark.outbound.look(stream.outbound.sent, elapsed if waits else 0.0)
        self._answers.add(moved, waits)
        if elapsed and held_back >= elapsed:
            stream.inbound.shrink()

    def _is_given_up(self, stream: Watched) -> bool:
        mark = self._marks[stream]
        if stream.inbound.waits_for_peer and mark.inbound.patience.is_spent:
            return self._bodies.patience.is_spent
        if stream.outbound.has_more and mark.outbound.patience.is_spent:
            return self._answers.patience.is_spent or self._lacks_window(stream)
        return False

    def _lacks_window(self, stream: Watched) -> bool:
        # An end takes none.
        return stream.outbound.size > 0 and not self._has_window(stream)
