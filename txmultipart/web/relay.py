"""Relay: a resource that sends its requests on to another server, while they arrive.

::

    sender ──► body, as it comes ──► upstream        sender ◄── answer ◄── upstream
           ◄── pause ◄──────────────── full          full ──────────► pause

    what happens                            the sender hears        the upstream hears
    the upstream answers                    that answer, at once    -
    it cannot be reached, breaks off,       502, and why            -
    has a head that is none
    it does nothing for too long            504                     its request is aborted
    it breaks off in the middle of its      the connection closed,  -
    answer                                  or the stream reset
    the sender goes away                    -                       its request is aborted
    the sender sends what it may not        400, 413, …             its request is aborted
    the relay gives up                      503                     its request is aborted
    a request comes round again             508                     -
    a request is none to be sent on         400, 501                -

Either side may speak HTTP/1.1 or HTTP/2, whatever the other one does.
"""

from __future__ import annotations

from secrets import token_hex
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IAgent, IResponse
from twisted.web.resource import Resource
from zope.interface import implementer

from txmultipart.body.delivery import BodyReader, get_body
from txmultipart.body.payload import Payload
from txmultipart.body.producer import BodyProducer, RawBody
from txmultipart.body.reader import MultipartReader
from txmultipart.body.relay import StreamSource
from txmultipart.body.relayed import Change, RelayedParts
from txmultipart.errors import LimitExceeded, MultipartError
from txmultipart.interfaces import ISink, IStreamingResource
from txmultipart.limits import Limits
from txmultipart.web import relay_fields
from txmultipart.web.answer import answer_call, is_gone
from txmultipart.web.pool import HTTP2ConnectionPool
from txmultipart.web.pooled import pooled_agent
from txmultipart.web.sending import Sending

_DEFAULT_LIMITS = Limits()


class RequestLoop(MultipartError):
    """A request that was sent on has come round again (RFC 5842 section 7.2)."""

    code = "loop"
    http_status = 508
    fault = "receiver"


