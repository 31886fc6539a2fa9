"""Patience: how long somebody who waits for a slow peer goes on waiting.

Time in hand is spent by waiting, and earned by bytes: who brings ``rate`` bytes a
second in the long run is waited for without end, and who brings less, or nothing,
till the time in hand is spent. A byte now and then earns next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable


class Patience:
    """At most ``most`` seconds in hand, and a second more for ``rate`` bytes."""

    def __init__(self, most: float, rate: int) -> None:
        self._most = self._left = most
        self._rate = rate

    def spend(self, seconds: float, size: int) -> None:
        """So long was waited, and so many bytes came of it."""
        left = self._left - seconds + size / self._rate
        self._left = max(0.0, min(left, self._most))

    def restore(self) -> None:
        """Nobody waits: the next one has all the time again."""
        self._left = self._most

    @property
    def left(self) -> float:
        """The time in hand, in seconds."""
        return self._left

    @property
    def is_spent(self) -> bool:
        """Whether there is no time left."""
        return self._left <= 0


class Stopwatch:
    """Adds up the time between ``start`` and ``stop``, either of which may come twice."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._sum = 0.0
        self._since: float | None = None

    def start(self) -> None:
        """The time runs."""
        if self._since is None:
            self._since = self._seconds()

    def stop(self) -> None:
        """It does not."""
        self._sum, self._since = self.total, None

    @property
    def total(self) -> float:
        """All of it so far."""
        running = 0.0 if self._since is None else self._seconds() - self._since
        return self._sum + running
