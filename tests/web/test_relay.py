"""Relay: a sender, a relay and an upstream in memory, over each pair of protocols."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import ConnectionDone, DNSLookupError
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from tests.app.serving import curl
from txmultipart import (
    FormData,
    Limits,
    LivePayload,
    MisuseError,
    MultipartReader,
    MultipartResource,
    NotMultipart,
    RawBody,
    StreamingSite,
    StreamReset,
    UploadAborted,
    get_body,
)
from txmultipart.interfaces import IStreamingResource
from txmultipart.testing import InMemoryServer
from txmultipart.web.relay import Relay

URL = "http://relay.test/"
PROTOCOLS = ("http/1.1", "h2")
MiB = 1 << 20


@implementer(IStreamingResource)
class Upstream(Resource):
    """Does what a test says with each request."""

    isLeaf = True

    def __init__(self, handle: Callable[[Any], object]) -> None:
        super().__init__()
        self.handle = handle
        self.requests: list[Any] = []

    def render(self, request: Any) -> Any:
        self.requests.append(request)
        result = self.handle(request)
        if isinstance(result, bytes):
            return result
        if result is not None:
            coroutine: Any = result
            done: Deferred[bytes] = Deferred.fromCoroutine(coroutine)
            done.addCallback(request.write).addCallback(lambda _: request.finish())
            done.addErrback(lambda reason: reason.trap(UploadAborted, CancelledError))
        return NOT_DONE_YET


class Chain:
    """A sender, a relay and an upstream, on one clock."""

    def __init__(
        self,
        handle: Callable[[Any], object],
        sender: str = "h2",
        upstream: str = "h2",
        base: str = "http://upstream.test/",
        **options: Any,
    ) -> None:
        self.clock = Clock()
        self.upstream = Upstream(handle)
        self.behind = InMemoryServer(self.upstream, protocol=upstream, clock=self.clock)
        self.relay = Relay(self.clock, base, agent=self.behind.agent, **options)
        self.front = InMemoryServer(self.relay, protocol=sender, clock=self.clock)
        self.client = self.front.client
        self.run = self.front.run

    def send(
        self, method: str, body: Any = None, path: str = "", **options: Any
    ) -> Any:
        return self.client.request(method, URL + path, data=body, **options)

    def answer(self, *args: Any, **options: Any) -> tuple[int, bytes]:
        response = self.run(self.send(*args, **options))
        return response.code, self.run(response.content())

    def close(self) -> None:
        for server in (self.front, self.behind):
            server.close()
        self.front.pump()


@pytest.fixture(params=PROTOCOLS)
def sender(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=PROTOCOLS)
def upstream(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def size_of_body(request: Any) -> bytes:
    return b"%d" % sum([len(chunk) async for chunk in get_body(request)])


async def never(request: Any) -> bytes:
    waiting: Deferred[bytes] = Deferred()
    return await waiting


# The body as it is ----------------------------------------------------------------------


def test_a_body_goes_on_and_its_answer_comes_back(sender: str, upstream: str) -> None:
    chain = Chain(size_of_body, sender, upstream)
    content = bytes(range(256)) * 4000
    assert chain.answer("PUT", RawBody(content)) == (200, b"%d" % len(content))
    (request,) = chain.upstream.requests
    assert request.method == b"PUT"
    assert request.getHeader("Content-Length") == str(len(content))
    chain.close()


def test_an_unknown_length_stays_unknown(sender: str, upstream: str) -> None:
    chain = Chain(size_of_body, sender, upstream)
    assert chain.answer("POST", RawBody(iter([b"a", b"b"]))) == (200, b"2")
    (request,) = chain.upstream.requests
    assert request.getHeader("Content-Length") is None
    chain.close()


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD", "POST"])
def test_without_a_body(method: str, sender: str, upstream: str) -> None:
    chain = Chain(lambda request: b"hello", sender, upstream)
    said = b"" if method == "HEAD" else b"hello"
    assert chain.answer(method) == (200, said)
    (request,) = chain.upstream.requests
    assert request.method == method.encode()
    chain.close()


def test_each_piece_goes_on_at_once(sender: str, upstream: str) -> None:
    arrived: list[bytes] = []

    async def handle(request: Any) -> bytes:
        arrived.extend([chunk async for chunk in self_noting(get_body(request))])
        return b"ok"

    class self_noting:
        def __init__(self, body: Any) -> None:
            self.body = body

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> bytes:
            chunk: bytes = await self.body.__anext__()
            seen.append(chunk)
            return chunk

    seen: list[bytes] = []
    chain = Chain(handle, sender, upstream)
    live = LivePayload()
    answer = chain.send("POST", RawBody(live))
    for number in range(5):
        live.write(b"%d" % number)
        chain.front.pump()
        assert b"".join(seen) == b"01234"[: number + 1]
    live.finish()
    assert chain.run(answer).code == 200
    chain.close()


def test_a_slow_upstream_slows_the_sender(sender: str, upstream: str) -> None:
    chain = Chain(never, sender, upstream)
    given = 0

    def pieces() -> Any:
        nonlocal given
        for _ in range(200):
            given += MiB // 4
            yield bytes(MiB // 4)

    sending = chain.send("POST", RawBody(pieces()))
    chain.front.pump()
    assert given < 8 * MiB
    assert not sending.called
    sending.addErrback(lambda _: None)
    sending.cancel()
    chain.front.pump()
    chain.close()


def test_a_slow_sender_slows_the_upstream(sender: str, upstream: str) -> None:
    given = 0

    class Pieces:
        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> bytes:
            nonlocal given
            given += MiB // 4
            return bytes(MiB // 4)

    def handle(request: Any) -> None:
        body = RawBody(Pieces())
        request.registerProducer(body, True)
        body.startProducing(request).addErrback(lambda _: None)
        request.notifyFinish().addErrback(lambda _: body.stopProducing())

    chain = Chain(handle, sender, upstream)
    response = chain.run(chain.send("GET", unbuffered=True))
    chain.front.pump()
    assert 0 < given < 8 * MiB
    del response
    chain.close()


# Fields ---------------------------------------------------------------------------------


def test_fields_of_one_connection_stay_behind() -> None:
    def handle(request: Any) -> bytes:
        request.setHeader("Keep-Alive", "timeout=5")
        request.setHeader("Proxy-Authenticate", "Basic")
        request.setHeader("X-Public", "2")
        request.responseHeaders.setRawHeaders("Set-Cookie", ["a=1", "b=2"])
        return b""

    chain = Chain(handle, "http/1.1", "http/1.1")
    headers = {"Connection": "X-Mine", "X-Mine": "1", "TE": "trailers", "X-Kept": "k"}
    response = chain.run(chain.send("GET", headers=headers))
    (request,) = chain.upstream.requests
    names = {name.lower() for name, _ in request.requestHeaders.getAllRawHeaders()}
    assert not names & {b"x-mine", b"te"}
    assert request.getHeader("X-Kept") == "k"
    assert request.getHeader("Host") == "upstream.test"
    assert request.getHeader("X-Forwarded-Host") == "relay.test"
    assert request.getHeader("X-Forwarded-Proto") == "http"
    assert request.getHeader("X-Forwarded-For") == "192.0.2.1"
    assert response.headers.getRawHeaders("X-Public") == ["2"]
    assert response.headers.getRawHeaders("Proxy-Authenticate") is None
    assert response.headers.getRawHeaders("Set-Cookie") == ["a=1", "b=2"]
    chain.close()


def test_an_answer_keeps_its_status_and_length(sender: str, upstream: str) -> None:
    def handle(request: Any) -> bytes:
        request.setResponseCode(418, b"I am a teapot")
        return b"short and stout"

    chain = Chain(handle, sender, upstream)
    response = chain.run(chain.send("GET"))
    assert (response.code, response.length) == (418, 15)
    chain.close()


@pytest.mark.parametrize("code", [204, 304])
def test_an_answer_that_has_no_body(code: int, sender: str, upstream: str) -> None:
    def handle(request: Any) -> bytes:
        request.setResponseCode(code)
        return b""

    chain = Chain(handle, sender, upstream)
    assert chain.answer("GET") == (code, b"")
    chain.close()


def test_trailers_come_back() -> None:
    def handle(request: Any) -> bytes:
        request.responseTrailers.setRawHeaders("X-Sum", ["abc"])
        return b"hello"

    chain = Chain(handle)
    response = chain.run(chain.send("GET"))
    assert chain.run(response.content()) == b"hello"
    assert response.original.trailers.getRawHeaders("X-Sum") == ["abc"]
    chain.close()


TARGETS = {
    ("http://upstream.test", ""): "/",
    ("http://upstream.test", "?c=d"): "/?c=d",
    ("http://upstream.test", "?c=/d"): "/?c=/d",
    ("http://upstream.test/", ""): "/",
    ("http://upstream.test/", "a/b?c=d"): "/a/b?c=d",
    ("http://upstream.test/base", ""): "/base",
    ("http://upstream.test/base", "?c=d"): "/base?c=d",
    ("http://upstream.test/base/", "a%2Fb"): "/base/a%2Fb",
}


@pytest.mark.parametrize(("given", "asked"), TARGETS.items())
def test_what_is_asked_for_is_looked_for_below(
    given: tuple[str, str], asked: str
) -> None:
    base, path = given
    chain = Chain(lambda request: request.uri, base=base)
    assert chain.answer("GET", path=path) == (200, asked.encode())
    chain.close()


@pytest.mark.parametrize("path", ["%2e%2e/x", "a/%2E./x", "a%2F..%2Fb", "..%5Cx"])
def test_nobody_climbs_out(path: str) -> None:
    chain = Chain(size_of_body)
    code, said = chain.answer("PUT", RawBody(b"content"), path=path)
    assert (code, json.loads(said)["error"]) == (400, "bad-path")
    assert chain.upstream.requests == []
    chain.close()


def test_what_comes_round_again_is_refused() -> None:
    clock = Clock()
    relay = Relay(clock, "http://relay.test/", agent=None)
    front = InMemoryServer(relay, clock=clock)
    relay._agent = front.agent
    response = front.run(front.client.get(URL))
    assert response.code == 508
    front.close()
    front.pump()


def test_an_upstream_has_no_query() -> None:
    with pytest.raises(MisuseError):
        Relay(Clock(), "http://upstream.test/?a=b")


# When something is wrong ----------------------------------------------------------------


def test_an_upstream_that_cannot_be_reached(sender: str, upstream: str) -> None:
    chain = Chain(size_of_body, sender, upstream)
    chain.behind.refuses = True
    code, said = chain.answer("PUT", RawBody(b"content"))
    problem = json.loads(said)
    assert (code, problem["error"]) == (502, "upstream-failed")
    assert "refused" in problem["message"]
    chain.close()


FAILURES: dict[str, tuple[Exception, int, str]] = {
    "too slow to connect": (ConnectTimeout(), 504, "reached in time"),
    "a name that is none": (DNSLookupError("secret.test"), 502, "DNS lookup failed"),
    "no HTTP": (
        ResponseFailed([Failure(ValueError("secret"))]),
        502,
        "what it answered is no HTTP",
    ),
    "half an answer": (
        ResponseFailed([Failure(ConnectionDone("secret"))]),
        502,
        "it closed the connection before its answer was whole",
    ),
    "anything": (ZeroDivisionError("secret.test"), 502, "ZeroDivisionError"),
    "of HTTP/2": (StreamReset(2), 502, "INTERNAL_ERROR"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_the_reason_is_told_and_no_name_behind_us(kind: str) -> None:
    error, status, words = FAILURES[kind]

    class Failing:
        def request(self, *arguments: Any) -> Deferred[Any]:
            return fail(error)

    front = InMemoryServer(Relay(Clock(), URL, agent=Failing()))  # type: ignore[arg-type]
    response = front.run(front.client.get(URL))
    message = json.loads(front.run(response.content()))["message"]
    assert response.code == status
    assert words in message
    assert "secret" not in message
    front.close()
    front.pump()


def test_an_upstream_that_dies(sender: str, upstream: str) -> None:
    chain = Chain(never, sender, upstream)
    live = LivePayload()
    sending = chain.send("POST", RawBody(live))
    live.write(b"something")
    chain.front.pump()
    chain.behind.close()
    response = chain.run(sending)
    problem = json.loads(chain.run(response.content()))
    assert (response.code, problem["error"]) == (502, "upstream-failed")
    chain.front.advance(10)  # HTTP/1.1: the sender has some time to see the answer
    assert live.closed
    chain.close()


def test_an_upstream_that_does_not_answer(sender: str, upstream: str) -> None:
    chain = Chain(never, sender, upstream, answer_time=30.0)
    sending = chain.send("POST", RawBody(b"all of it"))
    chain.front.pump()
    chain.front.advance(29)
    assert not sending.called
    chain.front.advance(1)
    response = chain.run(sending)
    assert response.code == 504
    assert json.loads(chain.run(response.content()))["error"] == "upstream-timeout"
    chain.close()


@pytest.mark.parametrize("all_sent", [True, False])
def test_it_gives_up(all_sent: bool, sender: str, upstream: str) -> None:
    chain = Chain(never, sender, upstream)
    live = LivePayload()
    sending = chain.send("POST", RawBody(live))
    live.write(b"some")
    if all_sent:
        live.finish()
    chain.front.pump()
    chain.relay.give_up()
    chain.relay.give_up()
    response = chain.run(sending)
    problem = json.loads(chain.run(response.content()))
    assert (response.code, problem["error"]) == (503, "stopping")
    chain.front.advance(10)
    chain.close()


def test_giving_up_leaves_answers_that_have_begun(sender: str, upstream: str) -> None:
    def handle(request: Any) -> Any:
        request.write(b"hello ")
        return size_of_body(request)

    chain = Chain(handle, sender, upstream)
    live = LivePayload()
    response = chain.run(chain.send("POST", RawBody(live), unbuffered=True))
    chain.relay.give_up()
    live.write(b"some")
    live.finish()
    assert chain.run(response.content()) == b"hello 4"
    chain.close()


def test_an_upstream_that_takes_no_more(sender: str, upstream: str) -> None:
    chain = Chain(never, sender, upstream, answer_time=30.0)
    sending = chain.send("POST", RawBody([bytes(MiB)] * 20))
    chain.front.pump()
    chain.front.advance(30)
    assert chain.run(sending).code == 504
    chain.close()


def test_a_sender_has_time(sender: str, upstream: str) -> None:
    chain = Chain(size_of_body, sender, upstream, answer_time=1.0)
    live = LivePayload()
    sending = chain.send("POST", RawBody(live))
    for _ in range(10):
        live.write(bytes(1000))
        chain.front.pump()
        chain.front.advance(2)
    live.finish()
    assert chain.run(chain.run(sending).content()) == b"10000"
    chain.close()


def test_an_early_answer_goes_back_at_once(sender: str, upstream: str) -> None:
    def handle(request: Any) -> bytes:
        request.setResponseCode(413)
        return b"too large"

    chain = Chain(handle, sender, upstream)
    live = LivePayload()
    sending = chain.send("POST", RawBody(live))
    live.write(b"the beginning")
    response = chain.run(sending)
    assert response.code == 413
    assert chain.run(response.content()) == b"too large"
    chain.close()


def test_answer_and_body_may_go_both_ways_at_once(sender: str, upstream: str) -> None:
    def handle(request: Any) -> Any:
        request.write(b"hello ")
        return size_of_body(request)

    chain = Chain(handle, sender, upstream)
    live = LivePayload()
    response = chain.run(chain.send("POST", RawBody(live), unbuffered=True))
    live.write(b"some")
    chain.front.pump()
    live.write(b" more")
    live.finish()
    assert chain.run(response.content()) == b"hello 9"
    chain.close()


def test_a_sender_that_goes_away(sender: str, upstream: str) -> None:
    ended: list[Failure] = []

    def handle(request: Any) -> Any:
        request.notifyFinish().addErrback(ended.append)
        return size_of_body(request)

    chain = Chain(handle, sender, upstream)
    live = LivePayload()
    sending = chain.send("POST", RawBody(live))
    live.write(b"the beginning")
    chain.front.pump()
    assert len(chain.upstream.requests) == 1
    sending.addErrback(lambda _: None)
    sending.cancel()
    chain.front.pump()
    assert len(ended) == 1
    chain.close()


def test_a_sender_that_goes_away_from_the_answer(sender: str, upstream: str) -> None:
    ended: list[Failure] = []

    def handle(request: Any) -> None:
        request.notifyFinish().addErrback(ended.append)
        request.write(b"the beginning")

    chain = Chain(handle, sender, upstream)
    chain.run(chain.send("GET", unbuffered=True))
    for client, _ in chain.front.connections:
        client.abortConnection()
    chain.front.pump()
    assert len(ended) == 1
    chain.close()


def test_an_answer_that_breaks_off(sender: str, upstream: str) -> None:
    def handle(request: Any) -> None:
        request.notifyFinish().addErrback(lambda _: None)
        request.setHeader("Content-Length", "100")
        request.write(b"the beginning")

    chain = Chain(handle, sender, upstream)
    response = chain.run(chain.send("GET", unbuffered=True))
    chain.behind.close()
    with pytest.raises(ResponseFailed):
        chain.run(response.content())
    chain.close()


# Part by part ---------------------------------------------------------------------------


class Parts(MultipartResource):
    """Tells of what came."""

    isLeaf = True

    async def render_multipart(self, request: Any, reader: Any) -> bytes:
        parts = [
            (part.name, part.headers.get("X-By"), (await part.read()).decode())
            async for part in reader
        ]
        return json.dumps(parts).encode()


async def change(part: Any, payload: Any) -> Any:
    if part.name == "secret":
        return None
    if part.name == "loud":
        return Quiet(part)
    payload.headers.setRawHeaders("X-By", ["relay"])
    payload.set_content_disposition("form-data", name=f"new-{part.name}")
    return payload


class Quiet:
    """A filter: what comes, in small letters."""

    def __init__(self, part: Any) -> None:
        self._part = part

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> bytes:
        data: bytes = await self._part.__anext__()
        return data.lower()


def test_part_by_part(sender: str, upstream: str) -> None:
    chain = Chain(Parts().render, sender, upstream, change=change)
    chain.upstream.handle = lambda request: None
    chain.behind.site.resource = Parts()
    form = FormData()
    for name, text in {"a": "x" * 99, "secret": "s", "loud": "HEY", "b": ""}.items():
        form.add_field(name, text)
    code, said = chain.answer("POST", form)
    assert code == 200
    assert json.loads(said) == [
        ["new-a", "relay", "x" * 99],
        ["loud", None, "hey"],
        ["new-b", "relay", ""],
    ]
    chain.close()


def test_what_is_no_multipart_goes_on_as_it_is(sender: str, upstream: str) -> None:
    chain = Chain(size_of_body, sender, upstream, change=change)
    assert chain.answer("PUT", RawBody(b"content")) == (200, b"7")
    chain.close()


def test_a_broken_multipart_is_the_senders_fault(sender: str, upstream: str) -> None:
    chain = Chain(size_of_body, sender, upstream, change=change)
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    body = RawBody(b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nhalf')
    code, said = chain.answer("POST", body, headers=headers)
    assert (code, json.loads(said)["error"]) == (400, "truncated")
    chain.close()


def test_a_change_that_raises(sender: str, upstream: str, logged_errors: Any) -> None:
    def broken(part: Any, payload: Any) -> Any:
        raise ZeroDivisionError

    chain = Chain(size_of_body, sender, upstream, change=broken)
    form = FormData()
    form.add_field("a", "b")
    code, said = chain.answer("POST", form)
    assert (code, json.loads(said)["error"]) == (500, "internal")
    assert len(logged_errors.flush(ZeroDivisionError)) == 1
    chain.close()


def test_a_reader_of_ones_own() -> None:
    class Picky(Relay):
        def make_reader(self, request: Any) -> MultipartReader:
            return MultipartReader.from_request(request, limits=Limits(max_parts=1))

    chain = Chain(size_of_body)
    chain.front.site.resource = Picky(
        chain.clock, "http://upstream.test/", agent=chain.behind.agent, change=change
    )
    form = FormData()
    form.add_field("a", "1")
    form.add_field("b", "2")
    code, said = chain.answer("POST", form)
    assert (code, json.loads(said)["limit"]) == (413, "max_parts")
    chain.close()


# Bounds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large(declared: bool, sender: str, upstream: str) -> None:
    counts: list[bytes] = []

    async def handle(request: Any) -> bytes:
        counts.append(await size_of_body(request))
        return counts[-1]

    chain = Chain(handle, sender, upstream, limits=Limits(max_body_size=10))
    for size in (10, 11, MiB):
        content = bytes(size)
        body = RawBody(content if declared else iter([content[:5], content[5:]]))
        code, said = chain.answer("PUT", body)
        if size == 10:
            assert (code, said) == (200, b"10")
            continue
        problem = json.loads(said)
        assert (code, problem["error"]) == (413, "limit-exceeded")
        assert (problem["limit"], problem["bound"]) == ("max_body_size", 10)
    assert counts == [b"10"]
    assert (len(chain.upstream.requests) == 1) or not declared
    chain.close()


def test_a_multipart_that_is_too_large_part_by_part() -> None:
    limits = Limits(max_body_size=100)
    chain = Chain(size_of_body, limits=limits, change=change)
    form = FormData()
    form.add_field("a", "x" * 100)
    code, said = chain.answer("POST", form)
    assert (code, json.loads(said)["limit"]) == (413, "max_body_size")
    chain.close()


# Several upstreams ------------------------------------------------------------------------


class Choosing(Relay):
    """Sends on to the place that a field names."""

    def upstream(self, request: Any) -> str:
        name = request.getHeader("X-Place")
        if name == "unknown":
            raise NotMultipart("there is no such place", code="no-place")
        return self.url if name is None else f"http://{name}"


def choosing() -> Chain:
    chain = Chain(lambda request: request.getHeader("Host").encode() + request.uri)
    chain.front.site.resource = Choosing(
        chain.clock, "http://upstream.test/base", agent=chain.behind.agent
    )
    return chain


def test_an_upstream_for_each_request() -> None:
    chain = choosing()
    assert chain.answer("GET", path="x") == (200, b"upstream.test/base/x")
    for name in ("one.test", "two.test:81/there"):
        said = chain.answer("GET", path="x?y", headers={"X-Place": name})
        assert said == (200, f"{name}/x?y".encode())
    chain.close()


def test_a_choice_that_refuses() -> None:
    chain = choosing()
    code, said = chain.answer("PUT", RawBody(b"a"), headers={"X-Place": "unknown"})
    assert (code, json.loads(said)["error"]) == (415, "no-place")
    assert chain.upstream.requests == []
    chain.close()


@pytest.mark.parametrize("name", ["a.test?b", "a@b.test", "a.test/#x", ""])
def test_a_choice_that_is_no_upstream(name: str, logged_errors: Any) -> None:
    chain = choosing()
    code, said = chain.answer("GET", headers={"X-Place": name})
    assert (code, json.loads(said)["error"]) == (500, "internal")
    assert len(logged_errors.flush(MisuseError)) == 1
    assert chain.upstream.requests == []
    chain.close()


# Connections ------------------------------------------------------------------------------


@asynccontextmanager
async def serving(resource: Resource) -> AsyncIterator[str]:
    """The URL of one on a real port."""
    from twisted.internet import reactor

    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    port: Any = await endpoint.listen(StreamingSite(resource))
    try:
        yield f"http://127.0.0.1:{port.getHost().port}/"
    finally:
        await port.stopListening()


async def test_its_own_connections_are_closed() -> None:
    from twisted.internet import reactor

    async with serving(Upstream(size_of_body)) as upstream:
        relay = Relay(reactor, upstream)
        async with serving(relay) as url:
            assert await curl("-T", __file__, url) == (
                str(Path(__file__).stat().st_size),
                0,
            )
            await relay.close()
            await relay.close()
            assert (await curl(url))[1] == 0  # it may be asked again
            await relay.close()


def test_the_connections_of_an_agent_are_whose_it_is() -> None:
    chain = Chain(size_of_body)
    assert chain.answer("PUT", RawBody(b"content")) == (200, b"7")
    chain.run(chain.relay.close())
    assert chain.answer("PUT", RawBody(b"content")) == (200, b"7")
    assert len(chain.behind.connections) == 1
    chain.close()
