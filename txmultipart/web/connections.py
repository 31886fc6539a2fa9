"""Connections: those of a site: how many there may be, and how they end in peace.

::

    state   a new connection        those that are open
    OPEN    is taken, up to a most  stay
    CLOSED  is closed at once       end when they have answered, or when time is up

    event   OPEN    CLOSED
    drain   CLOSED  -, with one more who waits
    reopen  -       OPEN; those that were asked to end still do
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed


class Open(Protocol):
    """A connection."""

    def leave(self) -> None:
        """Close when what is under way was answered."""
        ...

    def give_up(self) -> None:
        """Close now."""
        ...


class Connections:
    """The open connections of one site, of which there may be ``most``."""

    def __init__(self, clock: Any, *, most: int | None = None) -> None:
        #: Nobody is let in.
        self.closed = False
        self._clock = clock
        self._most = most
        self._open: set[Open] = set()
        self._waiting: dict[Deferred[None], Any] = {}

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
        if not self._open:
            self._tell()

    def reopen(self) -> None:
        """Let them in again."""
        self.closed = False

    def drain(self, seconds: float) -> Deferred[None]:
        """Let nobody in, and ask those who are in to leave.

        Fires when all have left; whoever has not in ``seconds`` is thrown out. To
        cancel it is to wait no more: they leave all the same.
        """
        self.closed = True
        for connection in list(self._open):
            connection.leave()
        if not self._open:
            return succeed(None)
        waiting: Deferred[None] = Deferred(self._forget)
        self._waiting[waiting] = self._clock.callLater(seconds, self._give_up)
        return waiting

    def _give_up(self) -> None:
        for connection in list(self._open):
            connection.give_up()

    def _forget(self, waiting: Deferred[None]) -> None:
        # The time that was set for them stands.
        self._waiting.pop(waiting)

    def _tell(self) -> None:
        told, self._waiting = self._waiting, {}
        for waiting, later in told.items():
            if later.active():
                later.cancel()
            waiting.callback(None)
