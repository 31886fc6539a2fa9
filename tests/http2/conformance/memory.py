"""Memory: a connection to a site that is in this process, on a clock of its own."""

from __future__ import annotations

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.http2.client import Pipe
from tests.http2.resources import Echo
from txmultipart.web.site import StreamingSite


class MemoryLink:
    """Gives its bytes to the server ``step`` at a time."""

    def __init__(self, step: int) -> None:
        self._step = step
        self._clock = Clock()
        self._transport = Pipe()
        site = StreamingSite(Echo(), reactor=self._clock)
        self._protocol = site.buildProtocol(self._transport.getPeer())
        self._protocol.makeConnection(self._transport)

    def send(self, data: bytes) -> None:
        """Deliver it, as long as the server reads."""
        for place in range(0, len(data), self._step):
            if not self._transport.disconnecting:
                self._protocol.dataReceived(data[place : place + self._step])

    def read(self) -> bytes:
        """What was written since."""
        self._clock.pump([0, 0])
        data: bytes = self._transport.value()
        self._transport.clear()
        if not data and not self._transport.disconnecting:
            raise TimeoutError
        return data

    def close(self) -> None:
        """The client is gone."""
        self._transport.disconnecting = True
        self._protocol.connectionLost(Failure(ConnectionDone()))
