"""Every private name of twisted.web that this package leans on, and why.

``tests/web/test_http1.py`` holds each of them against the installed Twisted and
names the versions that were tried. When twisted.web lets a resource run before
the body has come, most of this module can go.

One more stands elsewhere, since ``http2`` imports nothing from here: a ``ServerStream``
is the channel of its request, and so has ``_respondToBadRequestAndDisconnect``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

# What guard refuses with. "as": for others to take from here.
from twisted.web._auth.wrapper import UnauthorizedResource as UnauthorizedResource

# What a request fails with, beside the names that twisted.web.client has.
from twisted.web._newclient import BadHeaders as BadHeaders
from twisted.web._newclient import HTTP11ClientProtocol
from twisted.web._newclient import RequestNotSent as RequestNotSent
from twisted.web._newclient import WrongBodyLength as WrongBodyLength
from twisted.web.client import HTTPConnectionPool, _HTTP11ClientFactory
from twisted.web.http import HTTPChannel, Request


class RequestLine(NamedTuple):
    """Method, target and version, as they stand in the first line of a request."""

    method: bytes
    target: bytes
    version: bytes


def request_line(channel: HTTPChannel) -> RequestLine:
    """The request line of the request whose headers have just come.

    A stock ``Request`` is told it only when the body is complete.
    """
    return RequestLine(channel._command, channel._path, channel._version)


def hold_timeout(channel: HTTPChannel) -> float | None:
    """Stop the idle timer while we hold the sender back, and return its value.

    The timer is reset by received data only, so it would take a pause of ours
    for an idle peer.
    """
    held: float | None = channel.setTimeout(None)
    return held


def restore_timeout(channel: HTTPChannel, seconds: float | None) -> None:
    """Let the idle timer run again with the value that it had."""
    channel.setTimeout(seconds)


def restore_timeout_after_request(channel: HTTPChannel, seconds: float | None) -> None:
    """The body ended while the timer was held: the channel has not seen its value.

    It stores the value at the end of a body and sets it for the next request.
    """
    channel._savedTimeOut = seconds


def send_continue(channel: HTTPChannel) -> None:
    """Answer ``Expect: 100-continue`` (RFC 9110 section 10.1.1)."""
    channel._send100Continue()


def close_on_bad_framing(channel: HTTPChannel) -> None:
    """From now on chunks that are none close the connection, and that is all.

    A stock channel writes an answer of its own then, into the one under way.
    """
    # As in a subclass, of which this channel cannot be made any more.
    vars(channel)["_respondToBadRequestAndDisconnect"] = channel.loseConnection


def leave(channel: HTTPChannel) -> None:
    """Close ``channel`` when the request under way was answered; now, if there is none."""
    if not channel.requests:
        channel.loseConnection()
        return
    channel.persistent = False
    # Of a request whose fields are not here yet it is decided later. As in a subclass.
    vars(channel)["checkPersistence"] = _do_not_persist
    for request in channel.requests:
        if not request.startedWriting:
            _do_not_persist(request, b"")


def _do_not_persist(request: Request, version: bytes) -> bool:
    request.responseHeaders.setRawHeaders(b"Connection", [b"close"])
    return False


def seconds(channel: HTTPChannel) -> Callable[[], float]:
    """The clock that ``channel`` goes by."""
    site: Any = getattr(channel, "site", None)
    reactor: Any = getattr(site, "reactor", None)
    return time.monotonic if reactor is None else reactor.seconds


def is_full(channel: Any) -> bool:
    """Whether the transport has told ``channel`` to wait, and not yet to go on."""
    return bool(getattr(channel, "_waitingForTransport", False))


def body_decoder(channel: HTTPChannel) -> Any:
    """What takes the body of the request apart whose headers have just come."""
    return channel._transferDecoder


def trailer_lines(decoder: Any) -> list[bytes]:
    """The lines that followed the last chunk; none if there were no chunks."""
    return [bytes(line) for line in getattr(decoder, "_trailerHeaders", ())]


#: What ends a chunked answer.
_LAST_CHUNK = b"0\r\n\r\n"


def end_chunks_with(channel: HTTPChannel, lines: bytes) -> None:
    """Put ``lines`` behind the last chunk of the answer that is finished next.

    ``finish`` writes that chunk by itself, after what an encoder still has to say.
    """

    def write(data: bytes) -> None:
        if data == _LAST_CHUNK:
            del vars(channel)["write"]
            data = b"0\r\n" + lines + b"\r\n"
        HTTPChannel.write(channel, data)

    vars(channel)["write"] = write


def let_go(request: Request) -> None:
    """The answer and the body of ``request`` are both over: on to the next request.

    ``finish`` does it for a request that is not ``queued``.
    """
    request._cleanup()


def is_lost(request: Request) -> bool:
    """Whether the connection of ``request`` is lost: then nothing can be sent."""
    return bool(request._disconnected)


def set_lost(request: Request) -> None:
    """Say so before ``connectionLost`` does: whoever reads the body may answer at once."""
    request._disconnected = True


def unwrapped(resource: Any, interface: Any) -> Any:
    """``resource``, or what it wraps if that provides ``interface``.

    ``guard`` and ``EncodingResourceWrapper`` wrap resources with
    ``proxyForInterface``, which does not pass marker interfaces on.
    """
    for _ in range(10):
        if interface.providedBy(resource):
            break
        attribute = _proxied_attribute(type(resource))
        if attribute is None:
            break
        resource = getattr(resource, attribute)
    return resource


def _proxied_attribute(kind: type) -> str | None:
    for ancestor in kind.__mro__:
        descriptor = ancestor.__dict__.get("putChild")
        attribute = getattr(descriptor, "originalAttribute", None)
        if isinstance(attribute, str):
            return attribute
    return None


class PromptHTTP1(HTTP11ClientProtocol):
    """A client's connection that gives an answer as soon as its head is here.

    A stock one holds an answer that comes while the body is being sent, till that is
    out or the answer is whole; and one that is not HTTP makes it wait for ever. It closes
    the connection when the answer is whole, but on TLS that waits for the rest of the body.
    """

    transport: Any
    _currentRequest: Any
    _answered = False

    def request(self, request: Any) -> Deferred[Any]:
        """Send ``request``; see ``HTTP11ClientProtocol``."""
        self._answered = False
        asked: Deferred[Any] = super().request(request)
        if self._parser is not None:
            asked.addCallback(_with_connection, self._parser)
        response: Any = self._responseDeferred
        if self._state == "TRANSMITTING":
            response.addBoth(self._came, asked)
        return asked

    def _came(self, result: Any, asked: Deferred[Any]) -> Any:
        if self._state != "TRANSMITTING":
            return result  # the body is out: as ever
        self._answered, self._finishedRequest = True, _told_already()
        asked.callback(result)
        return None

    def _finishResponse_TRANSMITTING(self, rest: bytes) -> None:
        request = self._currentRequest
        if request is None:
            return  # a consumer of the answer has raised, which gave all up
        # The rest of the body is of no use, and may never come. Before anything else: whoever
        # has the whole answer may send the same body again at once. And in this state: a
        # producer may say then that it has ended.
        self._state = "TRANSMITTING_AFTER_RECEIVING_RESPONSE"
        request.stopWriting()
        with suppress(RuntimeError):  # so it has been, and the transport minds
            self.transport.unregisterProducer()
        super()._finishResponse_TRANSMITTING(rest)

    def _disconnectParser(self, reason: Failure) -> None:
        request = self._currentRequest
        super()._disconnectParser(reason)
        # Unless another request was sent from within, what comes when the connection is
        # lost wants to tell the one and to stop the other.
        if self._state == "TRANSMITTING" and self._currentRequest is None:
            self._finishedRequest, self._currentRequest = _told_already(), request

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """What has been answered is over too; a stock one leaves its body waiting."""
        response = getattr(self._parser, "response", None)
        if response is not None and not reason.check(ConnectionDone):
            # Of a body that ends with the connection a stock one does not tell how.
            response.lost = reason.value
        super().connectionLost(reason)
        if self._answered:
            self._disconnectParser(reason)

    def _finishResponse_CONNECTION_LOST(self, rest: bytes) -> None:
        """An answer that ends with the connection, while the body was being sent."""


def _with_connection(response: Any, parser: Any) -> Any:
    """``response``, with its Connection fields as well, which a stock one keeps apart."""
    response.connection = parser.connHeaders.getRawHeaders(b"Connection", [])
    return response


def _told_already() -> Deferred[Any]:
    """In the place of one that has fired."""
    ignored: Deferred[Any] = Deferred()
    return ignored.addErrback(lambda _: None)


class _PromptFactory(_HTTP11ClientFactory):
    def buildProtocol(self, address: Any) -> PromptHTTP1:
        return PromptHTTP1(self._quiescentCallback)


def answer_promptly(pool: HTTPConnectionPool) -> None:
    """Have the connections of ``pool`` that speak HTTP/1.1 be ``PromptHTTP1``."""
    pool._factory = _PromptFactory
