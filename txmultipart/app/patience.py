"""Patience: waits for a server, but not for one that does nothing.

::

    the body          whose turn it is
    not begun, held   the server's: to be reached, to take what there is
    being made        ours: a pipe may take its time
    all sent          the server's: to answer, and to go on with the answer

While it is the server's turn it has ``stall_time`` seconds, and begins anew with each
piece that it takes of the body or sends of the answer. All together may take
``max_time`` seconds, whoever is slow.
"""

from __future__ import annotations

from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from txmultipart.body.producer import State

T = TypeVar("T")

#: Seconds between two looks, at most.
_LOOK = 1.0

#: Looks in the time that a server has, at least.
_LOOKS = 4


class GaveUp(Exception):
    """The server was waited for long enough."""


class Patience:
    """Waits once, for what sends ``body``. A time of 0 seconds is without a bound."""

    def __init__(
        self, clock: Any, body: Any, *, stall_time: float, max_time: float
    ) -> None:
        #: Why it was given up; None unless it was.
        self.gave_up: GaveUp | None = None
        self._clock, self._body = clock, body
        self._stall_time, self._max_time = stall_time, max_time
        self._heard = 0
        self._last: tuple[int, int] | None = None
        self._since = 0.0
        self._timers: dict[str, Any] = {}
        self._waiting: Deferred[Any] | None = None

    def heard(self) -> None:
        """A piece of the answer has come."""
        self._heard += 1

    async def bear(self, waiting: Deferred[T]) -> T:
        """What ``waiting`` gives. Raises what it fails with, ``GaveUp`` if it took too long.

        It is cancelled then; if it gives something all the same, that counts.
        """
        self._waiting = waiting
        self._start()
        try:
            return await waiting
        except Exception:
            if self.gave_up is not None:
                raise self.gave_up from None
            raise
        finally:
            self._stop()

    def _start(self) -> None:
        self._since = self._clock.seconds()
        if self._max_time:
            self._set("all", self._max_time, self._took_too_long)
        if self._stall_time:
            self._look()

    def _look(self) -> None:
        now, mark = self._clock.seconds(), (self._body.sent, self._heard)
        if mark != self._last or self._body.state is State.PRODUCING:
            self._last, self._since = mark, now
        if now - self._since >= self._stall_time:
            self._give_up(
                f"the server did nothing for {_time(self._stall_time)} (--stall-time)"
            )
        else:
            self._set("look", min(_LOOK, self._stall_time / _LOOKS), self._look)

    def _took_too_long(self) -> None:
        self._give_up(f"it was not done after {_time(self._max_time)} (--max-time)")

    def _give_up(self, why: str) -> None:
        self._stop()
        self.gave_up = GaveUp(why)
        assert self._waiting is not None
        self._waiting.cancel()

    def _set(self, name: str, seconds: float, call: Any) -> None:
        self._timers[name] = self._clock.callLater(seconds, call)

    def _stop(self) -> None:
        timers, self._timers = self._timers, {}
        for timer in timers.values():
            if timer.active():
                timer.cancel()


def _time(seconds: float) -> str:
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"
