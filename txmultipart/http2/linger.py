"""Linger: wait a moment for the peer's next word, without going back to the reactor.

Where a peer keeps its windows as small as they are at first, a body goes out in pieces of
32 KiB, each of which waits for a WINDOW_UPDATE. On the same machine, or in the same rack,
that is here within microseconds, and to let the core sleep and wake up again takes longer.
So somebody whose body waits for nothing else asks the socket for a moment; only who is
alone, for all others wait meanwhile. 512 MiB went to nghttpd at 750 MB/s with this, at 610
without (two cores, 2026-11-20).

::

    asked, and                                             then
    it is a read of ours that has led to it                -
    it is on TLS, or on what is no socket                  -
    somebody else was asked since the last time, or
      it is the first time                                 -
    the reactor had its turn for longer than ``_NEAR``:    -
      others are busy, or the peer is not near
    it is not our turn, after attempts of no use           -
    else                                                   we wait for ``_MOMENT``

    what comes           then
    something            it is read, and we wait again, ``_READS`` times in all
    nothing              1, 2, 4, … 64 times it is not our turn
    the end, an error    it is left to the reactor
"""

from __future__ import annotations

import select
from collections.abc import Callable
from math import inf
from time import perf_counter
from typing import Any, ClassVar

from twisted.internet.abstract import FileDescriptor

#: Seconds that are waited.
_MOMENT = 50e-6

#: So many reads, and then it is the turn of all others.
_READS = 24

#: Seconds from our last word to its answer, and through all that was done for it.
_NEAR = 120e-6

#: The most times that we are passed over.
_RARELY = 64


class Linger:
    """Reads what comes soon from ``transport``, with its ``doRead`` (``IReadDescriptor``).

    What that says of a connection that is over is left to the reactor, to which the
    system will say so as well.
    """

    _last_asked: ClassVar[int] = 0

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._poll = _poll(transport)
        self._reads = False
        self._returned = -inf  # when the reactor got its turn
        self._passed_over = 0  # times, after the last attempt that was of no use
        self._left = 0  # of these

    def listen(self, wanted: Callable[[], bool]) -> None:
        """Read what comes within a moment, and what comes then, while it is ``wanted``."""
        if self._poll is None or self._reads:
            return
        if self._was_alone() and self._is_our_turn():
            self._reads = True
            try:
                self._read(wanted)
            finally:
                self._reads = False
        self._returned = perf_counter()

    def _was_alone(self) -> bool:
        # Since the last time; and from now on this is the last one.
        was_last, Linger._last_asked = Linger._last_asked == id(self), id(self)
        return was_last and perf_counter() - self._returned < _NEAR

    def _is_our_turn(self) -> bool:
        if self._left:
            self._left -= 1
            return False
        return True

    def _read(self, wanted: Callable[[], bool]) -> None:
        for _ in range(_READS):
            if not (self._transport.connected and wanted() and self._comes()):
                break
            if self._transport.doRead() is not None:
                break  # it is over, as the reactor will find out as well

    def _comes(self) -> bool:
        poll, end = self._poll.poll, perf_counter() + _MOMENT
        events: list[tuple[int, int]] = poll(0)  # however late this thread has its turn
        while not events and perf_counter() < end:
            events = poll(0)
        if not events:
            self._passed_over = self._left = min(self._passed_over * 2 or 1, _RARELY)
            return False
        self._passed_over = 0
        # An error is left to the reactor; the end of TCP looks like bytes.
        return events[0][1] == select.POLLIN


def _poll(transport: Any) -> Any:
    is_socket = isinstance(transport, FileDescriptor) and transport.fileno() >= 0
    if not is_socket or not hasattr(select, "poll"):  # as on Windows
        return None
    poll = select.poll()
    poll.register(transport, select.POLLIN)
    return poll
