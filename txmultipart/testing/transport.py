"""MemoryTransport: a connection without a network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IConsumer,
    IHandshakeListener,
    IPushProducer,
    ISSLTransport,
    ITransport,
)
from twisted.python.failure import Failure
from zope.interface import alsoProvides, implementer

#: What waits to be read when a producer is paused: about what sockets do.
_HIGH_WATER = 64 << 10


@implementer(ITransport, IConsumer, IPushProducer)
class MemoryTransport:
    """One end of a connection in memory, as full, slow and lost as a real one can be.

    What is written goes to the other end in a later turn of the clock, if that end
    reads; a producer is paused while much of it waits.
    """

    peer: MemoryTransport
    protocol: Any
    disconnecting = False

    def __init__(self, clock: Any, sizes: Iterator[int], secure: bytes | None) -> None:
        self.negotiatedProtocol = secure
        if secure is not None:
            alsoProvides(self, ISSLTransport)
        self.producer: Any = None
        #: Whether bytes from the other end are taken.
        self.reading = True
        #: Whether it is over.
        self.lost = False
        self._clock, self._sizes = clock, sizes
        self._streaming = True
        self._producing = False
        self._waiting = bytearray()
        self._scheduled = False

    def shake_hands(self) -> None:
        """TLS is ready, if that is what this looks like."""
        if self.negotiatedProtocol and IHandshakeListener.providedBy(self.protocol):
            self.protocol.handshakeCompleted()

    @property
    def waiting(self) -> int:
        """Bytes that were written and not read at the other end."""
        return len(self._waiting)

    # ITransport -----------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Some bytes for the other end."""
        if not self.disconnecting and not self.lost:
            self._waiting += data
            self._adjust()
            self._go_on()

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """The same."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Close it when all is written."""
        self.disconnecting = True
        self._go_on()

    def abortConnection(self) -> None:
        """Close it now."""
        self._waiting.clear()
        self._end(ConnectionAborted(), ConnectionLost())

    def getPeer(self) -> IPv4Address:
        """An address for documentation."""
        return IPv4Address("TCP", "192.0.2.1", 4711)

    def getHost(self) -> IPv4Address:
        """Another one."""
        return IPv4Address("TCP", "192.0.2.2", 443)

    def getHandle(self) -> MemoryTransport:
        """What tells the cipher of TLS."""
        return self

    def get_cipher_name(self) -> None:
        """There is none."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Nothing is delayed here."""

    # IPushProducer and IConsumer --------------------------------------------------------

    def pauseProducing(self) -> None:
        """Take no bytes from the other end."""
        self.reading = False

    def resumeProducing(self) -> None:
        """Take them again."""
        self.reading = True
        self.peer._go_on()

    def stopProducing(self) -> None:
        """Close it."""
        self.loseConnection()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Hold ``producer`` back while much waits to be read."""
        if self.producer is not None:
            raise RuntimeError("a producer is registered already")
        if self.lost:
            producer.stopProducing()
            return
        self.producer, self._streaming, self._producing = producer, streaming, streaming
        self._adjust()

    def unregisterProducer(self) -> None:
        """It has produced all."""
        self.producer = None
        self._go_on()

    # Within -----------------------------------------------------------------------------

    def _adjust(self) -> None:
        """Pause the producer, or let it go on."""
        if self.producer is None or self.lost:
            return
        if self._producing and self._streaming and len(self._waiting) > _HIGH_WATER:
            self._producing = False
            self.producer.pauseProducing()
        elif not self._producing and not self._waiting:
            self._producing = True
            self.producer.resumeProducing()

    def _go_on(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._clock.callLater(0, self._deliver)

    def _deliver(self) -> None:
        self._scheduled = False
        if self.lost:
            return
        if self._waiting and self.peer.reading:
            size = next(self._sizes)
            piece = bytes(self._waiting[:size])
            del self._waiting[:size]
            self.peer.protocol.dataReceived(piece)
            self._go_on()
        if not self._waiting:
            self._drained()

    def _drained(self) -> None:
        # A pull producer is asked once for each time that all has gone.
        self._producing = self._producing and self._streaming
        self._adjust()
        if self.disconnecting and self.producer is None and not self._waiting:
            self._end(ConnectionDone(), ConnectionDone())

    def _end(self, here: Exception, there: Exception) -> None:
        for end, reason in ((self, here), (self.peer, there)):
            if not end.lost:
                end.lost = end.disconnecting = True
                self._clock.callLater(0, end._tell, reason)

    def _tell(self, reason: Exception) -> None:
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()
        self.protocol.connectionLost(Failure(reason))
