"""Link: the transport under a connection: written to, held back by, and closed.

::

    the transport           the link
    takes no more           is blocked: no DATA is sent, and when too much else
                            waits (answers to PING, say) nothing more is read
    takes again             is not blocked, and reads
    is closed in peace      says that no more will come, and reads on till the peer has
                            closed it too: else the system drops what is still to be
                            read there when one more byte comes from there
    is closed by us         is closed when all is written
    is closed, either way   is aborted some time later: it may never get rid of
                            what it has to write
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from twisted.internet.interfaces import (
    IHalfCloseableDescriptor,
    IPushProducer,
    IReactorTime,
    ISSLTransport,
)
from twisted.internet.protocol import Protocol
from zope.interface import implementer

from txmultipart.http2.alarm import Alarm
from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.prompt import send_now, write_now

#: Bytes that may leave at once for one read.
_AT_ONCE = 128 << 10


@implementer(IPushProducer)
class Link(Protocol):
    """A protocol that is the producer of its own transport."""

    transport: Any

    def __init__(self, clock: IReactorTime, options: HTTP2Options) -> None:
        self.clock = clock
        self.options = options
        #: The transport takes no more.
        self.blocked = False
        self._at_once = 0  # bytes that may leave past the transport
        self._holds = True  # the transport may hold something
        self._deaf = False
        self._unread = 0  # bytes written while it took no more
        self._abort = Alarm(clock, self._abort_now)

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
        self.blocked = self._holds = False
        self._unread = 0
        self._listen()
        self.pump()

    def stopProducing(self) -> None:
        """The transport is about to be lost."""
        self.blocked = True

    def write(self, data: bytes) -> None:
        """Some bytes that cannot wait."""
        if self._at_once > 0 and not self._holds:  # is_prompt, without a call for each
            self._at_once -= len(data)
            data = send_now(self.transport, data)
            if not data:
                return
        self._holds = True
        self.transport.write(data)
        if self.blocked:
            self._listen_less(len(data))

    @property
    def is_prompt(self) -> bool:
        """Whether what is written next leaves at once."""
        return self._at_once > 0 and not self._holds

    @property
    def is_free(self) -> bool:
        """Whether all that was written has left, and we listen, and are not closing."""
        held = self._holds or self._deaf or self._abort.is_set
        return not (held or self.transport.disconnecting)

    def begin_answer(self) -> None:
        """Some bytes have come: let what is written leave at once."""
        self._at_once = _AT_ONCE

    def end_answer(self) -> None:
        """They have been looked at, and everything has been written."""
        self._at_once = 0
        # One that is being closed is left alone: what it does at the end has to be the
        # reactor's doing.
        if self._holds and not self.blocked and not self._abort.is_set:
            self._holds = not write_now(self.transport)

    def _listen_less(self, size: int) -> None:
        # Whoever asks, and does not read our answers, is not heard any more.
        self._unread += size
        if self._unread > self.options.max_unread_control and not self._deaf:
            self._deaf = True
            self.transport.pauseProducing()

    def _listen(self) -> None:
        if self._deaf:
            self._deaf = False
            self.transport.resumeProducing()

    def close(self, *, in_peace: bool = False) -> None:
        """Close the transport when it has written all, and soon in any case.

        ``in_peace``: what was written is of use, and the peer has time to read it.
        """
        # A transport with a producer does not close before that has ended.
        self.transport.unregisterProducer()
        if in_peace and _closes_by_halves(self.transport):
            self._listen()  # or nobody would notice that the peer has closed it
            self.transport.loseWriteConnection()
        else:
            self.transport.loseConnection()
        options = self.options
        self._abort.set(options.leave_time if in_peace else options.abort_time)

    def hurry(self) -> None:
        """What is being closed in peace must be closed soon."""
        if self._abort.is_set:
            self._abort.set(self.options.abort_time)

    def closed(self) -> None:
        """The transport is gone."""
        self._abort.set(None)

    def _abort_now(self) -> None:
        self.transport.abortConnection()


def _closes_by_halves(transport: Any) -> bool:
    # TLS reads on by itself, until its peer has closed it too.
    secure = ISSLTransport.providedBy(transport)
    return IHalfCloseableDescriptor.providedBy(transport) and not secure
