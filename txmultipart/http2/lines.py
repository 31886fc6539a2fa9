"""Lines: who waits to send, by priority (RFC 9218 section 10).

::

    next is                                               why
    the first in the most urgent line                     that is what urgency means
    each eighth time, who has waited longest in any line  nobody waits for ever

An answer that is of use in pieces goes to the end of its line after each turn. One that
is of use only whole stays in front until it has sent what it can; then the next one is
whole soonest.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar

from txmultipart.http2.priority import SILENT, Priority

#: So many turns, of which one goes to who waits longest.
_TURNS = 8

_URGENCIES = range(8)


class Waiting(Protocol):
    """Somebody with a priority; where there is none all take turns."""

    stream_id: int


W = TypeVar("W", bound=Waiting)


def priority_of(stream: Waiting) -> Priority:
    """What is known of it."""
    priority: Priority = getattr(stream, "priority", SILENT)
    return priority


class Lines(Generic[W]):
    """A line for each urgency; each stream stands in one place at most."""

    def __init__(self) -> None:
        self._lines: list[deque[W]] = [deque() for _ in _URGENCIES]
        # Where each stands, and since when.
        self._tickets: dict[W, tuple[int, int]] = {}
        self._issued = self._turns = 0
        # Who had a turn for its patience, and not because it stands in front.
        self._oldest: W | None = None

    def __len__(self) -> int:
        return len(self._tickets)

    def __contains__(self, stream: W) -> bool:
        return stream in self._tickets

    def add(self, stream: W, *, again: bool = False) -> None:
        """Let it wait, if it does not; ``again``: after a turn, with more to send."""
        if stream in self._tickets:
            return
        urgency, incremental = priority_of(stream)
        self._issued += 1
        self._tickets[stream] = urgency, self._issued
        if again and not incremental and stream is not self._oldest:
            self._lines[urgency].appendleft(stream)
        else:
            self._lines[urgency].append(stream)

    def next(self) -> W:
        """Whose turn it is; there has to be somebody."""
        self._turns += 1
        self._oldest = None
        if len(self._tickets) == 1:  # who is alone is the first in any case
            chosen, (urgency, _) = self._tickets.popitem()
            self._lines[urgency].clear()
            return chosen
        first = chosen = next(line[0] for line in self._lines if line)
        if self._turns % _TURNS == 0:
            chosen = min(self._tickets, key=lambda stream: self._tickets[stream][1])
            self._oldest = chosen if chosen is not first else None
        self._leave(chosen)
        return chosen

    def _leave(self, stream: W) -> None:
        urgency, _ = self._tickets.pop(stream)
        self._lines[urgency].remove(stream)

    def gone(self, stream: W) -> None:
        """It waits no more, if it did."""
        if stream in self._tickets:
            self._leave(stream)
        if stream is self._oldest:
            self._oldest = None

    def moved(self, stream: W) -> None:
        """It has another priority: let it wait where it belongs."""
        if stream in self._tickets:
            self._leave(stream)
            self.add(stream)
