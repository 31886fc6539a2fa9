"""Alarm: one call that may come later, is put off, and comes to nothing."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Alarm:
    """Calls ``ring`` when a time is up that was set, and not set anew since."""

    def __init__(self, clock: IReactorTime, ring: Callable[[], object]) -> None:
        self._clock = clock
        self._ring = ring
        self._call: IDelayedCall | None = None

    @property
    def is_set(self) -> bool:
        """Whether it is going to ring."""
        return self._call is not None

    def set(self, seconds: float | None) -> None:
        """Ring in so many seconds from now; None: not at all."""
        call, self._call = self._call, None
        if call is not None and call.active():
            call.cancel()
        if seconds is not None:
            self._call = self._clock.callLater(seconds, self._rings)

    def _rings(self) -> None:
        self._call = None
        self._ring()
