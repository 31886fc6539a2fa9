"""HTTP2ConnectionPool: in the place of ``twisted.web.client.HTTPConnectionPool``."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web.client import HTTPConnectionPool

from txmultipart.errors import MisuseError
from txmultipart.http2 import ClientOptions
from txmultipart.web.http1 import answer_promptly
from txmultipart.web.origin import Origin

#: Origins of which it is remembered what they speak, while nothing is open to them.
_MOST_ORIGINS = 1000

#: A proxy, as ``ProxyAgent`` calls it: it is to forward requests for other origins.
_PROXY = "http-proxy"

#: Seconds for which ``closeCachedConnections`` waits for requests to end.
CLOSING_TIME = 10.0


def _enough(result: object, seconds: float) -> None:
    """That was waited for long enough."""


def _beside(closing: Deferred[Any]) -> Deferred[None]:
    """What fires when ``closing`` does, and can be given up without cancelling that."""
    closed: Deferred[None] = Deferred()

    def tell(_: object) -> None:
        if not closed.called:
            closed.callback(None)

    closing.addCallback(tell)
    return closed


class HTTP2ConnectionPool(HTTPConnectionPool):
    """A pool whose connections speak HTTP/2 where the server does::

        pool = HTTP2ConnectionPool(reactor)
        agent = Agent(reactor, pool=pool)
        treq.post(url, data=form, pool=pool)

    On TLS the protocol is negotiated (ALPN), and a server that has only HTTP/1.1 is
    spoken to as by a stock pool, on the same connection. ``http://`` is HTTP/1.1, unless
    ``h2c`` says that all such servers are known to speak HTTP/2.

    All requests to one origin share one connection, each with a window of its own, so
    that none holds up another. Those for which the server has no room wait for their
    turn. A request that the server has certainly not looked at is sent again by itself,
    up to three times, as long as its body has not begun or is ``replayable``; if it
    cannot be, it fails with ``RequestNotProcessed``, a ``RequestNotSent``.

    An answer that comes while the body is being sent is given at once, on HTTP/1.1 too.
    ``Expect: 100-continue`` is honoured on HTTP/2. A response that nobody reads keeps its
    own stream waiting and nothing else.

    One pool serves a process, as each has connections of its own; close it before the
    program ends, with ``await pool.closeCachedConnections()``. A server that does nothing
    for a request is waited for, unless ``ClientOptions(stall_time=…)`` says how long.

    What is beyond the arguments and attributes of a stock pool:

    ``options``
        the figures of connections of HTTP/2, ``ping_interval`` among them.
    ``max_connections_per_origin``
        more than one may be made if requests find no room on what there is.
    ``handshake_timeout``
        seconds within which it must be known what a server speaks.

    ``cachedConnectionTimeout`` is also the time for which a connection of HTTP/2 may be
    idle; ``maxPersistentPerHost`` is for HTTP/1.1 alone. ``persistent=False`` closes
    one as soon as it is idle.

    One pool is for one ``contextFactory``. Connections are known by scheme, host and
    port alone, as in a stock pool: an ``Agent`` that trusts fewer servers, or shows
    another certificate, and has the same pool may be given one that was made for
    another ``Agent``.

    An ``Agent`` whose ``contextFactory`` makes its own TLS contexts offers no HTTP/2;
    see ``HTTP2PolicyForHTTPS``.
    """

    def __init__(
        self,
        reactor: Any,
        persistent: bool = True,
        *,
        h2c: bool = False,
        options: ClientOptions | None = None,
        max_connections_per_origin: int = 1,
        handshake_timeout: float = 30.0,
    ) -> None:
        if options is not None and not isinstance(options, ClientOptions):
            raise MisuseError("options= takes a ClientOptions")
        super().__init__(reactor, persistent)
        answer_promptly(self)
        self.clock = reactor
        self.h2c = h2c
        self.options = options or ClientOptions()
        self.max_connections_per_origin = max_connections_per_origin
        self.handshake_timeout = handshake_timeout
        self._origins: dict[Hashable, Origin] = {}

    def getConnection(
        self, key: Hashable, endpoint: IStreamClientEndpoint
    ) -> Deferred[Any]:
        """Something with which one request can be sent; it has ``request``.

        ``endpoint`` is where to find what ``key`` stands for, which an ``Agent`` makes of
        scheme, host and port. If a connection is being made for others, it is waited
        for; cancelling does not disturb them.
        """
        scheme = key[0] if isinstance(key, tuple) and key else None
        if scheme == _PROXY or (scheme == b"http" and not self.h2c):
            return super().getConnection(key, endpoint)
        return self._origin(key, h2c=scheme == b"http").connection(endpoint)

    def closeCachedConnections(self) -> Deferred[None]:
        """Close all connections; fires when they are closed, or after ten seconds.

        Those of HTTP/2 with requests on them take no more of these, and close after
        the last one, even if that is later. Those of HTTP/1.1 with a request on them are
        left alone, as by a stock pool.
        """
        lines = [line for origin in self._origins.values() for line in origin.lines]
        # A stock pool waits for as long as a server on TLS does not close its side.
        closing: list[Deferred[Any]] = [_beside(super().closeCachedConnections())]
        closing += [line.close() for line in lines]
        for closed in closing:
            closed.addTimeout(CLOSING_TIME, self.clock, _enough)
        return gatherResults(closing).addCallback(lambda _: None)

    def _origin(self, key: Hashable, *, h2c: bool) -> Origin:
        origin = self._origins.get(key)
        if origin is None:
            self._forget_some()
            stock = super().getConnection
            self._origins[key] = origin = Origin(
                self, lambda endpoint: stock(key, endpoint), prior_knowledge=h2c
            )
        return origin

    def _forget_some(self) -> None:
        if len(self._origins) >= _MOST_ORIGINS:
            unused = [key for key, origin in self._origins.items() if origin.is_unused]
            for key in unused[: _MOST_ORIGINS // 10]:
                del self._origins[key]
