"""InMemoryServer: a site and its clients, without a network and without time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import cycle, repeat
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, ensureDeferred, fail, succeed
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent
from twisted.web.iweb import IAgent, IAgentEndpointFactory
from twisted.web.resource import IResource
from zope.interface import implementer

from txmultipart.errors import MisuseError
from txmultipart.testing.transport import MemoryTransport
from txmultipart.web.agent import MultipartAgent
from txmultipart.web.pool import HTTP2ConnectionPool
from txmultipart.web.site import StreamingSite

T = TypeVar("T")

#: What goes over at a time if nobody says how much: what a read of a socket gives.
_READ = 64 << 10


class Stalled(AssertionError):
    """Nothing moves any more, and what was waited for has not come."""


@implementer(IAgentEndpointFactory)
class InMemoryServer:
    """Serves ``resource`` to clients in memory.

    ``protocol`` is what they speak, ``"h2"`` or ``"http/1.1"``; ``chunk`` the bytes that
    go over at a time, a number, or numbers to be taken in turn; ``clock`` a ``Clock``, or
    the reactor. ``options`` go to the site, which ``make_site`` makes. The pool of the
    clients can be made beforehand: ``pool``, an ``HTTP2ConnectionPool`` on that clock.

    A URL may have any host; ``https://`` looks like TLS to both sides, and is none.
    """

    def __init__(
        self,
        resource: IResource,
        *,
        protocol: str = "h2",
        chunk: int | Iterable[int] | None = None,
        clock: Any = None,
        pool: Any = None,
        make_site: Callable[..., Any] = StreamingSite,
        **options: Any,
    ) -> None:
        if protocol not in ("h2", "http/1.1"):
            raise MisuseError("a protocol is 'h2' or 'http/1.1'")
        self.clock: Any = clock or Clock()
        self.site = make_site(resource, reactor=self.clock, **options)
        self.protocol = protocol
        #: Both ends of each connection that was made: the client's, the server's.
        self.connections: list[tuple[MemoryTransport, MemoryTransport]] = []
        #: Whether new connections are refused.
        self.refuses = False
        self.pool = pool or HTTP2ConnectionPool(self.clock, h2c=protocol == "h2")
        self._sizes = _sizes(chunk)
        #: An agent for it; a body's Content-Type is told.
        self.agent: IAgent = MultipartAgent(
            Agent.usingEndpointFactory(self.clock, self, self.pool)
        )
        self._client: Any = None

    @property
    def client(self) -> Any:
        """A treq client for it, as ``txmultipart.treq.client`` gives one. Needs treq."""
        if self._client is None:
            from txmultipart.treq import client

            self._client = client(self.clock, agent=self.agent)
        return self._client

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        """The way to this server, whatever the URI: see ``IAgentEndpointFactory``."""
        return _Endpoint(self, secure=uri.scheme == b"https")

    # Time -----------------------------------------------------------------------------

    def run(self, awaitable: Awaitable[T]) -> T:
        """Wait for a Deferred or a coroutine, and give its result or raise its error.

        ``Stalled`` if nothing moves any more before that. Not for the real reactor, on
        which you can simply ``await``.
        """
        done: Deferred[T] = ensureDeferred(awaitable)  # type: ignore[arg-type]
        outcome: list[Any] = []
        done.addBoth(outcome.append)
        self.pump()
        if not outcome:
            done.cancel()
            raise Stalled(
                "nothing moves any more: is a timer to go off, a body to end?"
            )
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        result: T = outcome[0]
        return result

    def pump(self) -> None:
        """Let happen what is to happen now; no time goes by."""
        if not isinstance(self.clock, Clock):
            raise MisuseError("the real reactor goes on by itself")
        while any(
            call.getTime() <= self.clock.seconds()
            for call in self.clock.getDelayedCalls()
        ):
            self.clock.advance(0)

    def advance(self, seconds: float) -> None:
        """Let time go by, and happen what is to happen in it, timers in their order."""
        end = self.clock.seconds() + seconds
        self.pump()
        while times := [
            call.getTime()
            for call in self.clock.getDelayedCalls()
            if call.getTime() <= end
        ]:
            self.clock.advance(max(0, min(times) - self.clock.seconds()))
            self.pump()
        self.clock.advance(end - self.clock.seconds())

    def close(self) -> None:
        """Break all connections off, as a server does that is killed."""
        for _, server in self.connections:
            server.abortConnection()

    # Connections ----------------------------------------------------------------------

    def connect(self, factory: Any, *, secure: bool = False) -> Deferred[Any]:
        """Connect a protocol of ``factory`` with one of the site."""
        if self.refuses:
            return fail(ConnectionRefusedError())
        name = self.protocol.encode("ascii") if secure else None
        client = MemoryTransport(self.clock, self._sizes, name)
        server = MemoryTransport(self.clock, self._sizes, name)
        client.peer, server.peer = server, client
        self.connections.append((client, server))
        server.protocol = self.site.buildProtocol(server.getPeer())
        client.protocol = factory.buildProtocol(client.getPeer())
        for end in (server, client):
            end.protocol.makeConnection(end)
        for end in (server, client):
            end.shake_hands()
        return succeed(client.protocol)


def _sizes(chunk: int | Iterable[int] | None) -> Iterator[int]:
    if chunk is None:
        return repeat(_READ)
    sizes = [chunk] if isinstance(chunk, int) else list(chunk)
    if not sizes or min(sizes) < 1:
        raise MisuseError("bytes go over in pieces of one or more")
    return cycle(sizes)


@implementer(IStreamClientEndpoint)
class _Endpoint:
    def __init__(self, server: InMemoryServer, *, secure: bool) -> None:
        self._server = server
        self._secure = secure

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        return self._server.connect(protocolFactory, secure=self._secure)
