"""Retrying: sends a request on whatever connection there is, and again if that is safe.

::

    what came                              is it sent again?
    the server did nothing about it        yes, if its body can be
    421 Misdirected Request                once, on a new connection, if its body can be
    HTTP_1_1_REQUIRED                      on HTTP/1.1, if its body can be
    an old connection is lost, no answer   once, if it is idempotent and has no body:
                                           what a stock pool does
    anything else                          no

A body can be sent again if it has not begun, or if its producer is ``replayable``, as
those of this package say of themselves: ``startProducing`` then begins anew.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.web.client import RequestTransmissionFailed, ResponseNeverReceived
from twisted.web.iweb import IResponse

from txmultipart.http2 import ErrorCodes, HTTP2Error, StreamReset
from txmultipart.web.exchange import Exchange, RequestNotProcessed
from txmultipart.web.line import Line

#: More often a request is not sent again.
RETRIES = 3

#: Seconds before the second and the third time that a server says it has enough. One
#: that only closes a connection is asked on another at once.
PAUSES = (0.1, 0.5)

#: RFC 9110 section 15.5.20.
_MISDIRECTED = 421

#: The server is not to be asked again at once.
_HAS_ENOUGH = frozenset((ErrorCodes.REFUSED_STREAM, ErrorCodes.ENHANCE_YOUR_CALM))

#: Those that a stock pool repeats (RFC 9110 section 9.2.2).
_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"TRACE"))


class Lines(Protocol):
    """Who has connections: an origin."""

    clock: Any

    @property
    def retries_automatically(self) -> bool:
        """Whether to do what a stock pool does when an old connection is lost."""
        ...

    def turn(self, endpoint: IStreamClientEndpoint) -> Deferred[Any]:
        """A line with room, or a connection of HTTP/1.1."""
        ...

    def demote(self) -> None:
        """Go on with HTTP/1.1."""
        ...


class Retrying:
    """What a pool gives for HTTP/2: send a request, perhaps more than once."""

    def __init__(self, lines: Lines, endpoint: IStreamClientEndpoint) -> None:
        self._lines = lines
        self._endpoint = endpoint

    def request(self, request: Any) -> Deferred[IResponse]:
        """Send a request of Twisted's ``Agent``; see ``exchange`` for how it may fail."""
        return Deferred.fromCoroutine(self._request(request))

    async def _request(self, request: Any) -> IResponse:
        attempts = Attempts(request, self._lines)
        while True:
            line = await self._lines.turn(self._endpoint)
            if not isinstance(line, Line):
                response: IResponse = await line.request(request)
                return response
            if (answer := await attempts.make(line)) is not None:
                return answer
            await attempts.pause()


class Attempts:
    """What was tried so far to get an answer to ``request``."""

    def __init__(self, request: Any, lines: Lines) -> None:
        self._request = request
        self._lines = lines
        self._made = self._refused = 0
        self._misdirected = self._was_old = False

    async def make(self, line: Line) -> IResponse | None:
        """Try it on ``line``; None: try again."""
        self._made += 1
        old = line.used > 0
        exchange = Exchange(self._request, self._lines.clock)
        try:
            response = await line.begin(exchange)
        except RequestNotProcessed as error:
            self._consider(error, exchange)
            return None
        except (RequestTransmissionFailed, ResponseNeverReceived) as error:
            if not self._is_forgivable(error, exchange, old):
                raise
            return None
        return self._look_at(response, exchange, line)

    async def pause(self) -> None:
        """Wait before the next time, if that makes sense."""
        if self._refused > 1:
            seconds = PAUSES[min(self._refused - 2, len(PAUSES) - 1)]
            await deferLater(self._lines.clock, seconds)

    def _consider(self, error: RequestNotProcessed, exchange: Exchange) -> None:
        """Raise, unless it may be tried again."""
        if not self._has_body_for_more(exchange):
            why = "; it was not sent again, since its body had begun"
            raise RequestNotProcessed(error.reasons, why) from error
        if self._made > RETRIES:
            why = f"; it was sent {self._made} times"
            raise RequestNotProcessed(error.reasons, why) from error
        code = _code(error.reasons)
        self._refused += code in _HAS_ENOUGH
        if code == ErrorCodes.HTTP_1_1_REQUIRED:
            self._lines.demote()

    def _has_body_for_more(self, exchange: Exchange) -> bool:
        producer = self._request.bodyProducer
        return not exchange.body_begun or bool(getattr(producer, "replayable", False))

    def _is_forgivable(self, error: Any, exchange: Exchange, old: bool) -> bool:
        if (
            _code(error.reasons) == ErrorCodes.HTTP_1_1_REQUIRED
            and self._made <= RETRIES
        ):
            if self._has_body_for_more(exchange):
                self._lines.demote()
                return True
            return False
        if any(reason.check(StreamReset) for reason in error.reasons):
            return False
        return self._is_for_stock_pool(old)

    def _is_for_stock_pool(self, old: bool) -> bool:
        if self._was_old or not old or not self._lines.retries_automatically:
            return False
        self._was_old = True
        request = self._request
        return request.method in _IDEMPOTENT and request.bodyProducer is None

    def _look_at(
        self, response: IResponse, exchange: Exchange, line: Line
    ) -> IResponse | None:
        misdirected = response.code == _MISDIRECTED and not self._misdirected
        if not misdirected or not self._has_body_for_more(exchange):
            return response
        self._misdirected = True
        exchange.give_up(Failure(RequestNotProcessed([], "it is sent again")))
        line.leave()
        return None


def _code(reasons: list[Failure]) -> int | None:
    """The code of what ended a stream, if that was it."""
    error = reasons[0].value if reasons else None
    return error.error_code if isinstance(error, HTTP2Error) else None
