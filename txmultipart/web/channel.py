"""NegotiatingChannel: one port for HTTP/1.1 and for HTTP/2.

::

    a connection          speaks HTTP/2 if                        else
    on TLS                that was negotiated (ALPN)              HTTP/1.1
    in the clear          its first bytes are HTTP/2's preface    HTTP/1.1

    state     bytes                                 then
    SNIFFING  that may become the preface           are kept
    SNIFFING  of the preface, or on TLS with "h2"   HTTP2, all bytes to it
    SNIFFING  of TLS, in the clear                  400, closed
    SNIFFING  of a line that no HTTP/1 knows        HTTP2, which refuses them
    SNIFFING  any other                             HTTP1, all bytes to it

    event    SNIFFING  HTTP1                               HTTP2
    leave    closed    closed after the request under way  GOAWAY, closed when idle
    give up  aborted   aborted                             GOAWAY, closed

Till it is known, a channel of HTTP/1.1 stands behind the connection and looks after its
timeout; if it turns out to be wrong, it has seen no bytes yet.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, cast

from twisted.internet.interfaces import IHandshakeListener, ISSLTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.iweb import INonQueuedRequestFactory
from zope.interface import implementer

from txmultipart.http2 import (
    PREFACE,
    Front,
    HTTP2Options,
    ReadSize,
    Server,
    WholeReads,
)
from txmultipart.web import http1
from txmultipart.web.ciphers import weak_cipher
from txmultipart.web.connections import Connections
from txmultipart.web.exact import ExactAnswers
from txmultipart.web.taken import TakenAnswers

#: How TLS begins: a record with a handshake in it (RFC 8446 section 5.1).
_TLS = b"\x16"
_NO_TLS = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class HTTP1Channel(TakenAnswers, ExactAnswers):
    """Who speaks HTTP/1.1 here."""


class Speech(Enum):
    """What a connection speaks; see the table above."""

    SNIFFING = "sniffing"
    HTTP1 = "http1"
    HTTP2 = "http2"


@implementer(IHandshakeListener)
class NegotiatingChannel(Protocol):
    """The protocol of a ``StreamingSite``, which sets the attributes below."""

    transport: Any
    factory: Any
    site: Any = None
    requestFactory: Any = None
    timeOut: float | None = None
    callLater: Callable[..., Any]

    #: How connections on HTTP/2 are kept, where the site does not say.
    http2_options = HTTP2Options()

    def __init__(self) -> None:
        self.speech = Speech.SNIFFING
        self._kept = b""
        self._channel: Any = None
        self._reads: WholeReads | None = None

    def connectionMade(self) -> None:
        """Begin with a channel of HTTP/1.1."""
        self._read_size = ReadSize(self.transport)
        self._channel = channel = cast(Any, HTTP1Channel())
        channel.requestFactory, channel.site = self.requestFactory, self.site
        channel.factory = self.factory
        channel.timeOut, channel.callLater = self.timeOut, self.callLater
        channel.makeConnection(self.transport)
        if self._connections is not None:
            self._connections.add(self)

    def handshakeCompleted(self) -> None:
        """On TLS it is known now, and the server may speak first."""
        if self._negotiated == b"h2":
            self._speak_http2()
        else:
            self._speak_http1()

    @property
    def _negotiated(self) -> Any:
        return getattr(self.transport, "negotiatedProtocol", None)

    def dataReceived(self, data: bytes) -> None:
        """Some bytes, for whoever is found to understand them."""
        if self._reads is not None:
            self._reads.add(data)
            return
        if self.speech is Speech.SNIFFING:
            data, self._kept = self._kept + data, b""
            self._sniff(data)
        if self.speech is Speech.SNIFFING:
            self._kept = data
            return
        if self.speech is Speech.HTTP1:
            self._read_size.adapt(len(data))
        self._channel.dataReceived(data)

    def _sniff(self, data: bytes) -> None:
        if self._negotiated == b"h2":
            self._speak_http2()
        elif self._is_secure:
            self._speak_http1()
        elif data.startswith(_TLS):
            self._refuse_tls()
        elif data.startswith(PREFACE) or _is_no_http1(data):
            self._speak_http2()
        elif not PREFACE.startswith(data):
            self.speech = Speech.HTTP1

    def _refuse_tls(self) -> None:
        # At once, not when its time is up: what comes looks like a line without an end.
        self.transport.write(_NO_TLS)
        self.transport.loseConnection()

    def _speak_http1(self) -> None:
        self.speech = Speech.HTTP1
        self._read_whole(self._channel)

    def _read_whole(self, channel: Any) -> None:
        # Looked up each time: a WebSocket takes its place.
        self._reads = WholeReads(lambda data: channel.dataReceived(data))
        self._reads.attach(self.transport)

    def _speak_http2(self) -> None:
        self.speech = Speech.HTTP2
        self._channel.setTimeout(None)
        self.transport.unregisterProducer()
        front = Front(self._make_request, self.site, self.factory)
        self._channel = server = Server(
            front,
            self.site.reactor,
            timeout=self.timeOut,
            options=self._options,
            shared=getattr(self.site, "http2_budget", None),
        )
        server.makeConnection(self.transport)
        if self._is_secure:
            self._read_whole(server)
            if weak_cipher(self.transport) is not None:
                server.refuse_security()

    # The site calls these ---------------------------------------------------------

    def leave(self) -> None:
        """Close in peace: when the requests that are here have been answered."""
        if self.speech is Speech.HTTP2:
            self._channel.leave()
        else:
            http1.leave(self._channel)

    def give_up(self) -> None:
        """Close now."""
        if self.speech is Speech.HTTP2:
            self._channel.give_up()
        else:
            self.transport.abortConnection()

    @property
    def _connections(self) -> Connections | None:
        return getattr(self.site, "connections", None)

    @property
    def _is_secure(self) -> bool:
        return ISSLTransport(self.transport, None) is not None

    @property
    def _options(self) -> HTTP2Options:
        return getattr(self.site, "http2_options", self.http2_options)

    def _make_request(self, stream: Any) -> Any:
        if INonQueuedRequestFactory.providedBy(self.requestFactory):
            return self.requestFactory(stream)
        return self.requestFactory(stream, False)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection is lost; what came before has its turn first."""
        if self._reads is not None:
            self._reads.lost()
        self._read_size.stop()
        self._channel.connectionLost(reason)
        if self._connections is not None:
            self._connections.remove(self)


def _is_no_http1(data: bytes) -> bool:
    """Whether this begins with a line that cannot be a request of any HTTP/1.

    A preface that is broken looks like that, and is to be answered as such.
    """
    line, end, _ = data.partition(b"\r\n")
    words = line.split(b" ")
    return bool(end) and len(words) == 3 and not words[2].startswith(b"HTTP/")
