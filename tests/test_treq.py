"""treq with our bodies: types, redirects, cookies, authorization, multipart answers."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.portal import IRealm, Portal
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    ResponseFailed,
    readBody,
)
from twisted.web.error import PageRedirect
from twisted.web.guard import BasicCredentialFactory, HTTPAuthSessionWrapper
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent
from twisted.web.resource import EncodingResourceWrapper, IResource, Resource
from twisted.web.server import NOT_DONE_YET, GzipEncoderFactory
from zope.interface import implementer

from tests.guard import LoggedErrors
from tests.web.far import Far
from txmultipart import (
    FormData,
    HTTP2PolicyForHTTPS,
    MisuseError,
    MultipartReader,
    MultipartResource,
    Relay,
    StreamingSite,
)
from txmultipart.body.producer import RawBody
from txmultipart.body.writer import MultipartWriter
from txmultipart.testing import InMemoryServer
from txmultipart.treq import MultipartClient, client
from txmultipart.web import pooled
from txmultipart.web.pool import HTTP2ConnectionPool

HOST = "https://example.test/"


class Names(MultipartResource):
    """Answers with the names of the parts."""

    isLeaf = True

    async def render_multipart(self, request: Any, reader: MultipartReader) -> bytes:
        """Read every part."""
        return ",".join([str(part.name) async for part in reader]).encode()


class Back(MultipartResource):
    """Gives the parts back."""

    isLeaf = True

    async def render_multipart(
        self, request: Any, reader: MultipartReader
    ) -> MultipartWriter:
        writer = MultipartWriter("mixed")
        async for part in reader:
            writer.append(await part.read())
        return writer


class Go(Resource):
    """Sends on; ``sets`` a cookie, if told so."""

    isLeaf = True

    def __init__(self, code: int, location: str, sets: bytes | None = None) -> None:
        super().__init__()
        self._code, self._location, self._sets = code, location, sets

    def render(self, request: Any) -> bytes:
        request.setResponseCode(self._code)
        request.setHeader(b"Location", self._location.encode())
        if self._sets is not None:
            request.addCookie(*self._sets.split(b"="))
        return b"go on"


class Cookies(Resource):
    """Answers with the cookies that came."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        values = request.requestHeaders.getRawHeaders("Cookie") or [""]
        return ";".join(sorted("".join(values).replace(" ", "").split(";"))).encode()


class Hidden(Resource):
    """Never answers."""

    isLeaf = True

    def render(self, request: Any) -> int:
        request.notifyFinish().addErrback(lambda _: None)
        return NOT_DONE_YET


@implementer(IRealm)
class Realm:
    """Lets everybody who is known to one resource."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    def requestAvatar(self, avatar: Any, mind: Any, *interfaces: Any) -> Any:
        return IResource, self._resource, lambda: None


def guarded(resource: Resource) -> Any:
    portal = Portal(
        Realm(resource), [InMemoryUsernamePasswordDatabaseDontUse(me=b"secret")]
    )
    return HTTPAuthSessionWrapper(portal, [BasicCredentialFactory(b"here")])


def root() -> Resource:
    made = Resource()
    made.putChild(b"names", Names())
    made.putChild(b"back", Back())
    made.putChild(b"cookies", Cookies())
    made.putChild(b"hidden", Hidden())
    made.putChild(b"guarded", guarded(Names()))
    made.putChild(b"308", Go(308, "/names"))
    made.putChild(b"302", Go(302, "/cookies"))
    made.putChild(b"sets", Go(302, "/cookies", b"here=1"))
    made.putChild(b"away", Go(307, "https://other.test/cookies", b"here=1"))
    return made


@pytest.fixture(params=["h2", "http/1.1"])
def server(request: pytest.FixtureRequest) -> InMemoryServer:
    return InMemoryServer(root(), protocol=request.param)


def form() -> FormData:
    made = FormData()
    made.add_field("one", "1")
    made.add_file("two", b"2" * 100_000)
    return made


def get_text(server: InMemoryServer, method: str, path: str, **options: Any) -> str:
    async def ask() -> str:
        response = await server.client.request(method, HOST + path, **options)
        text: str = await response.text()
        return text

    return server.run(ask())


def test_a_form_needs_no_headers(server: InMemoryServer) -> None:
    assert get_text(server, "POST", "names", data=form()) == "one,two"


@pytest.mark.parametrize("name", ["get", "head", "post", "put", "patch", "delete"])
def test_the_shortcuts_of_treq(server: InMemoryServer, name: str) -> None:
    response = server.run(getattr(server.client, name)(HOST + "cookies"))
    assert response.code == 200


class What(Resource):
    """Answers with the type and the body that came."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        kind = request.requestHeaders.getRawHeaders(b"Content-Type", [b"-"])[0]
        return bytes(kind + b" " + request.content.read())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"data": b"bytes"}, "- bytes"),
        ({"data": {"a": "1"}}, "application/x-www-form-urlencoded a=1"),
        ({"json": [1]}, "application/json; charset=UTF-8 [1]"),
    ],
)
@pytest.mark.parametrize("path", ["what", "there"])
def test_what_treq_encodes_can_be_sent_again(
    server: InMemoryServer, options: Any, text: str, path: str
) -> None:
    server.site.resource.putChild(b"what", What())
    server.site.resource.putChild(b"there", Go(307, "/what"))
    assert get_text(server, "POST", path, **options) == text


