"""ReplayingRedirectAgent: as browsers do it, and with bodies that are sent again."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone, ResponseFailed
from twisted.web.error import (
    InfiniteRedirection,
    PageRedirect,
    RedirectWithNoLocation,
    SchemeNotSupported,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer
from twisted.web.resource import Resource
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txmultipart import (
    FormData,
    LivePayload,
    MemorySink,
    MultipartReader,
    MultipartResource,
)
from txmultipart.body.producer import RawBody
from txmultipart.testing import InMemoryServer
from txmultipart.web.redirect import (
    DROP_TIME,
    OneSending,
    ReplayingRedirectAgent,
    becomes_get,
    join,
)

HERE = b"https://here.test/a"


class Answer:
    """A response with a body of ``size`` bytes, which is delivered at once, or never."""

    def __init__(
        self, code: int, location: str | None = None, size: int = 0, ends: bool = True
    ) -> None:
        self.code = code
        self.headers = Headers({} if location is None else {"Location": [location]})
        self.previousResponse: Any = None
        self._size, self._ends = size, ends
        self.delivered = 0
        self.lost = False
        self.protocol: Any = None

    def setPreviousResponse(self, response: Any) -> None:
        self.previousResponse = response

    def deliverBody(self, protocol: Protocol) -> None:
        self.protocol = protocol
        protocol.makeConnection(self)
        while self.delivered < self._size and not self.lost:
            protocol.dataReceived(b"x" * 1000)
            self.delivered += 1000
        if self._ends and not self.lost:
            protocol.connectionLost(Failure(ResponseDone()))

    def loseConnection(self) -> None:
        self.lost = True
        self.protocol.connectionLost(Failure(ResponseFailed([])))
        self.protocol.connectionLost(Failure(ResponseFailed([])))  # nobody minds


@implementer(IAgent)
class Answers:
    """Gives one answer after the other, and keeps what it was asked."""

    def __init__(self, *answers: Answer | Exception) -> None:
        self.left = list(answers)
        self.asked: list[tuple[bytes, bytes, dict[str, str], Any]] = []

    def request(
        self, method: bytes, uri: bytes, headers: Any = None, bodyProducer: Any = None
    ) -> Deferred[Any]:
        given = {n.decode(): v[0].decode() for n, v in headers.getAllRawHeaders()}
        body = getattr(bodyProducer, "body", bodyProducer)
        self.asked.append((method, uri, given, body))
        answer = self.left.pop(0)
        return fail(answer) if isinstance(answer, Exception) else succeed(answer)


class Once(RawBody):
    """A body that can be sent once only."""

    @property
    def replayable(self) -> bool:
        return False


def follow(
    *answers: Answer | Exception,
    method: bytes = b"POST",
    body: Any = None,
    headers: dict[str, list[str]] | None = None,
    **options: Any,
) -> tuple[Any, Answers]:
    """Ask, and give the response or the error, and what was asked."""
    asked = Answers(*answers)
    agent = ReplayingRedirectAgent(asked, **options)
    verifyObject(IAgent, agent)
    outcome: list[Any] = []
    given = None if headers is None else Headers(headers)
    agent.request(method, HERE, given, body).addBoth(outcome.append)
    result = outcome[0] if outcome else None
    return getattr(result, "value", result), asked


BODY = RawBody(b"content")

TABLE = [
    (status, method, "GET" if status == 303 or method == b"POST" else method.decode())
    for status in (301, 302, 303)
    for method in (b"POST", b"PUT", b"PATCH", b"DELETE")
]
TABLE += [(s, m, m.decode()) for s in (301, 302, 303) for m in (b"GET", b"HEAD")]
TABLE += [
    (s, m, m.decode()) for s in (307, 308) for m in (b"POST", b"PUT", b"GET", b"HEAD")
]


@pytest.mark.parametrize(("status", "method", "then"), TABLE)
def test_every_status_with_every_method(status: int, method: bytes, then: str) -> None:
    body = None if method in (b"GET", b"HEAD") else BODY
    response, asked = follow(
        Answer(status, "/b"),
        Answer(200),
        method=method,
        body=body,
        headers={"Content-Type": ["text/plain"], "X": ["1"]},
    )
    assert response.code == 200
    assert response.previousResponse.code == status
    last_method, uri, headers, sent = asked.asked[1]
    assert (last_method.decode(), uri) == (then, b"https://here.test/b")
    kept = then == method.decode()
    assert sent is (body if kept else None)
    assert ("Content-Type" in headers) == kept
    assert headers["X"] == "1"


def test_the_table_of_methods() -> None:
    assert becomes_get(b"POST", 301)
    assert not becomes_get(b"PUT", 301)
    assert becomes_get(b"PUT", 303)
    assert not becomes_get(b"HEAD", 303)
    assert not becomes_get(b"POST", 307)


def test_no_redirect() -> None:
    response, asked = follow(Answer(304, "/b"))
    assert response.code == 304
    assert response.previousResponse is None
    assert len(asked.asked) == 1


@pytest.mark.parametrize("status", [307, 308])
def test_a_body_that_cannot_be_sent_again(status: int) -> None:
    error, asked = follow(Answer(status, "/b"), body=Once(b"content"))
    assert isinstance(error, ResponseFailed)
    assert error.response.code == status
    inner = error.reasons[0].value
    assert isinstance(inner, PageRedirect)
    assert inner.location == b"https://here.test/b"
    assert len(asked.asked) == 1


def test_a_body_that_need_not_be_sent_again() -> None:
    response, asked = follow(Answer(303, "/b"), Answer(200), body=Once(b"content"))
    assert response.code == 200
    assert asked.asked[1][0] == b"GET"


def test_to_nowhere() -> None:
    error, _ = follow(Answer(302))
    assert isinstance(error.reasons[0].value, RedirectWithNoLocation)
    assert error.response.code == 302


@pytest.mark.parametrize(
    "location", ["/\u00e9", "https://[::1/", "/a b", "https://there test/", "/\x01"]
)
def test_to_what_is_no_uri(location: str) -> None:
    error, asked = follow(Answer(302, location))
    assert isinstance(error, ResponseFailed)
    assert isinstance(error.reasons[0].value, ValueError)
    assert error.response.code == 302
    assert len(asked.asked) == 1


def test_to_what_the_agent_cannot_reach() -> None:
    error, _ = follow(SchemeNotSupported())
    assert isinstance(error, SchemeNotSupported)  # that is the caller's own
    error, _ = follow(Answer(302, "file:///etc/passwd"), SchemeNotSupported())
    assert isinstance(error, ResponseFailed)
    assert isinstance(error.reasons[0].value, SchemeNotSupported)
    assert error.response.code == 302


def test_for_ever() -> None:
    answers = [Answer(302, f"/{n}") for n in range(4)]
    error, asked = follow(*answers, method=b"GET", redirectLimit=3)
    assert isinstance(error.reasons[0].value, InfiniteRedirection)
    assert error.response.code == 302
    assert len(asked.asked) == 4


def test_exactly_as_often_as_allowed() -> None:
    answers = [Answer(302, f"/{n}") for n in range(3)]
    response, _ = follow(*answers, Answer(200), method=b"GET", redirectLimit=3)
    assert response.code == 200
    chain = []
    while response is not None:
        chain.append(response.code)
        response = response.previousResponse
    assert chain == [200, 302, 302, 302]


SECRETS = {
    "Authorization": ["a"],
    "Cookie": ["c"],
    "Proxy-Authorization": ["p"],
    "Host": ["here.test"],
    "X-Secret": ["x"],
    "X-Open": ["o"],
}


@pytest.mark.parametrize(
    ("location", "same"),
    [
        ("/b", True),
        ("https://here.test:443/b", True),
        ("HTTPS://HERE.TEST:443/b", True),
        ("https://here.test:444/b", False),
        ("http://here.test/b", False),
        ("https://there.test/b", False),
        ("//there.test/b", False),
    ],
)
def test_what_is_for_one_origin_only(location: str, same: bool) -> None:
    _, asked = follow(
        Answer(307, location),
        Answer(307, "/c"),
        Answer(200),
        body=BODY,
        headers=SECRETS,
        sensitiveHeaderNames=[b"x-secret"],
    )
    for _, _, headers, body in asked.asked[1:]:
        assert headers["X-Open"] == "o"
        assert body is BODY
        assert ({"Authorization", "Cookie", "Host", "X-Secret"} <= set(headers)) == same
        assert (
            bool({"Authorization", "Cookie", "Host", "X-Secret"} & set(headers)) == same
        )


def test_the_callers_headers_are_left_alone() -> None:
    given = Headers(SECRETS)
    agent = ReplayingRedirectAgent(
        Answers(Answer(303, "https://there.test/"), Answer(200))
    )
    agent.request(b"POST", HERE, given, None)
    assert {n.decode() for n, _ in given.getAllRawHeaders()} == set(SECRETS)


@pytest.mark.parametrize(
    ("base", "location", "joined"),
    [
        (b"http://a.test/b/c", b"d", b"http://a.test/b/d"),
        (b"http://a.test/b/c", b"?e", b"http://a.test/b/c?e"),
        (b"http://a.test/b#f", b"/c", b"http://a.test/c#f"),
        (b"http://a.test/b#f", b"/c#g", b"http://a.test/c#g"),
        (b"http://a.test/b", b"http://c.test", b"http://c.test"),
    ],
)
def test_where_it_leads(base: bytes, location: bytes, joined: bytes) -> None:
    assert join(base, location) == joined


# The bodies of redirects ----------------------------------------------------------------


def test_a_short_one_is_read() -> None:
    redirect = Answer(302, "/b", size=5000)
    response, _ = follow(redirect, Answer(200))
    assert response.code == 200
    assert redirect.delivered == 5000
    assert not redirect.lost


def test_a_long_one_is_not() -> None:
    redirect = Answer(302, "/b", size=5_000_000)
    response, _ = follow(redirect, Answer(200))
    assert response.code == 200
    assert redirect.lost
    assert redirect.delivered < 100_000


def test_cancelled_while_it_is_read() -> None:
    redirect = Answer(302, "/b", ends=False)
    asked = Answers(redirect, Answer(200))
    outcome: list[Any] = []
    done = ReplayingRedirectAgent(asked).request(b"GET", HERE)
    done.addBoth(outcome.append)
    assert outcome == []
    done.cancel()
    assert redirect.lost
    assert outcome[0].check(CancelledError)
    assert len(asked.asked) == 1


def test_one_that_never_ends() -> None:
    clock = Clock()
    redirect = Answer(302, "/b", ends=False)
    response, asked = follow(redirect, Answer(200), clock=clock)
    assert response is None
    clock.advance(DROP_TIME)
    assert redirect.lost
    assert [uri for _, uri, *_ in asked.asked] == [HERE, b"https://here.test/b"]
    assert clock.getDelayedCalls() == []


def test_no_time_is_left_behind() -> None:
    clock = Clock()
    response, _ = follow(Answer(302, "/b", size=5000), Answer(200), clock=clock)
    assert response.code == 200
    assert clock.getDelayedCalls() == []


def test_one_sending_does_not_disturb_the_next() -> None:
    body = RawBody([b"x" * 40_000] * 3)
    first, second = OneSending(body), OneSending(body)
    verifyObject(IBodyProducer, first)
    one, two = Consumer(first, 1), Consumer(second, 1)
    first.startProducing(one)
    assert body.state.name == "PAUSED"
    first.end()
    assert body.state.name == "STOPPED"
    second.startProducing(two)
    for late in (first.resumeProducing, first.pauseProducing, first.stopProducing):
        late()
        assert body.state.name == "PAUSED"
    second.resumeProducing()
    second.stopProducing()
    assert one.size < two.size
    first.write(b"late")
    assert second.replayable
    assert second.content_type == "application/octet-stream"
    second.registerProducer(body, True)
    second.unregisterProducer()


class Consumer:
    """Pauses its producer after so many writes."""

    def __init__(self, producer: Any, writes: int) -> None:
        self._producer, self._left = producer, writes
        self.size = 0

    def write(self, data: bytes) -> None:
        self.size += len(data)
        self._left -= 1
        if self._left == 0:
            self._producer.pauseProducing()


# With a server --------------------------------------------------------------------------


class Names(MultipartResource):
    """Answers with the names of the parts."""

    isLeaf = True

    async def render_multipart(self, request: Any, reader: MultipartReader) -> bytes:
        return ",".join([str(part.name) async for part in reader]).encode()


class Elsewhere(Resource):
    """Sends on, before or after it has read the body."""

    isLeaf = True

    def __init__(self, code: int, location: bytes) -> None:
        super().__init__()
        self._code, self._location = code, location

    def render(self, request: Any) -> bytes:
        request.setResponseCode(self._code)
        request.setHeader(b"Location", self._location)
        return b"go on"


class EarlyElsewhere(Elsewhere, MultipartResource):
    """Does not wait for the body."""

    isLeaf = True

    async def render_multipart(self, request: Any, reader: MultipartReader) -> bytes:
        return self.render(request)


def test_a_body_that_was_not_begun_is_not_given_up() -> None:
    payload = LivePayload()
    form = FormData()
    form.add_file("live", payload)
    sending = OneSending(form)
    sending.end()
    again = OneSending(form)
    done = again.startProducing(MemorySink(1000))
    payload.write(b"x")
    payload.finish()
    assert done.called
    done.addErrback(lambda failure: None)
    assert form.state.value == "done"


@pytest.mark.parametrize("kind", [Elsewhere, EarlyElsewhere])
@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
@pytest.mark.parametrize("chunk", [None, 999])
def test_a_form_is_sent_on(kind: Any, protocol: str, chunk: int | None) -> None:
    root = Resource()
    root.putChild(b"old", kind(308, b"https://other.test/new"))
    root.putChild(b"new", Names())
    server = InMemoryServer(root, protocol=protocol, chunk=chunk)
    agent = ReplayingRedirectAgent(server.agent)
    form = FormData()
    form.add_field("a", "1")
    form.add_file("b", b"2" * 200_000)

    async def ask() -> tuple[int, int]:
        response = await agent.request(b"POST", b"https://example.test/old", None, form)
        return response.code, response.previousResponse.code

    assert server.run(ask()) == (200, 308)
