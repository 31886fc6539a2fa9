"""Negotiation: a client's connection that learns what it speaks, HTTP/1.1 or HTTP/2.

::

    a connection    speaks HTTP/2 if                         else
    on TLS          that was negotiated (ALPN, RFC 7301)     HTTP/1.1
    in the clear    that is known before (prior knowledge)   HTTP/1.1

    state      input                            then
    OPENING    connected, in the clear          SPEAKING
    OPENING    connected, on TLS                OPENING, for the handshake
    OPENING    handshake done, or first bytes   SPEAKING
    OPENING    a cipher that HTTP/2 forbids     SPEAKING, to say GOAWAY; fails
    OPENING    nobody can be made who speaks    LOST: aborted, fails
    OPENING    lost, cancelled, no time left    LOST: fails
    SPEAKING   bytes, the end                   to who speaks
    LOST       any                              -

An endpoint's connection fires before TLS has shaken hands: ``spoken`` fires then.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

from twisted.internet import protocol
from twisted.internet.defer import Deferred
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IProtocolNegotiationFactory,
    ISSLTransport,
)
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseNeverReceived
from zope.interface import implementer

from txmultipart.http2 import Client, ErrorCodes, HTTP2Error, WholeReads
from txmultipart.web.ciphers import weak_cipher


class InadequateSecurity(HTTP2Error):
    """A server chose HTTP/2 and a cipher that is forbidden with it (section 9.2.2)."""

    def __init__(self, cipher: str) -> None:
        message = f"the server chose HTTP/2 with {cipher}, which is forbidden"
        super().__init__(ErrorCodes.INADEQUATE_SECURITY, message)


class Speakers(Protocol):
    """Makes the protocols that may speak on a connection."""

    offers: list[bytes]  # for ALPN, the best first
    prior_knowledge: bool  # whether connections in the clear speak HTTP/2

    def http1(self, address: IAddress | None) -> Any:
        """A protocol for HTTP/1.1."""
        ...

    def http2(self, transport: Any) -> Client:
        """One for HTTP/2."""
        ...


class State(Enum):
    """What is known of a connection; see the tables above."""

    OPENING = "opening"
    SPEAKING = "speaking"
    LOST = "lost"


@implementer(IHandshakeListener)
class Negotiation(protocol.Protocol):
    """The protocol of a connection; ``spoken`` fires with the one that speaks on it.

    Cancelling ``spoken`` ends the connection. It fails as a request on HTTP/1.1 does
    when TLS fails, with ``ResponseNeverReceived``.
    """

    transport: Any

    def __init__(
        self, speakers: Speakers, address: IAddress | None, timer: Callable[..., Any]
    ) -> None:
        self.state = State.OPENING
        self.spoken: Deferred[Any] = Deferred(self._cancelled)
        self._speakers = speakers
        self._address = address
        self._timer: Any = timer(self._too_late)
        self._speaker: Any = None
        self._receive: Callable[[bytes], None] = _ignore
        self._reads: WholeReads | None = None

    def connectionMade(self) -> None:
        """In the clear, that is enough."""
        if not self._is_secure:
            self._speak(http2=self._speakers.prior_knowledge)

    def handshakeCompleted(self) -> None:
        """On TLS, it is known now."""
        if self.state is State.OPENING:
            self._speak(http2=self.transport.negotiatedProtocol == b"h2")

    def dataReceived(self, data: bytes) -> None:
        """Some bytes, for who speaks."""
        if self.state is State.OPENING:  # a transport that tells of no handshake
            self.handshakeCompleted()
        self._receive(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is lost; what came before has its turn first."""
        if self.state is State.OPENING:
            self._fail(Failure(ResponseNeverReceived([reason])))
        elif self._speaker is not None:
            if self._reads is not None:
                self._reads.lost()
            self._speaker.connectionLost(reason)

    @property
    def _is_secure(self) -> bool:
        return ISSLTransport(self.transport, None) is not None

    def _speak(self, *, http2: bool) -> None:
        self.state = State.SPEAKING
        self._stop_timer()
        try:
            self._speaker = self._speak_http2() if http2 else self._speak_http1()
        except Exception:
            self._cannot_speak(Failure())
            return
        weak = weak_cipher(self.transport) if http2 and self._is_secure else None
        if weak is not None:
            self._speaker.fail(ErrorCodes.INADEQUATE_SECURITY)
            self.spoken.errback(InadequateSecurity(weak))
        else:
            self.spoken.callback(self._speaker)

    def _cannot_speak(self, failure: Failure) -> None:
        self._receive, self._reads = _ignore, None
        self.transport.abortConnection()
        self._fail(failure)

    def _speak_http1(self) -> Any:
        speaker = self._speakers.http1(self._address)
        self._receive = speaker.dataReceived
        speaker.makeConnection(self.transport)
        return speaker

    def _speak_http2(self) -> Client:
        client = self._speakers.http2(self.transport)
        self._receive = client.dataReceived
        if self._is_secure:
            self._reads = WholeReads(client.dataReceived)
            self._receive = self._reads.add
        client.makeConnection(self.transport)
        if self._reads is not None:
            self._reads.attach(self.transport)
        return client

    def _too_late(self) -> None:
        self.transport.abortConnection()
        self._fail(Failure(ConnectTimeout(string="TLS took too long")))

    def _cancelled(self, spoken: Deferred[Any]) -> None:
        self.state = State.LOST
        self._stop_timer()
        self.transport.abortConnection()

    def _fail(self, failure: Failure) -> None:
        self.state = State.LOST
        self._stop_timer()
        self.spoken.errback(failure)

    def _stop_timer(self) -> None:
        if self._timer.active():
            self._timer.cancel()


@implementer(IProtocolNegotiationFactory)
class NegotiatingFactory(protocol.Factory):
    """Makes a ``Negotiation`` for each connection, and offers what it can speak on TLS.

    ``timer`` is called with a function to be called when a connection takes too long.
    """

    noisy = False

    def __init__(self, speakers: Speakers, timer: Callable[..., Any]) -> None:
        self._speakers = speakers
        self._timer = timer

    def acceptableProtocols(self) -> list[bytes]:
        """What is offered by ALPN, the best first."""
        return self._speakers.offers

    def buildProtocol(self, addr: IAddress | None) -> Negotiation:
        """One connection."""
        return Negotiation(self._speakers, addr, self._timer)


def _ignore(data: bytes) -> None:
    """Nobody takes it."""