async def test_a_file_of_treq(url: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 100_000)
    http = client(reactor, pool=HTTP2ConnectionPool(reactor, h2c=True))
    with path.open("rb") as file:
        files: Any = {"f": file}
        response = await http.post(url, files=files)
        assert await response.text() == "f"
    await http.pool.closeCachedConnections()


def test_a_redirect_is_followed_with_the_form(server: InMemoryServer) -> None:
    response = server.run(server.client.post(HOST + "308", data=form()))
    assert server.run(response.text()) == "one,two"
    assert [one.code for one in response.history()] == [308]


def test_a_redirect_is_given_if_that_is_wanted(server: InMemoryServer) -> None:
    response = server.run(
        server.client.post(HOST + "308", data=form(), allow_redirects=False)
    )
    assert response.code == 308
    assert server.run(response.text()) == "go on"


def test_a_body_that_cannot_be_sent_again(server: InMemoryServer) -> None:
    body = FormData()
    body.add_file("one", iter([b"1"]))
    with pytest.raises(ResponseFailed) as caught:
        server.run(server.client.post(HOST + "308", data=body))
    assert caught.value.reasons[0].check(PageRedirect)


def test_a_post_becomes_a_get(server: InMemoryServer) -> None:
    assert get_text(server, "POST", "302", data=form()) == ""


# Cookies --------------------------------------------------------------------------------


def test_cookies_of_the_call(server: InMemoryServer) -> None:
    assert get_text(server, "GET", "cookies", cookies={"a": "1"}) == "a=1"
    assert get_text(server, "GET", "cookies") == "a=1"
    assert get_text(server, "GET", "302", cookies={"b": "2"}) == "a=1;b=2"


def test_a_cookie_that_the_caller_writes_himself(server: InMemoryServer) -> None:
    text = get_text(server, "GET", "cookies", headers={"Cookie": "mine=1"})
    assert text == "mine=1"


def test_a_cookie_that_a_redirect_sets(server: InMemoryServer) -> None:
    async def ask() -> tuple[str, Any]:
        response = await server.client.get(HOST + "sets")
        return await response.text(), response.cookies()

    text, cookies = server.run(ask())
    assert text == "here=1"
    assert cookies["here"] == "1"


def test_cookies_stay_with_their_origin(server: InMemoryServer) -> None:
    assert get_text(server, "GET", "away", cookies={"a": "1"}) == ""
    assert get_text(server, "GET", "cookies") == "a=1;here=1"


# Authorization --------------------------------------------------------------------------


def test_the_password_is_told(server: InMemoryServer) -> None:
    auth = ("me", "secret")
    assert get_text(server, "POST", "guarded", data=form(), auth=auth) == "one,two"


def test_asked_again_with_the_password(server: InMemoryServer) -> None:
    """The 401 comes before the body is out, and the same form is sent once more."""
    body = form()

    async def ask() -> list[Any]:
        first = await server.client.post(HOST + "guarded", data=body)
        if first.code == 401:
            second = await server.client.post(
                HOST + "guarded", data=body, auth=("me", "secret")
            )
        return [first.code, second.code, await second.text()]

    if server.protocol == "h2":
        assert server.run(ask()) == [401, 200, "one,two"]


# Answers --------------------------------------------------------------------------------


