"""Origin: the connections to one origin, and those who wait for one.

::

    speaks     who asks for a connection
    UNKNOWN    waits with all others for the one that is being made
    HTTP1      gets one of its own, as from a stock pool; HTTP/2 is offered all the same
    HTTP2      gets the one that there is, or waits for it with all others

    the one being made    those who wait
    speaks HTTP/2         share it
    speaks HTTP/1.1       the first gets it, each other one of its own; it is closed if
                          nobody waits any more
    fails                 fail with it, unless there is another to wait for
    is cancelled by one   the others keep it; the last one takes it along

Requests that find no room wait for their turn, first come, first served. If the server
takes few at a time, and more connections are allowed, one more is made for them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IAddress, IStreamClientEndpoint
from twisted.python.failure import Failure
from zope.interface import implementer

from txmultipart.http2 import Client
from txmultipart.web.line import Line, State
from txmultipart.web.negotiation import InadequateSecurity, NegotiatingFactory
from txmultipart.web.retry import Retrying

Connect = Callable[[IStreamClientEndpoint], Deferred[Any]]


class Speaks(Enum):
    """What an origin was last found to speak; see the table above."""

    UNKNOWN = "unknown"
    HTTP1 = "http1"
    HTTP2 = "http2"


class Waiting(NamedTuple):
    """Someone who waits, and how to get there."""

    endpoint: IStreamClientEndpoint
    found: Deferred[Any]


class Origin:
    """One origin. ``stock`` gives a connection as a stock pool does, new or cached.

    ``settings`` is the pool: how long a line may be idle, how many there may be.
    """

    def __init__(self, settings: Any, stock: Connect, *, prior_knowledge: bool) -> None:
        self.clock = settings.clock
        self.speaks = Speaks.UNKNOWN
        #: Its connections of HTTP/2.
        self.lines: list[Line] = []
        self.prior_knowledge = prior_knowledge
        #: HTTP/2 is not offered any more: it was there, and could not be used.
        self.only_http1 = False
        self._settings = settings
        #: What its last connection allowed at a time; the next one may have to begin
        #: before it has said so.
        self._allowed: int | None = None
        self._stock = stock
        self._enough = False  # one more could not be made, and will not be tried
        self._making: object | None = None  # stands for the one that is being made
        self._attempt: Deferred[Any] | None = None
        self._asking: deque[Waiting] = deque()  # for a connection
        self._queue: deque[Waiting] = deque()  # for room on one
        self._serving = False

    @property
    def is_unused(self) -> bool:
        """Whether it has nothing but a memory."""
        return not (self.lines or self._making or self._asking or self._queue)

    @property
    def retries_automatically(self) -> bool:
        """Whether to send again what an old connection has lost, as a stock pool does."""
        return bool(self._settings.retryAutomatically)

    def too_late(self, call: Callable[[], None]) -> Any:
        """Have ``call`` called when a connection has taken too long to be made."""
        return self.clock.callLater(self._settings.handshake_timeout, call)

    # Who wants to send something ------------------------------------------------------

    def connection(self, endpoint: IStreamClientEndpoint) -> Deferred[Any]:
        """Something to send one request with, as ``getConnection`` gives it."""
        if self._usable:
            return succeed(Retrying(self, endpoint))
        if self.speaks is Speaks.HTTP1 and self._making is None:
            return self._stock(Negotiating(self, endpoint))
        return self._wait(self._asking, endpoint)

    def turn(self, endpoint: IStreamClientEndpoint) -> Deferred[Any]:
        """A line with room for one request now, or a connection of HTTP/1.1."""
        return self._wait(self._queue, endpoint)

    def demote(self) -> None:
        """The server wants this on HTTP/1.1 (HTTP_1_1_REQUIRED, RFC 9113 section 7)."""
        self.only_http1 = not self.prior_knowledge
        for line in list(self.lines):
            line.leave()

    def _wait(
        self, queue: deque[Waiting], endpoint: IStreamClientEndpoint
    ) -> Deferred[Any]:
        found: Deferred[Any] = Deferred(lambda _: self._gave_up(queue, waiting))
        waiting = Waiting(endpoint, found)
        queue.append(waiting)
        # Fires with a function: what that gives may be a Deferred again.
        found.addCallback(lambda get: get())
        self.serve()
        return found

    def _gave_up(self, queue: deque[Waiting], waiting: Waiting) -> None:
        try:
            queue.remove(waiting)
        except ValueError:
            return  # its turn has come already: see ``_take_waiting``
        if not self._asking and not self._queue:
            attempt, self._making, self._attempt = self._attempt, None, None
            if attempt is not None:
                attempt.cancel()

    # Serving them ---------------------------------------------------------------------

    @property
    def _usable(self) -> list[Line]:
        return [line for line in self.lines if line.usable]

    def serve(self) -> None:
        """Give those who wait what there is, and see that there will be more."""
        if self._serving:
            return  # called back by who was just served; the loop below goes on
        self._serving = True
        try:
            while self._serve_one():
                pass
        finally:
            self._serving = False
        self._see_to_more()

    def _serve_one(self) -> bool:
        usable = self._usable
        if self._asking and usable:
            endpoint, found = self._asking.popleft()
            found.callback(lambda: Retrying(self, endpoint))
            return True
        line = next((line for line in usable if line.has_room), None)
        if self._queue and line is not None:
            self._queue.popleft().found.callback(lambda: line)
            return True
        return False

    def _see_to_more(self) -> None:
        waiting = self._asking or self._queue
        if waiting and self._making is None and self._may_have_more():
            self._make_one(waiting[0].endpoint)

    def _may_have_more(self) -> bool:
        usable = self._usable
        if not usable:
            return True
        few = len(usable) < self._settings.max_connections_per_origin
        return few and not self._enough and all(line.settled for line in usable)

    def _make_one(self, endpoint: IStreamClientEndpoint) -> None:
        self._making = making = object()
        attempt = self._stock(Negotiating(self, endpoint))
        if self._making is making:
            self._attempt = attempt
        attempt.addCallbacks(partial(self._made, making), partial(self._failed, making))

    def _is_current(self, making: object) -> bool:
        """Whether ``making`` is wanted still; if so it is over now."""
        current = self._making is making
        if current:
            self._making = self._attempt = None
        return current

    def _made(self, making: object, connection: Any) -> None:
        wanted = self._is_current(making)
        if isinstance(connection, Retrying):
            self.serve()
        elif wanted:
            self._share_http1(connection)
        else:
            connection.abort()  # it was too late to cancel it

    def _share_http1(self, connection: Any) -> None:
        self.speaks = Speaks.HTTP1
        for endpoint, found in self._take_waiting():
            if found.called:
                continue  # cancelled by one before it
            if connection is not None:
                found.callback(partial(_same, connection))
                connection = None
            else:
                found.callback(partial(self._stock, Negotiating(self, endpoint)))
        if connection is not None:
            connection.abort()  # all have got something else in the meantime

    def _failed(self, making: object, failure: Failure) -> None:
        if not self._is_current(making):
            return  # cancelled: nobody waits for it
        if failure.check(InadequateSecurity) and not self.only_http1:
            self.only_http1 = True
            self._see_to_more()
        elif self._usable:
            self._enough = True
        else:
            for waiting in self._take_waiting():
                if not waiting.found.called:  # cancelled by one before it
                    waiting.found.errback(failure)

    def _take_waiting(self) -> list[Waiting]:
        """All of them. Each may be cancelled while one before it is told."""
        waiting = [*self._asking, *self._queue]
        self._asking.clear()
        self._queue.clear()
        return waiting

    # Its lines: see Home --------------------------------------------------------------

    @property
    def idle_time(self) -> float:
        """Seconds for which a line may be idle."""
        settings = self._settings
        return settings.cachedConnectionTimeout if settings.persistent else 0

    def make_client(self, line: Line) -> Client:
        """A connection of HTTP/2, not connected yet."""
        options = self._settings.options
        if self._allowed is not None:
            first = max(1, min(self._allowed, options.streams_at_first))
            options = replace(options, streams_at_first=first)
        return Client(self.clock, line, options=options)

    def settled(self, line: Line) -> None:
        """The server has said what it allows, or something else than before."""
        self._allowed = line.client.allowed

    def found(self, line: Line) -> None:
        """A line that can be used, unless it was lost before anybody heard of it."""
        self.speaks = Speaks.HTTP2
        self._enough = False
        if line.state is not State.GONE:
            self.lines.append(line)

    def lost(self, line: Line) -> None:
        """One that is gone."""
        self._enough = False
        if line in self.lines:
            self.lines.remove(line)
        self.serve()


def _same(thing: Any) -> Any:
    return thing


class _Speakers:
    """What may speak on one connection that is being made."""

    def __init__(self, origin: Origin, http1_factory: Any) -> None:
        self.offers = [b"http/1.1"] if origin.only_http1 else [b"h2", b"http/1.1"]
        self.prior_knowledge = origin.prior_knowledge
        self.line: Line | None = None
        self._origin = origin
        self._http1_factory = http1_factory

    def http1(self, address: IAddress | None) -> Any:
        """What a stock pool would have there."""
        return self._http1_factory.buildProtocol(address)

    def http2(self, transport: Any) -> Client:
        """A line of ours."""
        self.line = Line(self._origin, transport)
        return self.line.client


@implementer(IStreamClientEndpoint)
class Negotiating:
    """Connects to ``endpoint`` and waits until it is known what the server speaks.

    Fires with a protocol of the factory it is given, for HTTP/1.1, or with a
    ``Retrying`` if there is now a line of HTTP/2.
    """

    def __init__(self, origin: Origin, endpoint: IStreamClientEndpoint) -> None:
        self._origin = origin
        self._endpoint = endpoint

    def __repr__(self) -> str:
        return repr(self._endpoint)

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        """Connect; ``protocolFactory`` is a stock pool's."""
        speakers = _Speakers(self._origin, protocolFactory)
        factory = NegotiatingFactory(speakers, self._origin.too_late)
        # Not every endpoint keeps what it raises in its Deferred.
        connected: Deferred[Any] = maybeDeferred(self._endpoint.connect, factory)
        connected.addCallback(lambda negotiation: negotiation.spoken)
        return connected.addCallback(self._spoken, speakers)

    def _spoken(self, speaker: Any, speakers: _Speakers) -> Any:
        if speakers.line is None:
            return speaker
        self._origin.found(speakers.line)
        return Retrying(self._origin, self._endpoint)
