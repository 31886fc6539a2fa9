"""Stalls: finds streams for whose peers we have waited too long.

A stream waits for its peer while its body is wanted and does not come, or while
there is something to send and the peer takes nothing. As long as we hold the peer
back, or have nothing to say, it has all the time it wants.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from txmultipart.http2.inbound import Inbound
from txmultipart.http2.outbound import Outbound

# So often in the time allowed: a stream has at least that, and a quarter more at most.
_LOOKS = 4


class Watched(Protocol):
    """A stream, as far as it can stall."""

    inbound: Inbound
    outbound: Outbound


class Stalls:
    """Looks at the streams now and then, and calls ``stalled`` with each that has."""

    def __init__(
        self,
        clock: IReactorTime,
        timeout: float | None,
        stalled: Callable[[Watched], None],
    ) -> None:
        self._clock = clock
        self._timeout = timeout
        self._stalled = stalled
        self._streams: Collection[Watched] = ()
        self._marks: dict[Watched, tuple[tuple[int, int], float]] = {}
        self._next: IDelayedCall | None = None

    def watch(self, streams: Collection[Watched]) -> None:
        """From now on these."""
        self._streams = streams
        if streams and self._next is None and self._timeout is not None:
            self._next = self._clock.callLater(self._timeout / _LOOKS, self._look)
        elif not streams and self._next is not None:
            self._next.cancel()
            self._next = None
            self._marks.clear()

    def _look(self) -> None:
        self._next = None
        before, self._marks = self._marks, {}
        for stream in list(self._streams):
            self._look_at(stream, before)
        self.watch(self._streams)

    def _look_at(
        self, stream: Watched, before: dict[Watched, tuple[tuple[int, int], float]]
    ) -> None:
        progress = stream.inbound.received, stream.outbound.sent
        now = self._clock.seconds()
        then, since = before.get(stream, (progress, now))
        if then != progress or not _waits(stream):
            since = now
        self._marks[stream] = progress, since
        assert self._timeout is not None
        if now - since >= self._timeout:
            self._stalled(stream)


def _waits(stream: Watched) -> bool:
    return stream.inbound.waits_for_peer or stream.outbound.size > 0
