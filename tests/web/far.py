"""The far end of a pool's connections: servers of raw frames, in memory, on one clock."""

from __future__ import annotations

import gc
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import (
    IHandshakeListener,
    ISSLTransport,
    IStreamClientEndpoint,
)
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import alsoProvides, implementer

from tests.http2.client import Pipe
from tests.http2.server import Request, Server
from txmultipart.http2 import ClientOptions
from txmultipart.web.pool import HTTP2ConnectionPool

URL = b"https://example.test/"
KEY = (b"https", b"example.test", 443)


class SecurePipe(Pipe):
    """A transport that looks like TLS, on which ``speaks`` was negotiated."""

    def __init__(self, speaks: bytes | None, cipher: str | None) -> None:
        super().__init__()
        self.negotiatedProtocol = speaks
        self._cipher = cipher
        alsoProvides(self, ISSLTransport)

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Stock connections ask for it."""

    def getHandle(self) -> Any:
        return self

    def get_cipher_name(self) -> str | None:
        return self._cipher

    def get_protocol_version_name(self) -> str:
        return "TLSv1.2"


class End(Server):
    """One connection, of HTTP/2 or, with ``raw`` bytes, of HTTP/1.1."""

    def __init__(self, factory: Any, transport: Pipe, clock: Clock) -> None:
        super().__init__(greet=False)  # the client that it makes is not used
        self.protocol = factory.buildProtocol(None)
        self.offers: list[bytes] = getattr(factory, "acceptableProtocols", list)()
        self.client, self.transport, self.clock = self.protocol, transport, clock
        self.answered: set[int] = set()
        self.is_lost = self.has_greeted = False
        self.protocol.makeConnection(transport)

    def greet(self, settings: dict[int, int] | None = None) -> Server:
        """The first SETTINGS."""
        self.has_greeted = True
        return super().greet(settings)

    def answer(self, stream_id: int, *given: Any, **more: Any) -> Server:
        """The head of an answer."""
        if given[:1] != (100,):
            self.answered.add(stream_id)
        return super().answer(stream_id, *given, **more)

    def send(self, *frames: Any) -> Server:
        """Frames, the first SETTINGS before all others."""
        if not self.has_greeted:
            self.greet()
        return super().send(*frames)

    def shake_hands(self) -> None:
        """TLS is ready."""
        if IHandshakeListener.providedBy(self.protocol):
            self.protocol.handshakeCompleted()

    @property
    def farewell(self) -> int | None:
        """The code of the GOAWAY that has come."""
        self.read()
        return None if self.goaway is None else int(self.goaway.error_code)

    @property
    def open_requests(self) -> dict[int, Request]:
        """What has come, by stream."""
        self.read()
        return {n: r for n, r in self.requests.items() if r.head}

    def request_on(self, path: str) -> int:
        """The stream of the request for ``path``, the last one."""
        return [n for n, r in self.open_requests.items() if r.head[":path"] == path][-1]

    def lose(self, reason: Exception | None = None) -> End:
        """The connection is lost."""
        self.is_lost = self.transport.disconnecting = True
        if self.transport.producer is not None:
            self.transport.producer.stopProducing()
        self.protocol.connectionLost(Failure(reason or ConnectionDone()))
        return self


@implementer(IAgentEndpointFactory, IStreamClientEndpoint)
class Far:
    """All servers there are, a pool and an agent; ``speaks`` is what they negotiate.

    ``slow`` connections are there when ``connected`` is called, and those that are
    ``shy`` shake hands when the end is told to.
    """

    def __init__(
        self,
        *,
        speaks: bytes | None = b"h2",
        slow: bool = False,
        shy: bool = False,
        secure: bool = True,
        cipher: str | None = None,
        insists: bool = False,
        persistent: bool = True,
        http2: ClientOptions | None = None,
        **options: Any,
    ) -> None:
        self.clock = Clock()
        self.pool = HTTP2ConnectionPool(
            self.clock, persistent, options=http2, **options
        )
        self.agent = Agent.usingEndpointFactory(self.clock, self, self.pool)
        self.ends: list[End] = []
        self.speaks, self.slow, self.shy = speaks, slow, shy
        self.secure, self.cipher, self.insists = secure, cipher, insists
        self.waiting: list[tuple[Any, Deferred[Any]]] = []
        self.cancelled = 0
        self.refuses: Exception | None = None

    def endpointForURI(self, uri: Any) -> Any:
        return self

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        if self.refuses is not None:
            return fail(self.refuses)
        connecting: Deferred[Any] = Deferred(self._cancelled)
        self.waiting.append((protocolFactory, connecting))
        if not self.slow:
            self.connected()
        return connecting

    def _cancelled(self, connecting: Deferred[Any]) -> None:
        self.cancelled += 1
        self.waiting = [pair for pair in self.waiting if pair[1] is not connecting]

    def connected(self) -> End:
        """The connection that has waited longest is there."""
        factory, connecting = self.waiting.pop(0)
        transport = self._transport(factory) if self.secure else Pipe()
        end = End(factory, transport, self.clock)
        self.ends.append(end)
        if self.secure and not self.shy:
            end.shake_hands()
        connecting.callback(end.protocol)
        return end

    def _transport(self, factory: Any) -> SecurePipe:
        offers: list[bytes] = getattr(factory, "acceptableProtocols", list)()
        takes = self.insists or self.speaks in offers
        return SecurePipe(self.speaks if takes else b"http/1.1", self.cipher)

    def failed(self, error: Exception) -> None:
        """The one that has waited longest will not be."""
        _, connecting = self.waiting.pop(0)
        connecting.errback(error)

    @property
    def end(self) -> End:
        """The one connection."""
        (end,) = self.ends
        return end

    def ask(
        self,
        path: str = "",
        method: bytes = b"GET",
        body: Any = None,
        headers: dict[str, list[str]] | None = None,
        url: bytes = URL,
    ) -> Asked:
        """Send a request."""
        done = self.agent.request(
            method, url + path.encode(), Headers(headers or {}), body
        )
        return Asked(done)

    def advance(self, seconds: float) -> None:
        """Time goes by."""
        self.clock.pump([seconds, 0, 0])

    def close(self) -> None:
        """All connections are lost, and nothing is left behind."""
        gc.collect()
        self.advance(0)
        for end in self.ends:
            if not end.is_lost:
                end.lose()
        self.advance(0)
        assert self.clock.getDelayedCalls() == []
        assert not any(o.lines for o in self.pool._origins.values())
        assert all(o.is_unused for o in self.pool._origins.values())

    def close_http1(self) -> None:
        """The same, where stock connections with timers of their own were made."""
        for end in self.ends:
            if not end.is_lost:
                end.lose()
        self.pool.closeCachedConnections()
        self.advance(0)
        assert self.clock.getDelayedCalls() == []

    def close_asked(self, asked: list[Asked]) -> None:
        """The same, with requests that will never be answered."""
        for one in asked:
            one.cancel()
        self.close_http1()


class Asked:
    """What became of a request."""

    def __init__(self, done: Deferred[Any]) -> None:
        self.done = done
        self.response: Any = None
        self.failure: Any = None
        done.addCallbacks(self._answered, self._failed)

    def _answered(self, response: Any) -> None:
        self.response = response

    def _failed(self, failure: Failure) -> None:
        self.failure = failure

    @property
    def error(self) -> Any:
        """What it failed with."""
        assert self.failure is not None
        return self.failure.value

    @property
    def reason(self) -> Any:
        """And what is inside that."""
        return self.error.reasons[0].value

    @property
    def is_open(self) -> bool:
        return self.response is None and self.failure is None

    def cancel(self) -> None:
        self.done.cancel()
