"""Glue for treq users: a client whose multipart bodies just work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from http.cookiejar import Cookie
from typing import Any

from treq.client import HTTPClient
from treq.cookies import IndexableCookieJar
from twisted.internet.defer import AlreadyCalledError, Deferred
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.components import proxyForInterface
from twisted.python.failure import Failure
from twisted.web.client import CookieAgent, ResponseFailed
from twisted.web.iweb import IAgent, IBodyProducer, IPolicyForHTTPS, IResponse

from txmultipart.body.producer import RawBody
from txmultipart.errors import MisuseError
from txmultipart.web.agent import MultipartAgent
from txmultipart.web.pool import HTTP2ConnectionPool
from txmultipart.web.pooled import pooled_agent
from txmultipart.web.redirect import ReplayingRedirectAgent

_log = Logger()


def client(
    reactor: Any,
    *,
    pool: Any = None,
    agent: IAgent | None = None,
    contextFactory: IPolicyForHTTPS | None = None,
    connectTimeout: float | None = None,
    bindAddress: Any = None,
    h2c: bool = False,
) -> MultipartClient:
    """A treq client on which uploads just work, over HTTP/2 where the server has it.

    ``pool`` is an ``HTTP2ConnectionPool`` of its own unless given, and then the client's
    ``pool``: ``await client.pool.closeCachedConnections()`` before the program ends.
    ``h2c`` says that servers at ``http://`` are known to speak HTTP/2; a pool that is
    given knows that itself. ``contextFactory``, ``connectTimeout`` and ``bindAddress``
    are those of Twisted's ``Agent``, but that ``HTTP2PolicyForHTTPS`` is the default: so
    no server has to be asked twice that would choose a cipher which HTTP/2 forbids.

    An ``agent`` of your own comes with all that. ``pool`` may be given with it, to be the
    client's. Raises ``MisuseError`` for an ``agent`` beside any of the others, and for a
    ``pool`` beside ``h2c``.
    """
    of_agent = (contextFactory, connectTimeout, bindAddress)
    if agent is not None and (h2c or any(each is not None for each in of_agent)):
        raise MisuseError("agent= takes the place of all that is for making one")
    if pool is not None and h2c:
        raise MisuseError(
            "h2c= is for the pool: HTTP2ConnectionPool(reactor, h2c=True)"
        )
    if agent is None:
        pool = pool or HTTP2ConnectionPool(reactor, h2c=h2c)
        agent = pooled_agent(reactor, pool, contextFactory, connectTimeout, bindAddress)
    return MultipartClient(agent, reactor, pool)


class MultipartClient(HTTPClient):
    """A treq ``HTTPClient`` on ``agent``; ``client`` makes it.

    The Content-Type which a body knows is sent without ``headers``. Redirects are
    followed as browsers do it, and the body is sent again if it has to be and is
    ``replayable``; see ``ReplayingRedirectAgent``. ``allow_redirects=False`` gives the
    redirect itself.

    A multipart response is not buffered, unless ``unbuffered=False`` is said: it can be
    given to ``MultipartReader.from_response``, at the reader's pace, and read once.
    """

    def __init__(self, agent: IAgent, reactor: Any, pool: Any = None) -> None:
        jar = IndexableCookieJar()
        # Cookies are looked after at each hop, so not a second time from outside.
        seen = _ReadOnlyAtRequests(jar)
        direct = CookieAgent(MultipartAgent(agent), jar)
        super().__init__(direct, seen, replayable_body)
        #: The pool of connections, if it was made or given here.
        self.pool = pool
        self._reactor = reactor
        self._following = HTTPClient(
            ReplayingRedirectAgent(direct, clock=reactor), seen, replayable_body
        )

    def request(
        self,
        method: str,
        url: Any,
        *,
        allow_redirects: bool = True,
        browser_like_redirects: bool = True,
        unbuffered: bool | None = None,
        **options: Any,
    ) -> Deferred[Any]:
        """Send a request; see ``treq.request``. Redirects are always browser-like.

        ``unbuffered`` is as there, but None, the default, is True for a multipart
        response. Fails as treq's does, and as ``ReplayingRedirectAgent`` does where
        redirects are followed.
        """
        options.setdefault("reactor", self._reactor)  # for timeouts
        options["_stacklevel"] = options.get("_stacklevel", 2) + 1
        send = self._following.request if allow_redirects else super().request
        response: Deferred[Any] = send(
            method, url, allow_redirects=False, unbuffered=True, **options
        )
        if unbuffered is not True:
            response.addCallback(_buffered, always=unbuffered is False)
        return response


def replayable_body(data: Any) -> Any:
    """The producer of ``data``: treq's own, but for bytes one that can start again.

    JSON and forms that treq encodes are such bytes. ``TypeError`` for what treq can make
    no producer of.
    """
    if not isinstance(data, bytes):
        return IBodyProducer(data)
    body = RawBody(data)
    # As with treq: whoever sends bytes knows what they are, and may say it.
    body.payload.headers.removeHeader("Content-Type")
    return body


class _ReadOnlyAtRequests(IndexableCookieJar):
    """A jar that shares its cookies with another, and leaves requests to that one."""

    def __init__(self, jar: IndexableCookieJar) -> None:
        super().__init__()
        self._jar = jar

    def __iter__(self) -> Iterator[Cookie]:
        return iter(self._jar)

    def set_cookie(self, cookie: Cookie) -> None:
        self._jar.set_cookie(cookie)

    def add_cookie_header(self, request: Any) -> None:
        """That is done elsewhere."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """That too."""


def _buffered(response: Any, *, always: bool) -> Any:
    """``response``, so that its body can be asked for again, unless it is a multipart."""
    (content_type, *_) = response.headers.getRawHeaders(b"Content-Type") or [b""]
    if always or not content_type.strip().lower().startswith(b"multipart/"):
        response.original = _Buffered(response.original)
    return response


class _Buffered(proxyForInterface(IResponse)):  # type: ignore[misc]
    """A response that keeps its body, to deliver it as often as it is asked for."""

    def __init__(self, original: IResponse) -> None:
        super().__init__(original)
        self._pieces: list[bytes] = []
        self._waiting: list[IProtocol] = []
        self._reason: Failure | None = None
        self._asked = False

    @property
    def trailers(self) -> Any:
        """What came after the body, where the protocol has that."""
        return getattr(self.original, "trailers", None)

    def deliverBody(self, protocol: IProtocol) -> None:
        """Deliver it, from the start, now or when all of it is here."""
        if self._reason is not None:
            self._give(protocol, self._reason)
        elif self._asked:
            self._waiting.append(protocol)
        else:
            self._asked = True
            self.original.deliverBody(_Keeping(self, protocol))

    def keep(self, data: bytes) -> None:
        """Some bytes."""
        self._pieces.append(data)

    def end(self, reason: Failure) -> None:
        """That was all."""
        self._reason = reason
        waiting, self._waiting = self._waiting, []
        for protocol in waiting:
            try:
                self._give(protocol, reason)
            except Exception:
                _log.failure("who waited for the body of a response failed")

    def _give(self, protocol: IProtocol, reason: Failure) -> None:
        try:
            for piece in self._pieces:
                protocol.dataReceived(piece)
        except Exception:
            reason = Failure(ResponseFailed([Failure()], self))
        # One that was cancelled has failed by then: readBody.
        with suppress(AlreadyCalledError):
            protocol.connectionLost(reason)


class _Keeping(Protocol):
    """Passes a body on, and has it kept."""

    def __init__(self, buffered: _Buffered, protocol: IProtocol) -> None:
        self._buffered = buffered
        self._protocol = protocol

    def connectionMade(self) -> None:
        assert self.transport is not None
        self._protocol.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self._buffered.keep(data)
        self._protocol.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        try:
            self._protocol.connectionLost(reason)
        finally:  # it raises if it was cancelled, and others may wait: readBody
            self._buffered.end(reason)
