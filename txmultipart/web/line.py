"""Line: one connection of HTTP/2 in a pool, from its making to its end.

::

    state     meaning                         ends by itself
    IDLE      no request is on it             after a time
    BUSY      some are                        -
    LEAVING   no more requests are welcome    after the last
    GONE      the connection is lost          -

    input                   IDLE       BUSY       LEAVING    GONE
    a request begins        BUSY       -          (refused)  (refused)
    the last one ends       -          IDLE       -          -
    idle for too long       LEAVING    -          -          -
    close                   LEAVING    LEAVING    -          -
    the server says GOAWAY  LEAVING    LEAVING    -          -
    lost                    GONE       GONE       GONE       -
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, ISSLTransport
from twisted.python.failure import Failure
from twisted.web.iweb import IResponse

from txmultipart.http2 import Client
from txmultipart.web.exchange import Exchange


class State(Enum):
    """What a line is good for; see the tables above."""

    IDLE = "idle"
    BUSY = "busy"
    LEAVING = "leaving"
    GONE = "gone"


class Home(Protocol):
    """Who has the line: its origin."""

    clock: Any

    @property
    def idle_time(self) -> float:
        """Seconds for which a line may be idle."""
        ...

    def make_client(self, line: Line) -> Client:
        """The connection itself, whose observer ``line`` is."""
        ...

    def settled(self, line: Line) -> None:
        """It is known what the server allows on it."""
        ...

    def serve(self) -> None:
        """There may be room for those who wait."""
        ...

    def lost(self, line: Line) -> None:
        """It is gone."""
        ...


class Line:
    """A connection, which observes itself: see ``Observer`` of ``txmultipart.http2``."""

    def __init__(self, home: Home, transport: Any) -> None:
        self.state = State.IDLE
        #: Requests that were begun on it.
        self.used = 0
        #: Whether the server's first settings are here, so that its limits are known.
        self.settled = False
        self._home = home
        self._secure = ISSLTransport(transport, None) is not None
        self._timer: IDelayedCall | None = None
        self._closed: list[Deferred[None]] = []
        self.client = home.make_client(self)
        self._rest()

    @property
    def usable(self) -> bool:
        """Whether new requests are welcome."""
        return self.state in (State.IDLE, State.BUSY) and self.client.usable

    @property
    def has_room(self) -> bool:
        """Whether one can begin now."""
        return self.usable and self.client.room > 0

    def begin(self, exchange: Exchange) -> Deferred[IResponse]:
        """Begin a request, on a line that has room."""
        self.used += 1
        self._stop_timer()
        self.state = State.BUSY
        result = exchange.begin(self.client, secure=self._secure)
        if self.state is State.BUSY and not self.client.streams:
            self._rest()  # it could not be sent
        return result

    def close(self) -> Deferred[None]:
        """Take no more requests, and close after the last. Fires when that is done."""
        if self.state is State.GONE:
            return succeed(None)
        closed: Deferred[None] = Deferred()
        self._closed.append(closed)
        self.leave()
        return closed

    def leave(self) -> None:
        """The same, for nobody who waits."""
        self._stop_timer()
        if self.state in (State.IDLE, State.BUSY):
            self.state = State.LEAVING
            self.client.leave()

    # The connection calls these -----------------------------------------------------

    def ready(self, client: Client) -> None:
        """The server's settings are here."""
        self.settled = True
        self._home.settled(self)
        self._home.serve()

    def room_changed(self, client: Client) -> None:
        """A request has ended, or the server takes more or fewer at a time."""
        if self.state is State.BUSY and not client.streams:
            self._rest()
        if self.settled:
            self._home.settled(self)
        self._home.serve()

    def leaving(self, client: Client) -> None:
        """No new requests are welcome, whoever said so."""
        self._stop_timer()
        if self.state is not State.GONE:
            self.state = State.LEAVING
        self._home.serve()

    def gone(self, client: Client, reason: Failure) -> None:
        """The connection is lost."""
        self._stop_timer()
        self.state = State.GONE
        closed, self._closed = self._closed, []
        self._home.lost(self)
        for waiting in closed:
            waiting.callback(None)

    # Within ---------------------------------------------------------------------------

    def _rest(self) -> None:
        self.state = State.IDLE
        self._stop_timer()
        self._timer = self._home.clock.callLater(self._home.idle_time, self.leave)

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
