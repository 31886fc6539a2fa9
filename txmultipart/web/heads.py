"""PromptHeads: a channel of HTTP/1.1 whose requests do not take for ever to begin.

::

    state    meaning                             then
    BETWEEN  no byte of a request is here        the idle timer runs, as ever
    HEAD     its line and fields come            the time for that runs
    REQUEST  they are here; what comes now is    nothing runs here: how fast that has to
             the body, or of the next request    come the request itself decides

    event                       BETWEEN  HEAD      REQUEST
    bytes                       HEAD     -         -
    all fields are here         REQUEST  REQUEST   -
    the request is done         -        -         BETWEEN
    time is up                  -        closed    -
    connection lost             -        BETWEEN   BETWEEN

A stock channel waits for so long after each byte, so a byte now and then keeps it.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from txmultipart.http2 import Alarm


class At(Enum):
    """How far a request has come; see the tables above."""

    BETWEEN = "between"
    HEAD = "head"
    REQUEST = "request"


class PromptHeads(HTTPChannel):
    """Gives a request's line and fields ``timeOut`` seconds from their first byte."""

    def __init__(self) -> None:
        super().__init__()
        self.at = At.BETWEEN
        self._time: float | None = None
        clock: Any = self  # which has the one thing of it that is needed
        self._alarm = Alarm(clock, self.timeoutConnection)
        self._timed_out = False

    def connectionMade(self) -> None:
        """Remember the time: the channel's own is off while a request is answered."""
        self._time = self.timeOut
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        """Some bytes; the first ones of a request, maybe."""
        if self.at is At.BETWEEN:
            self.at = At.HEAD
            self._alarm.set(self._time)
        super().dataReceived(data)

    def allHeadersReceived(self) -> None:
        """The line and the fields are here."""
        self.at = At.REQUEST
        self._alarm.set(None)
        super().allHeadersReceived()

    def requestDone(self, request: Any) -> None:
        """It was answered; bytes of the next one may be here already."""
        self.at = At.BETWEEN
        super().requestDone(request)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Nothing more will come."""
        self.at = At.BETWEEN
        self._alarm.set(None)
        super().connectionLost(reason)

    def timeoutConnection(self) -> None:
        """Close, and soon for good; several times may be up at once, of which one counts."""
        if not self._timed_out:
            self._timed_out = True
            self.setTimeout(None)
            super().timeoutConnection()
