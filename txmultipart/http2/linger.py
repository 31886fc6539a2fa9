"""Linger: wait a moment for the peer's next word, without going back to the reactor.

Where a peer keeps its windows as small as they are at first, a body goes out in pieces of
32 KiB, each of which waits for a WINDOW_UPDATE. On the same machine, or in the same rack,
that is here within microseconds, and to let the core sleep and wake up again takes longer.
So somebody whose body waits for nothing else asks the socket for a moment; and less and
less often where that is of no use, as over any longer way.

::

    asked                     something has come    nothing within ``_MOMENT``
    and it is our turn        it is read; again     1, 2, 4, … 64 times it is not our turn
    and it is not our turn    -                     -

    from within a read of ours, on TLS, or on what is no socket: nothing is done
"""

from __future__ import annotations

import select
from collections.abc import Callable
from time import perf_counter
from typing import Any

from twisted.internet.abstract import FileDescriptor

#: Seconds that are waited.
_MOMENT = 50e-6

#: So many reads, and then it is the turn of all others.
_READS = 16

#: The most times that we are passed over.
_RARELY = 64


class Linger:
    """Reads what comes soon from ``transport``, with its ``doRead`` (``IReadDescriptor``).

    What that says of a connection that is over is left to the reactor, to which the
    system will say so as well.
    """

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._poll = _poll(transport)
        self._reads = False
        self._passed_over = 0  # times, after the last attempt that was of no use
        self._left = 0  # of these

    def listen(self, wanted: Callable[[], bool]) -> None:
        """Read what comes within a moment, and what comes then, while it is ``wanted``."""
        if self._poll is None or self._reads:
            return
        if self._left:
            self._left -= 1
            return
        self._reads = True
        try:
            for _ in range(_READS):
                if not (self._transport.connected and wanted() and self._comes()):
                    break
                self._transport.doRead()
        finally:
            self._reads = False

    def _comes(self) -> bool:
        poll, end = self._poll.poll, perf_counter() + _MOMENT
        events: list[tuple[int, int]] = []
        while not events and perf_counter() < end:
            events = poll(0)
        if not events:
            self._passed_over = self._left = min(self._passed_over * 2 or 1, _RARELY)
            return False
        self._passed_over = 0
        return events[0][1] == select.POLLIN  # or it is over, and the reactor says why


def _poll(transport: Any) -> Any:
    is_socket = isinstance(transport, FileDescriptor) and transport.fileno() >= 0
    if not is_socket or not hasattr(select, "poll"):  # as on Windows
        return None
    poll = select.poll()
    poll.register(transport, select.POLLIN)
    return poll
