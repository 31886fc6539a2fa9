"""Farewell: leaving a connection without loss, in two steps (RFC 9113 section 6.8).

::

    state    GOAWAY said  a new stream   ends with
    STAYING  none         is taken       begin
    LEAVING  2^31 - 1     is taken       the answer to a PING, or time
    GONE     the last id  is refused     -

The first GOAWAY asks the peer to begin nothing new. What it began before it heard that
is on its way, and is taken. When it has answered a PING that was sent after the GOAWAY,
all of that is here, and the second GOAWAY can tell the truth.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Protocol

from txmultipart.http2.alarm import Alarm
from txmultipart.http2.options import HTTP2Options

_ANY_STREAM = (1 << 31) - 1
_PING = b"farewell"


class Leaver(Protocol):
    """The connection that is left."""

    clock: Any
    options: HTTP2Options

    def say_goaway(self, last_stream_id: int) -> None:
        """Send GOAWAY without an error."""
        ...

    def ping(self, data: bytes) -> None:
        """Send PING."""
        ...

    def last_word(self) -> None:
        """Nothing that comes from now on is taken."""
        ...


class Way(Enum):
    """How far it has come; see the table above."""

    STAYING = "staying"
    LEAVING = "leaving"
    GONE = "gone"


class Farewell:
    """Says it for ``leaver``, once."""

    def __init__(self, leaver: Leaver) -> None:
        self.state = Way.STAYING
        self._leaver = leaver
        self._alarm = Alarm(leaver.clock, self._go)

    def begin(self) -> None:
        """The first step, if it was not taken yet."""
        if self.state is Way.STAYING:
            self.state = Way.LEAVING
            self._alarm.set(self._leaver.options.farewell_time)
            self._leaver.say_goaway(_ANY_STREAM)
            self._leaver.ping(_PING)

    def answered(self, data: bytes) -> None:
        """A PING was answered: the second step, if it was ours."""
        if self.state is Way.LEAVING and data == _PING:
            self._go()

    def stop(self) -> None:
        """The connection is over: there is nobody to say anything to."""
        self.state = Way.GONE
        self._alarm.set(None)

    def _go(self) -> None:
        self.stop()
        self._leaver.last_word()