def test_a_multipart_answer_is_not_buffered(server: InMemoryServer) -> None:
    async def ask() -> list[int]:
        response = await server.client.post(HOST + "back", data=form())
        reader = MultipartReader.from_response(response)
        return [len(await part.read()) async for part in reader]

    assert server.run(ask()) == [1, 100_000]


def test_it_can_be_read_once(server: InMemoryServer) -> None:
    response = server.run(server.client.post(HOST + "back", data=form()))
    assert len(server.run(response.content())) > 100_000
    with pytest.raises(RuntimeError):
        server.run(response.content())


def test_buffered_if_that_is_wanted(server: InMemoryServer) -> None:
    response = server.run(
        server.client.post(HOST + "back", data=form(), unbuffered=False)
    )
    assert server.run(response.content()) == server.run(response.content())


def test_any_other_is_buffered(server: InMemoryServer) -> None:
    response = server.run(server.client.post(HOST + "names", data=form()))
    first, second = response.text(), response.text()
    assert server.run(first) == "one,two"
    assert server.run(second) == "one,two"
    assert server.run(response.text()) == "one,two"


def test_an_answer_in_gzip(server: InMemoryServer) -> None:
    """Which a wrapper of Twisted's takes off."""
    server.site.resource.putChild(
        b"gzip", EncodingResourceWrapper(What(), [GzipEncoderFactory()])
    )
    text = get_text(server, "POST", "gzip", data=b"x" * 50_000)
    assert text == "- " + "x" * 50_000


@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
def test_asked_for_twice_while_it_comes(protocol: str) -> None:
    server = InMemoryServer(root(), protocol=protocol, chunk=100)

    async def ask() -> list[bytes]:
        response = await server.client.post(
            HOST + "back", data=form(), unbuffered=False
        )
        first, second = response.content(), response.content()
        assert not first.called
        return [await first, await second]

    first, second = server.run(ask())
    assert first == second
    assert len(first) > 100_000


def coming() -> tuple[Far, Any]:
    """A response whose body has come in part."""
    far = Far()
    responses: list[Any] = []
    http = client(far.clock, agent=far.agent)
    http.get(HOST).addCallback(responses.append)
    far.end.answer(1, 200)
    far.end.data(1, b"some")
    return far, responses[0]


@pytest.mark.parametrize("stock", [True, False])
def test_cancelled_and_asked_for_again(stock: bool) -> None:
    far, response = coming()
    first = readBody(response) if stock else response.content()
    failures: list[Any] = []
    first.addErrback(failures.append)
    response.content().addErrback(failures.append)
    first.cancel()
    far.advance(0)
    assert len(failures) == (2 if stock else 1)  # treq lets the body come
    if not stock:
        far.end.data(1, b"thing", end=True)
    after: list[Any] = []
    response.content().addBoth(after.append)
    assert after == [b"something"] or after[0].check(ResponseFailed)
    assert len(failures) == (2 if stock else 1)
    far.close()


class Bad(Protocol):
    """Raises when it is told something."""

    def __init__(self, what: str) -> None:
        setattr(self, what, self._break)
        self.reasons: list[Any] = []

    def _break(self, *_: Any) -> None:
        raise ZeroDivisionError

    def connectionLost(self, reason: Any = None) -> None:
        self.reasons.append(reason.value)


@pytest.mark.parametrize("what", ["dataReceived", "connectionLost"])
def test_one_that_breaks_does_not_disturb_the_next(
    what: str, logged_errors: LoggedErrors
) -> None:
    far, response = coming()
    texts: list[str] = []
    bad = Bad(what)
    response.text().addCallback(texts.append)
    response.original.deliverBody(bad)
    response.text().addCallback(texts.append)
    far.end.data(1, b"thing", end=True)
    assert texts == ["something"] * 2
    if what == "dataReceived":
        assert bad.reasons[0].reasons[0].check(ZeroDivisionError)
    else:
        assert len(logged_errors.flush(ZeroDivisionError)) == 1
    far.close()


def test_unbuffered_if_that_is_wanted(server: InMemoryServer) -> None:
    response = server.run(
        server.client.post(HOST + "names", data=form(), unbuffered=True)
    )
    assert server.run(response.text()) == "one,two"
    with pytest.raises(RuntimeError):
        server.run(response.text())


