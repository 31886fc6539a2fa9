"""Progress: tells how far a body has come, often enough to see and no oftener."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

#: Called with bytes so far, bytes in all or None, and what is under way.
ProgressCallback = Callable[[int, int | None, Any], object]

#: Seconds between two calls: what a person can see.
INTERVAL = 0.1


class Progress:
    """Calls ``callback`` at most every ``interval`` seconds, and once at the end."""

    def __init__(
        self,
        callback: ProgressCallback,
        total: object,
        *,
        interval: float = INTERVAL,
        seconds: Callable[[], float] = monotonic,
    ) -> None:
        self._callback = callback
        self._total = total if isinstance(total, int) else None
        self._interval = interval
        self._seconds = seconds
        self._next = seconds()

    def update(self, count: int, current: Any) -> None:
        """``count`` bytes are done, ``current`` is under way."""
        now = self._seconds()
        if now >= self._next:
            self._next = now + self._interval
            self._callback(count, self._total, current)

    def finish(self, count: int, current: Any) -> None:
        """All is done: say so, whatever the time."""
        self._callback(count, self._total, current)
