"""Connections: those of a site: how many there may be, and how they end in peace.

::

    state   a new connection        those that are open
    OPEN    is taken, up to a most  stay
    CLOSED  is closed at once       end when they have answered, or when time is up

    event   OPEN    CLOSED
    drain   CLOSED  -, with one more who waits
    reopen  -       OPEN; those that were asked to end still do, and nobody else

Each drain waits for those that it found, and throws out those of them that are left:
who came when the site was open again has nothing to do with it.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred

from txmultipart.http2 import Alarm


class Open(Protocol):
    """A connection."""

    def leave(self) -> None:
        """Close when what is under way was answered."""
        ...

    def give_up(self) -> None:
        """Close now."""
        ...


class _Drain:
    """One drain: who is still to leave, and in what time."""

    def __init__(self, clock: Any, those: set[Open]) -> None:
        self._left = those
        # Whoever waits no more is not told; the time that was set stands.
        self.drained: Deferred[None] = Deferred()
        self._alarm = Alarm(clock, self._give_up)

    def begin(self, seconds: float) -> None:
        """Ask them to leave; whoever has not in ``seconds`` is thrown out."""
        self._alarm.set(seconds)
        for connection in list(self._left):
            connection.leave()
        self._look()

    def gone(self, connection: Open) -> None:
        """One has left."""
        if connection in self._left:
            self._left.remove(connection)
            self._look()

    def _look(self) -> None:
        if self._left:
            return
        self._alarm.set(None)
        if not self.drained.called:
            self.drained.callback(None)

    def _give_up(self) -> None:
        for connection in list(self._left):
            connection.give_up()

    @property
    def is_over(self) -> bool:
        """Whether all have left."""
        return not self._left


class Connections:
    """The open connections of one site, of which there may be ``most``."""

    def __init__(self, clock: Any, *, most: int | None = None) -> None:
        #: Nobody is let in.
        self.closed = False
        self._clock = clock
        self._most = most
        self._open: set[Open] = set()
        self._drains: list[_Drain] = []

    def __len__(self) -> int:
        return len(self._open)

    @property
    def has_room(self) -> bool:
        """Whether one more is let in."""
        full = self._most is not None and len(self._open) >= self._most
        return not self.closed and not full

    def add(self, connection: Open) -> None:
        """It is open."""
        self._open.add(connection)

    def remove(self, connection: Open) -> None:
        """It is lost."""
        self._open.discard(connection)
        for drain in list(self._drains):
            drain.gone(connection)
        self._drains = [drain for drain in self._drains if not drain.is_over]

    def reopen(self) -> None:
        """Let them in again."""
        self.closed = False

    def drain(self, seconds: float) -> Deferred[None]:
        """Let nobody in, and ask those who are in to leave.

        Fires when all have left; whoever has not in ``seconds`` is thrown out. To
        cancel it is to wait no more: they leave all the same.
        """
        self.closed = True
        drain = _Drain(self._clock, set(self._open))
        self._drains.append(drain)
        drain.begin(seconds)
        self._drains = [each for each in self._drains if not each.is_over]
        return drain.drained
