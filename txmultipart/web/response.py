"""HTTP2Response: what came back on a stream, as ``IResponse`` wants it.

::

    state       meaning                                     deliverBody
    HELD        nobody has asked for the body               DELIVERING, or DONE
    DELIVERING  it goes to a protocol                       RuntimeError
    DONE        the protocol has heard of the end           RuntimeError

    input       HELD                   DELIVERING           DONE
    bytes       (do not come)          to the protocol      dropped
    end         noted, for later       told, DONE           -
    failure     noted, for later       told, DONE           -
    given up    (nobody can)           the stream is reset  -

Bytes do not come while nobody takes them: the stream is paused, and so the peer is
held back by its own window. ``RESPONSES`` is ``twisted.web``'s table of phrases.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from enum import Enum
from typing import Any, Protocol

from twisted.internet.defer import AlreadyCalledError
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IProtocol, IPushProducer
from twisted.python.components import proxyForInterface
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed
from twisted.web.http import RESPONSES
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IClientRequest, IResponse
from zope.interface import implementer

Fields = Iterable[tuple[bytes, bytes]]

#: What is known of the request, and nothing else of it: see ``IResponse.request``.
_AsClientRequest: Any = proxyForInterface(IClientRequest)


class Body(Protocol):
    """Where the body of a response comes from: its exchange."""

    def take(self, response: HTTP2Response) -> None:
        """Somebody takes it now: keep the response, and let bytes come."""
        ...

    def pause(self) -> None:
        """Let none come."""
        ...

    def resume(self) -> None:
        """Let them come."""
        ...

    def give_up(self, reason: Failure) -> None:
        """The rest is not wanted; fail the response with that, a little later."""
        ...


class Stage(Enum):
    """How far a response's body has come; see the tables above."""

    HELD = "held"
    DELIVERING = "delivering"
    DONE = "done"


@implementer(IResponse)
class HTTP2Response:
    """A response over HTTP/2: what ``Agent`` and treq give, and ``trailers`` beside it.

    ``headers`` has all fields, Content-Length among them; ``length`` is 0 where there
    can be no body (HEAD, 204, 304), and ``UNKNOWN_LENGTH`` where nobody said it.
    ``trailers`` is filled when the body has ended (RFC 9113 section 8.1).

    The body is delivered once, at the pace of who takes it. Its protocol is told
    ``ResponseDone``, or ``ResponseFailed`` with what broke it: a body is never ended
    by closing a connection, so nobody has to wonder whether it is whole.

    If nobody takes it, it waits, for as long as somebody has the response; then the
    stream is reset.
    """

    version = (b"HTTP", 2, 0)

    def __init__(
        self, code: int, fields: Fields, length: int | None, request: Any, body: Body
    ) -> None:
        self.code = code
        self.phrase: bytes = RESPONSES.get(code, b"")
        self.headers = as_headers(fields)
        self.length: int | str = UNKNOWN_LENGTH if length is None else length
        self.trailers = Headers()
        self.request: Any = _AsClientRequest(request)
        self.previousResponse: Any = None
        self.stage = Stage.HELD
        self._body = body
        self._protocol: Any = None
        self._end: Failure | None = None

    def setPreviousResponse(self, response: IResponse) -> None:
        """This is the answer to a request that ``response`` led to."""
        self.previousResponse = response

    def deliverBody(self, protocol: IProtocol) -> None:
        """Give the body to ``protocol``, once; ``RuntimeError`` the second time.

        Its transport is an ``IPushProducer``; ``loseConnection`` and
        ``abortConnection`` reset the stream, and no other one.
        """
        if self.stage is not Stage.HELD:
            raise RuntimeError("the body of this response is delivered already")
        self.stage, self._protocol = Stage.DELIVERING, protocol
        transport = BodyTransport(self._body)
        protocol.makeConnection(transport)  # type: ignore[arg-type]
        if self._end is not None:
            self._tell(self._end)
        elif self.stage is Stage.DELIVERING:  # the protocol may have ended all
            self._body.take(self)
            transport.begin()

    # The exchange calls these -----------------------------------------------------

    def received(self, data: bytes) -> None:
        """Some bytes of the body."""
        if self.stage is not Stage.DELIVERING:
            return
        try:
            self._protocol.dataReceived(data)
        except Exception:
            self._body.give_up(Failure())

    def ended(self, trailers: Fields) -> None:
        """The body is whole."""
        for name, value in trailers:
            self.trailers.addRawHeader(name, value)
        self._finish(Failure(ResponseDone("the whole response was received")))

    def failed(self, reasons: list[Failure]) -> None:
        """It breaks off."""
        self._finish(Failure(ResponseFailed(reasons, self)))

    def _finish(self, reason: Failure) -> None:
        if self.stage is Stage.DELIVERING:
            self._tell(reason)
        elif self._end is None:
            self._end = reason

    def _tell(self, reason: Failure) -> None:
        protocol, self._protocol = self._protocol, None
        self.stage = Stage.DONE
        # One that was cancelled, and has given us up, has failed by then: readBody.
        with suppress(AlreadyCalledError):
            protocol.connectionLost(reason)


@implementer(IPushProducer)
class BodyTransport:
    """What the protocol that takes a body has for a transport.

    Pause, resume and stop may come at any time: also from ``connectionMade``, before
    there is a body.
    """

    disconnecting = False

    def __init__(self, body: Body) -> None:
        self._body = body
        self._begun = False
        self._paused = False

    def begin(self) -> None:
        """Bytes may come, unless they are not wanted yet."""
        self._begun = True
        if not self._paused and not self.disconnecting:
            self._body.resume()

    def pauseProducing(self) -> None:
        """Let no more bytes come; the peer is held back when its window is full."""
        self._paused = True
        if self._begun:
            self._body.pause()

    def resumeProducing(self) -> None:
        """Let them come."""
        self._paused = False
        if self._begun:
            self._body.resume()

    def stopProducing(self) -> None:
        """The rest is not wanted: as ``loseConnection``."""
        self.loseConnection()

    def loseConnection(self) -> None:
        """Reset the stream; the protocol is told ``ResponseFailed([ConnectionDone])``."""
        self._give_up(ConnectionDone("the body was given up"))

    def abortConnection(self) -> None:
        """The same, with ``ConnectionAborted``."""
        self._give_up(ConnectionAborted("the body was given up"))

    def _give_up(self, error: Exception) -> None:
        if not self.disconnecting:
            self.disconnecting = True
            self._body.give_up(Failure(error))


def as_headers(fields: Fields) -> Headers:
    """``fields`` as Twisted has them, in their order."""
    headers = Headers()
    for name, value in fields:
        headers.addRawHeader(name, value)
    return headers
