"""RedirectAgent: follows redirects as browsers do, bodies included.

::

    status     POST           GET, HEAD      any other method
    301, 302   GET            the same       the same, with its body
    303        GET            the same       GET
    307, 308   the same, with its body, whatever the method

What a request that becomes a GET said about its body is left out; what is meant for one
origin only is not told another (Fetch standard, section 4.4).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import urldefrag, urljoin

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import URI, ResponseFailed
from twisted.web.error import (
    InfiniteRedirection,
    PageRedirect,
    RedirectWithNoLocation,
    SchemeNotSupported,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

_SAME = frozenset((307, 308))
_AS_GET = frozenset((301, 302, 303))

#: What a GET has no body to say it of.
_OF_BODY = (
    b"Content-Encoding",
    b"Content-Language",
    b"Content-Length",
    b"Content-Location",
    b"Content-Type",
    b"Expect",
)

#: What is for one origin only.
_SENSITIVE = (
    b"Authorization",
    b"Cookie",
    b"Cookie2",
    b"Host",
    b"Proxy-Authorization",
    b"WWW-Authenticate",
)

#: What is read of the body of a redirect, so that its connection can be used again.
_MOST_READ = 64 << 10

#: Seconds that are spent on that.
DROP_TIME = 5.0

#: The bytes a URI may have (RFC 3986 section 2); no others can be sent.
_URI = re.compile(rb"[\x21-\x7e]+")


class Hop(NamedTuple):
    """One request on the way."""

    method: bytes
    uri: bytes
    headers: Headers
    body: Any


@implementer(IAgent)
class ReplayingRedirectAgent:
    """Wraps ``agent``: redirects are followed, ``redirectLimit`` at most.

    A body that is to be sent again has to be ``replayable``, as those of this package
    say of themselves. ``sensitiveHeaderNames`` are not told other origins, beside
    Authorization and Cookie; put agents that add such headers inside this one.

    Fails with ``ResponseFailed`` as Twisted's own agents do: ``InfiniteRedirection``,
    ``RedirectWithNoLocation``, or ``PageRedirect`` if the body cannot be sent again;
    beside these ``ValueError`` if a Location is no URI, and ``SchemeNotSupported`` if
    it is one that ``agent`` cannot ask.

    The bodies of redirects themselves are dropped; those that are long, or take more
    than ``DROP_TIME``, are given up. ``clock`` is for that, the reactor if none is given.
    """

    def __init__(
        self,
        agent: IAgent,
        redirectLimit: int = 20,
        sensitiveHeaderNames: Iterable[bytes] = (),
        *,
        clock: Any = None,
    ) -> None:
        self._agent = agent
        self._clock = clock
        self._limit = redirectLimit
        self._sensitive = (*_SENSITIVE, *sensitiveHeaderNames)

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        """Send a request; see ``IAgent``."""
        hop = Hop(method, uri, headers or Headers(), bodyProducer)
        return Deferred.fromCoroutine(self._follow(hop))

    async def _follow(self, hop: Hop) -> IResponse:
        previous = None
        for _ in range(self._limit + 1):
            sending = OneSending(hop.body) if is_replayable(hop.body) else hop.body
            response = await self._ask(hop, sending, previous)
            if response.code not in _SAME | _AS_GET:
                return response
            hop = self._next(hop, response)
            await drop(response, self._clock or _reactor())
            if isinstance(sending, OneSending):
                sending.end()
            previous = response
        error = InfiniteRedirection(
            response.code, b"too many redirects", location=hop.uri
        )
        raise ResponseFailed([Failure(error)], response)

    async def _ask(self, hop: Hop, body: Any, previous: IResponse | None) -> IResponse:
        try:
            response = await self._agent.request(*hop[:3], body)
        except SchemeNotSupported as error:
            if previous is None:
                raise
            raise ResponseFailed([Failure()], previous) from error
        if previous is not None:
            response.setPreviousResponse(previous)
        return response

    def _next(self, hop: Hop, response: IResponse) -> Hop:
        location = self._location(hop, response)
        headers = hop.headers
        if not _is_same_origin(hop.uri, location):
            headers = _without(headers, self._sensitive)
        if becomes_get(hop.method, response.code):
            return Hop(b"GET", location, _without(headers, _OF_BODY), None)
        if hop.body is not None and not is_replayable(hop.body):
            message = b"the body of this request cannot be sent again"
            error = PageRedirect(response.code, message, location=location)
            raise ResponseFailed([Failure(error)], response)
        return Hop(hop.method, location, headers, hop.body)

    def _location(self, hop: Hop, response: IResponse) -> bytes:
        values = response.headers.getRawHeaders(b"Location", ())
        if not values:
            error = RedirectWithNoLocation(
                response.code, b"a redirect to nowhere", hop.uri
            )
            raise ResponseFailed([Failure(error)], response)
        try:
            return join(hop.uri, values[0])
        except ValueError as error:
            raise ResponseFailed([Failure()], response) from error


def is_replayable(body: Any) -> bool:
    """Whether ``body`` says that it can be sent again."""
    return bool(getattr(body, "replayable", False))


@implementer(IBodyProducer, IConsumer)
class OneSending:
    """One sending of ``body``, out of several: when it is ended, so is what it says.

    A redirect may come before the body is out. A connection that is given up for that
    stops its producer a little later, which then is on its way somewhere else.
    """

    def __init__(self, body: Any) -> None:
        self.body = body
        self._consumer: Any = None
        self._ended = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.body, name)

    @property
    def length(self) -> Any:
        """That of the body."""
        return self.body.length

    def startProducing(self, consumer: Any) -> Deferred[None]:
        """Send it, for the first time or again."""
        self._consumer = consumer
        done: Deferred[None] = self.body.startProducing(self)
        return done

    def write(self, data: bytes) -> None:
        """Some bytes of it."""
        if not self._ended:
            self._consumer.write(data)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """A body producer is held back without asking for it."""

    def unregisterProducer(self) -> None:
        """It ends by its Deferred."""

    def pauseProducing(self) -> None:
        """The consumer takes no more."""
        if not self._ended:
            self.body.pauseProducing()

    def resumeProducing(self) -> None:
        """It does again."""
        if not self._ended:
            self.body.resumeProducing()

    def stopProducing(self) -> None:
        """It is wanted no more."""
        if not self._ended:
            self.body.stopProducing()

    def end(self) -> None:
        """The next one begins."""
        if self._consumer is not None:  # or it has not begun, and can do so now
            self.stopProducing()
        self._ended = True


def becomes_get(method: bytes, status: int) -> bool:
    """Whether what follows is a GET, although this was none."""
    if status == 303:
        return method not in (b"GET", b"HEAD")
    return status in _AS_GET and method == b"POST"


def join(base: bytes, location: bytes) -> bytes:
    """``location`` as seen from ``base``, with whose fragment it goes on if it has none.

    ``ValueError`` if that is no URI.
    """
    joined, fragment = urldefrag(urljoin(base, location))
    fragment = fragment or urldefrag(base)[1]
    if not _URI.fullmatch(joined + fragment):
        raise ValueError("a redirect to what is no URI")
    return joined + b"#" + fragment if fragment else joined


def _is_same_origin(one: bytes, other: bytes) -> bool:
    a, b = URI.fromBytes(one), URI.fromBytes(other)
    same_host = a.host.lower() == b.host.lower()  # RFC 3986 section 6.2.2.1
    return bool(same_host and (a.scheme, a.port) == (b.scheme, b.port))


def _without(headers: Headers, names: Iterable[bytes]) -> Headers:
    rest = headers.copy()
    for name in names:
        rest.removeHeader(name)
    return rest


def _reactor() -> Any:
    # Here, since who imports this module may want to install another one.
    from twisted.internet import reactor

    return reactor


def drop(response: IResponse, clock: Any) -> Deferred[None]:
    """Read the body of ``response`` and drop it; give it up if it is long, or slow.

    Fires when it is over, one way or another.
    """
    dropped = _Dropped()
    response.deliverBody(dropped)
    return dropped.over.addTimeout(DROP_TIME, clock, _long_enough)


def _long_enough(result: object, seconds: float) -> None:
    """That was waited for long enough."""


class _Dropped(Protocol):
    transport: Any

    def __init__(self) -> None:
        self.over: Deferred[None] = Deferred(self._cancelled)
        self._left = _MOST_READ
        self._done = False

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left < 0:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._done:
            self._done = True
            self.over.callback(None)

    def _cancelled(self, over: Deferred[None]) -> None:
        self._done = True
        self.transport.loseConnection()