@implementer(IStreamingResource)
class Relay(Resource):
    """Sends each request on to ``url``, and what is asked for below it to what is below::

        site = StreamingSite(Relay(reactor, "http://127.0.0.1:8000/uploads"))

    Method, fields and body go on as they come, with their length if that was declared;
    the answer comes back the same way. Whoever is slow, upstream or sender, slows the
    other one down. With ``change`` a multipart body is taken apart and goes on part by
    part, see ``RelayedParts``; ``limits`` are for its reader. What has another type, or
    none, passes ``change`` by; a Content-Type that is not one media type is answered
    with 400 then, since the upstream might take it for a multipart. ``max_body_size`` of
    ``limits`` bounds every body: 413, at once if its length was declared.

    ``url`` is an ``http://`` or ``https://`` URL with neither query nor user in it;
    ``MisuseError`` for any other. CONNECT is answered with 501.

    ``agent`` is what sends: one with an ``HTTP2ConnectionPool`` and an
    ``HTTP2PolicyForHTTPS`` unless given, whose connections ``close`` closes.
    ``answer_time`` are the seconds for which the upstream may do nothing when it is its
    turn: take bytes that are there for it, or answer when it has all. An answer that
    has begun may take as long as it likes.

    Errors are answered as a ``MultipartResource`` does it, with one line of JSON.
    Override ``upstream`` to choose where a request goes, ``request_headers`` and
    ``response_headers`` to choose what goes on.
    """

    isLeaf = True

    def __init__(
        self,
        reactor: Any,
        url: str,
        *,
        agent: IAgent | None = None,
        change: Change | None = None,
        limits: Limits = _DEFAULT_LIMITS,
        answer_time: float = 60.0,
    ) -> None:
        super().__init__()
        self.limits = limits
        self.answer_time = answer_time
        self._reactor = reactor
        relay_fields.checked_base(url)
        self.url = url
        self._pool = HTTP2ConnectionPool(reactor) if agent is None else None
        self._agent = agent or pooled_agent(reactor, self._pool)
        self._change = change
        self._sendings: set[Sending] = set()
        #: What we are called in Via fields: no other one is called like it.
        self._name = f"txmultipart-{token_hex(4)}"

    def close(self) -> Deferred[None]:
        """Close the connections to upstreams; fires when they are closed.

        May be called more than once. Requests that are under way have some time; see
        ``HTTP2ConnectionPool.closeCachedConnections``. An ``agent`` that was given keeps
        its connections: whoever made it closes them.
        """
        if self._pool is None:
            return succeed(None)
        return self._pool.closeCachedConnections()

    def give_up(self) -> None:
        """Answer 503 to all who wait for an answer of an upstream.

        An answer that has begun goes on. What comes afterwards is sent on as ever.
        """
        for sending in list(self._sendings):
            sending.give_up()

    def upstream(self, request: Any) -> str:
        """The URL under which what ``request`` asks for is to be found: ``url``.

        Override it for several upstreams. What it gives has to be such a URL as the
        constructor takes: for any other, or if it raises, the answer is 500 and the log
        has the error; a ``MultipartError`` with a ``fault`` that is not the caller's is
        answered with its own status.
        """
        return self.url

    def request_headers(self, request: Any) -> Headers:
        """The fields that ``request`` is sent on with; Host and length are added to them."""
        headers = relay_fields.passed_on(request.requestHeaders)
        # Whoever sends is told to go on when the upstream begins to take the body.
        headers.removeHeader("Expect")
        relay_fields.add_forwarded(headers, request)
        relay_fields.add_via(headers, request.clientproto, self._name)
        return headers

    def response_headers(self, response: IResponse) -> Headers:
        """The fields that ``response`` comes back with; its length is added to them.

        Those that its Connection field names stay behind if ``agent`` tells of that field,
        in a ``connection`` of the response: one with an ``HTTP2ConnectionPool`` does.
        """
        named = getattr(response, "connection", ())
        return relay_fields.passed_on(response.headers, named)

    def make_reader(self, request: Any) -> MultipartReader:
        """The reader of a multipart that goes on part by part."""
        return MultipartReader.from_request(request, limits=self.limits)

    def render(self, request: Any) -> int:
        """Send it on, whatever its method."""
        return answer_call(request, self._relay, request)

    async def _relay(self, request: Any) -> None:
        if relay_fields.went_by(request.requestHeaders, self._name):
            raise RequestLoop("this request was sent on from here before")
        relay_fields.check_request(request)
        base = relay_fields.checked_base(self.upstream(request))
        url = relay_fields.target(base, request)
        headers, body = self.request_headers(request), self._body(request)
        if isinstance(body, RelayedParts):
            relay_fields.set_content_type(headers, body.content_type)
        sending = Sending(self._reactor, self.answer_time, body)
        self._sendings.add(sending)
        try:
            response = await sending.ask(self._agent, request.method, url, headers)
        finally:
            self._sendings.discard(sending)
        if not is_gone(request):
            await self._answer(request, response, sending)
            sending.stop()
            request.finish()

    def _body(self, request: Any) -> BodyProducer | None:
        body = get_body(request)
        if body.length == 0:
            return None
        bound = self.limits.max_body_size
        if body.length is not None and body.length > bound:
            raise LimitExceeded("max_body_size", bound)
        if self._change is not None and relay_fields.is_multipart(
            request.requestHeaders
        ):
            return RelayedParts(self.make_reader(request), self._change)
        length = UNKNOWN_LENGTH if body.length is None else body.length
        return RawBody(Payload(lambda: _Bounded(body, bound), length=length))

    async def _answer(self, request: Any, response: Any, sending: Sending) -> None:
        request.setResponseCode(response.code, response.phrase)
        request.defaultContentType = None  # what the upstream did not say is not known
        for name, values in self.response_headers(response).getAllRawHeaders():
            request.responseHeaders.setRawHeaders(name, values)
        _set_length(request, response)
        request.write(b"")  # the head goes back now: the body may take its time
        if response.length != 0:
            await sending.bring(response, _Back(request))
        trailers = getattr(response, "trailers", None)
        if trailers is not None and hasattr(request, "responseTrailers"):
            request.responseTrailers = relay_fields.passed_on(trailers)


def _set_length(request: Any, response: Any) -> None:
    declared = response.headers.getRawHeaders("Content-Length")
    if request.method == b"HEAD":
        if declared:
            request.setHeader(b"Content-Length", declared[0])
    elif isinstance(response.length, int) and response.code not in (204, 304):
        request.setHeader(b"Content-Length", b"%d" % response.length)


class _Bounded(StreamSource):
    """What a body brings, as long as that is not too much."""

    def __init__(self, body: BodyReader, bound: int) -> None:
        super().__init__(body)
        self._bound = self._left = bound

    def read(self) -> Deferred[bytes]:
        return super().read().addCallback(self._counted)

    def _counted(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise LimitExceeded("max_body_size", self._bound, offset=self._bound)
        return data


@implementer(ISink)
class _Back:
    """Writes the answer to whoever asked for it, at their pace."""

    def __init__(self, request: Any) -> None:
        self._request = request

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._request.registerProducer(producer, streaming)

    def write(self, data: bytes) -> None:
        self._request.write(data)

    def unregisterProducer(self) -> None:
        if not is_gone(self._request):
            self._request.unregisterProducer()

    def finish(self) -> Deferred[None]:
        return succeed(None)

    def fail(self, failure: Failure) -> Deferred[None]:
        return succeed(None)
