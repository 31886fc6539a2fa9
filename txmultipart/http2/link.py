"""Link: the transport under a connection: written to, held back by, and closed.

::

    the transport           the link
    takes no more           is blocked: no DATA is sent, and when too much else
                            waits (answers to PING, say) nothing more is read
    takes again             is not blocked, and reads
    is closed by us         is aborted some time later: it may never get rid of
                            what it has to write
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol
from zope.interface import implementer

from txmultipart.http2.options import HTTP2Options


@implementer(IPushProducer)
class Link(Protocol):
    """A protocol that is the producer of its own transport."""

    transport: Any

    def __init__(self, clock: IReactorTime, options: HTTP2Options) -> None:
        self.clock = clock
        self.options = options
        #: The transport takes no more.
        self.blocked = False
        self._deaf = False
        self._unread = 0  # bytes written while it took no more
        self._abort: IDelayedCall | None = None

    def pump(self) -> None:
        """Send what can be sent: the transport takes more."""
        raise NotImplementedError

    def connectionMade(self) -> None:
        """There is a transport: be its producer."""
        # What is live must not wait for the peer to acknowledge what went before.
        with suppress(AttributeError):  # some transports are not of TCP
            self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)

    def pauseProducing(self) -> None:
        """The transport takes no more."""
        self.blocked = True

    def resumeProducing(self) -> None:
        """It does again."""
        self.blocked = False
        self._unread = 0
        if self._deaf:
            self._deaf = False
            self.transport.resumeProducing()
        self.pump()

    def stopProducing(self) -> None:
        """The transport is about to be lost."""
        self.blocked = True

    def write(self, data: bytes) -> None:
        """Some bytes that cannot wait."""
        self.transport.write(data)
        if self.blocked:
            self._listen_less(len(data))

    def _listen_less(self, size: int) -> None:
        # Whoever asks, and does not read our answers, is not heard any more.
        self._unread += size
        if self._unread > self.options.max_unread_control and not self._deaf:
            self._deaf = True
            self.transport.pauseProducing()

    def close(self) -> None:
        """Close the transport when it has written all, and soon in any case."""
        # A transport with a producer does not close before that has ended.
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        self._abort = self.clock.callLater(
            self.options.abort_time, self.transport.abortConnection
        )

    def closed(self) -> None:
        """The transport is gone."""
        if self._abort is not None and self._abort.active():
            self._abort.cancel()
