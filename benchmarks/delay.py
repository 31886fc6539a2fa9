"""A far line: what comes on a connection is passed on a little later, both ways.

    python -m benchmarks.delay PORT SECONDS

Listens on a free port of 127.0.0.1, which it prints, and connects to PORT there.
Each way takes SECONDS, however much is under way: there is no limit of bandwidth.
What the handshake of TCP would take is not in it: connections are made at once.
"""

from __future__ import annotations

import sys
from collections import deque
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    connectProtocol,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

reactor: Any = _reactor

#: At 1 GB/s, 10 MB come in 10 ms: they are read in large pieces.
READ = 1 << 20


class End(Protocol):
    """One end of the line."""

    transport: Any
    other: End

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._under_way: deque[tuple[float, bytes | None]] = deque()
        self._waits = False

    def connectionMade(self) -> None:
        """Read in large pieces, and write at once."""
        self.transport.bufferSize = READ
        self.transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        """To the other end, later."""
        self._send(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """So is the end."""
        self._send(None)

    def _send(self, data: bytes | None) -> None:
        self._under_way.append((reactor.seconds() + self.seconds, data))
        self._wait()

    def _wait(self) -> None:
        if self._under_way and not self._waits:
            self._waits = True
            due = self._under_way[0][0] - reactor.seconds()
            reactor.callLater(max(0, due), self._arrive)

    def _arrive(self) -> None:
        self._waits = False
        while self._under_way and self._under_way[0][0] <= reactor.seconds():
            _, data = self._under_way.popleft()
            if data is None:
                self.other.transport.loseConnection()
            else:
                self.other.transport.write(data)
        self._wait()


class Near(End):
    """The end that listens: it makes the other one, and reads when there is one."""

    def __init__(self, port: int, seconds: float) -> None:
        super().__init__(seconds)
        self._far = TCP4ClientEndpoint(reactor, "127.0.0.1", port)

    def connectionMade(self) -> None:
        """Connect."""
        super().connectionMade()
        self.transport.pauseProducing()
        self.other = End(self.seconds)
        self.other.other = self
        connectProtocol(self._far, self.other).addCallbacks(
            lambda _: self.transport.resumeProducing(),
            lambda _: self.transport.loseConnection(),
        )


def main(port: int, seconds: float) -> None:
    """Run until killed."""

    def tell(listening: Any) -> None:
        print(listening.getHost().port, flush=True)

    endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    factory = Factory.forProtocol(lambda: Near(port, seconds))
    endpoint.listen(factory).addCallback(tell)
    reactor.run()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
