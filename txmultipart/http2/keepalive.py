"""Keepalive: asks a silent peer whether it is there.

::

    state    until                     then
    OFF      requests are under way    QUIET
    QUIET    nothing was heard for     ASKED, with a PING
             the interval
    ASKED    something is heard        QUIET
             the time to answer is up  OFF, and the peer is given up

    A peer is asked only while requests are under way: some take more for a flood.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime


class Keepalive:
    """Calls ``ask`` after ``interval`` seconds of silence; None: never.

    ``give_up`` is called when for ``time`` seconds more nothing was heard.
    """

    def __init__(
        self,
        clock: IReactorTime,
        interval: float | None,
        time: float,
        *,
        ask: Callable[[], None],
        give_up: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._interval, self._time = interval, time
        self._ask, self._give_up = ask, give_up
        self._timer: Any = None
        self._heard = 0.0

    def watch(self, wanted: bool) -> None:
        """Whether it matters that the peer is there."""
        if not wanted:
            self._stop()
        elif self._timer is None and self._interval is not None:
            self._heard = self._clock.seconds()
            self._timer = self._clock.callLater(self._interval, self._look)

    def heard(self) -> None:
        """The peer has said something."""
        if self._timer is not None:
            self._heard = self._clock.seconds()

    def _stop(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _look(self) -> None:
        # One timer that is set anew for what is left: to set it at each read costs more.
        assert self._interval is not None
        left = self._heard + self._interval - self._clock.seconds()
        if left > 0:
            self._timer = self._clock.callLater(left, self._look)
            return
        asked = self._clock.seconds()
        self._timer = self._clock.callLater(self._time, self._decide, asked)
        self._ask()

    def _decide(self, asked: float) -> None:
        self._timer = None
        if self._heard >= asked:
            self._timer = self._clock.callLater(0, self._look)
        else:
            self._give_up()
