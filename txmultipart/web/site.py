"""StreamingSite: a ``twisted.web`` Site whose marked resources see bodies arrive."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore
from twisted.internet.protocol import Protocol
from twisted.web.resource import IResource
from twisted.web.server import Site

from txmultipart.errors import MisuseError
from txmultipart.http2 import ClientOptions, HTTP2Options, SharedBudget
from txmultipart.web.channel import NegotiatingChannel
from txmultipart.web.connections import Connections
from txmultipart.web.request import StreamingRequest


class StreamingSite(Site):
    """Use it where you used ``Site``; every argument of that is taken.

    It speaks HTTP/1.1 and HTTP/2 on one port: HTTP/2 with clients that negotiate
    it on TLS (ALPN), or that begin with it in the clear ("prior knowledge").
    ``http2`` sets how such connections are kept.

    When the reactor stops, or the last port of the site closes, requests under way
    have ``drain_time`` seconds to be answered; idle connections close at once. 0:
    nobody is waited for. ``drain`` does the same at any other time.

    ``max_connections`` are taken at a time, and more are closed at once. None: as many
    as the system lets the process open, which is where Twisted stops to accept.

    An answer that is not as long as its Content-Length says is logged as a warning, and
    ends its stream with an error, or its connection of HTTP/1.1: see ``ExactAnswers``.

    Resources marked ``IStreamingResource`` are rendered as soon as a request's
    headers are in; all others as by a stock ``Site``. Resources are looked up
    at that moment too: a ``getChild`` that reads ``request.content`` is asked
    again when it is there, but one that looks at form fields in
    ``request.args`` before that sees those of the query only. What goes wrong
    in looking up is answered before the body has come, and so is what
    ``twisted.web.guard`` refuses; if much of the body is left, or nobody knows
    how much, the connection is closed then.
    """

    # Twisted calls it to make a protocol; it names a function of its own there.
    protocol: Any = NegotiatingChannel

    def __init__(
        self,
        resource: IResource,
        requestFactory: Any = None,
        *args: Any,
        http2: HTTP2Options = NegotiatingChannel.http2_options,
        drain_time: float = 10.0,
        max_connections: int | None = None,
        **options: Any,
    ) -> None:
        if not isinstance(http2, HTTP2Options) or isinstance(http2, ClientOptions):
            raise MisuseError("http2= takes an HTTP2Options")
        factory = requestFactory or StreamingRequest
        super().__init__(resource, factory, *args, **options)
        self.http2_options = http2
        self.http2_budget = SharedBudget(http2.windows_of_site)
        self.drain_time = drain_time
        #: Those that are open.
        self.connections = Connections(self.reactor, most=max_connections)
        self._trigger: Any = None

    def acceptableProtocols(self) -> list[bytes]:
        """What is offered on TLS, best first (RFC 7301)."""
        return [b"h2", b"http/1.1"]

    def drain(self, deadline: float | None = None) -> Deferred[None]:
        """Take no more connections, and end those that are open in peace.

        Requests under way are answered; on HTTP/1.1 with ``Connection: close``, on
        HTTP/2 GOAWAY is said, and a request that was on its way then is answered too.
        Fires when all connections are closed. Those that are not after ``deadline``
        seconds, ``drain_time`` if None, are broken off; on HTTP/2 that may take two
        seconds more. May be called at any time, and again.
        """
        return self.connections.drain(self.drain_time if deadline is None else deadline)

    # Twisted calls these ------------------------------------------------------------

    def buildProtocol(self, addr: Any) -> Any:
        """A protocol for a new connection."""
        return super().buildProtocol(addr) if self.connections.has_room else _Refusal()

    def startFactory(self) -> None:
        """The first port opens."""
        super().startFactory()
        self.connections.reopen()
        if IReactorCore.providedBy(self.reactor):
            self._trigger = self.reactor.addSystemEventTrigger(
                "before", "shutdown", self._reactor_stops
            )

    def _reactor_stops(self) -> Deferred[None]:
        self._trigger = None
        return self.drain()

    def stopFactory(self) -> None:
        """The last port has closed."""
        if self._trigger is not None:
            trigger, self._trigger = self._trigger, None
            reactor: Any = self.reactor
            reactor.removeSystemEventTrigger(trigger)
        # Answers that are under way go to the log as well.
        self.drain().addCallback(self._drained)

    def _drained(self, _: None) -> None:
        if self.connections.closed:
            super().stopFactory()


class _Refusal(Protocol):
    """Closes at once. Not None in its place: TLS would wrap that too."""

    transport: Any

    def connectionMade(self) -> None:
        """Somebody is there, and not let in."""
        self.transport.abortConnection()