def test_trailers_are_there_behind_a_buffer() -> None:
    server = InMemoryServer(root())
    response = server.run(server.client.get(HOST + "cookies"))
    server.run(response.text())
    assert isinstance(response.original.trailers, Headers)


def test_a_timeout_is_on_the_given_clock(server: InMemoryServer) -> None:
    failures: list[Any] = []
    done = server.client.get(HOST + "hidden", timeout=5)
    done.addErrback(failures.append)
    server.advance(4.9)
    assert failures == []
    server.advance(0.2)
    assert failures[0].check(CancelledError) or "Cancelled" in str(failures[0].value)


# Making one -----------------------------------------------------------------------------


def test_what_is_made() -> None:
    made = client(Clock())
    assert isinstance(made, MultipartClient)
    assert isinstance(made.pool, HTTP2ConnectionPool)


def test_a_pool_of_ones_own() -> None:
    pool = HTTPConnectionPool(Clock())
    assert client(Clock(), pool=pool).pool is pool


def test_an_agent_of_ones_own() -> None:
    @implementer(IAgent)
    class Own:
        def request(self, *given: Any) -> Deferred[Any]:
            asked.append(given)
            return Deferred()

    asked: list[Any] = []
    made = client(Clock(), agent=Own())
    assert made.pool is None
    made.post(HOST, data=RawBody(b"x"))
    (method, _, headers, _), *_ = asked
    assert method == b"POST"
    assert headers.hasHeader("Content-Type")


class Made:
    """The ``Agent`` that a client is made with, in the place of Twisted's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.given: dict[str, Any] = {}
        monkeypatch.setattr(pooled, "Agent", self._make)

    def _make(self, *given: Any, **more: Any) -> Agent:
        bound = inspect.signature(Agent).bind(*given, **more)
        bound.apply_defaults()
        self.given = bound.arguments
        return Agent(*given, **more)


def test_the_policy_is_for_http2(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(monkeypatch)
    pool = client(Clock(), connectTimeout=3.0, bindAddress=("127.0.0.1", 0)).pool
    assert isinstance(made.given["contextFactory"], HTTP2PolicyForHTTPS)
    assert made.given["pool"] is pool
    assert made.given["connectTimeout"] == 3.0
    assert made.given["bindAddress"] == ("127.0.0.1", 0)
    own: Any = BrowserLikePolicyForHTTPS()
    client(Clock(), contextFactory=own)
    assert made.given["contextFactory"] is own


def test_the_policy_of_a_relay(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(monkeypatch)
    Relay(Clock(), "https://example.test")
    assert isinstance(made.given["contextFactory"], HTTP2PolicyForHTTPS)


@pytest.mark.parametrize(
    "options",
    [
        {"connectTimeout": 3.0},
        {"bindAddress": ("127.0.0.1", 0)},
        {"contextFactory": BrowserLikePolicyForHTTPS()},
        {"h2c": True},
    ],
    ids=lambda options: next(iter(options)),
)
def test_an_agent_of_ones_own_has_all_that(options: dict[str, Any]) -> None:
    pool = HTTP2ConnectionPool(Clock())
    agent = Agent(Clock(), pool=pool)
    with pytest.raises(MisuseError, match="agent="):
        client(Clock(), agent=agent, **options)
    assert client(Clock(), agent=agent, pool=pool).pool is pool


def test_a_pool_of_ones_own_knows_what_it_speaks() -> None:
    with pytest.raises(MisuseError, match="h2c= is for the pool"):
        client(Clock(), pool=HTTP2ConnectionPool(Clock()), h2c=True)


@pytest_twisted.async_yield_fixture
async def url() -> AsyncIterator[str]:
    port = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(
        StreamingSite(Names())
    )
    yield f"http://127.0.0.1:{port.getHost().port}/"
    await port.stopListening()


async def test_on_sockets(url: str) -> None:
    http = client(reactor)
    response = await http.post(url, data=form())
    assert await response.text() == "one,two"
    assert response.version == (b"HTTP", 1, 1)
    await http.pool.closeCachedConnections()


async def test_on_sockets_with_prior_knowledge(url: str) -> None:
    http = client(reactor, h2c=True)
    response = await http.post(url, data=form())
    assert await response.text() == "one,two"
    assert response.version == (b"HTTP", 2, 0)
    await http.pool.closeCachedConnections()
