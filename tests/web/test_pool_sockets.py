"""The pool on real sockets, in the clear and over TLS, with stock agents and treq."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_twisted
import treq
import trustme
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    PrivateCertificate,
    trustRootFromCertificates,
)
from twisted.internet.task import deferLater
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    RequestGenerationFailed,
    ResponseFailed,
    ResponseNeverReceived,
    readBody,
)
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from txmultipart import (
    BodyReader,
    FormData,
    LivePayload,
    MultipartReader,
    MultipartResource,
    StreamingSite,
)
from txmultipart.body.delivery import get_body
from txmultipart.body.producer import RawBody
from txmultipart.body.writer import MultipartWriter
from txmultipart.web.answer import answer_with
from txmultipart.web.marker import streaming
from txmultipart.web.policy import HTTP2PolicyForHTTPS
from txmultipart.web.pool import HTTP2ConnectionPool

MiB = 1 << 20


class Digest(Resource):
    """Answers with the digest of the raw body."""

    isLeaf = True

    def render(self, request: Any) -> Any:
        return answer_with(request, self._digest(request))

    async def _digest(self, request: Any) -> bytes:
        digest = hashlib.sha256()
        async for chunk in get_body(request):
            digest.update(chunk)
        return digest.hexdigest().encode()


class Never(Resource):
    """Takes no byte of a body, and gives no answer."""

    isLeaf = True

    def render(self, request: Any) -> Any:
        request.notifyFinish().addErrback(lambda _: None)
        return NOT_DONE_YET


class Refuse(Resource):
    """Answers with 413 before a byte of the body was read."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        request.setResponseCode(413)
        return b"too large"


class Echo(MultipartResource):
    """Gives the parts back, as a multipart."""

    isLeaf = True

    async def render_multipart(
        self, request: Any, reader: MultipartReader
    ) -> MultipartWriter:
        writer = MultipartWriter("mixed")
        async for part in reader:
            writer.append(await part.read(), {"X-Name": str(part.name)})
        return writer


class Big(Resource):
    """A large answer, at the pace of who takes it."""

    isLeaf = True

    def render(self, request: Any) -> Any:
        return answer_with(request, RawBody(b"x" * (4 * MiB)))


def root() -> Resource:
    made = Resource()
    made.putChild(b"digest", streaming(Digest()))
    made.putChild(b"never", streaming(Never()))
    made.putChild(b"refuse", streaming(Refuse()))
    made.putChild(b"echo", Echo())
    made.putChild(b"big", Big())
    return made


class Certificates(NamedTuple):
    """What a server shows, and whom a client trusts."""

    server: PrivateCertificate
    trust: Any


def certificates() -> Certificates:
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    pem = issued.private_key_pem.bytes() + issued.cert_chain_pems[0].bytes()
    trusted = Certificate.loadPEM(authority.cert_pem.bytes())
    return Certificates(
        PrivateCertificate.loadPEM(pem), trustRootFromCertificates([trusted])
    )


@pytest.fixture(scope="module")
def certified() -> Certificates:
    return certificates()


class Place(NamedTuple):
    """A server, and how to get there."""

    url: str
    pool: HTTP2ConnectionPool
    agent: Agent
    site: Any


async def open_place(
    scheme: str, certified: Certificates, site: Any, policy: Any, options: Any
) -> tuple[Place, Any]:
    if scheme == "https":
        port = reactor.listenSSL(  # type: ignore[attr-defined]
            0, site, options or certified.server.options(), interface="127.0.0.1"
        )
    else:
        port = reactor.listenTCP(0, site, interface="127.0.0.1")
    pool = HTTP2ConnectionPool(reactor, h2c=True)
    policy = policy or HTTP2PolicyForHTTPS(certified.trust)
    agent = Agent(reactor, contextFactory=policy, pool=pool)
    url = f"{scheme}://localhost:{port.getHost().port}/"
    return Place(url, pool, agent, site), port


async def close_place(place: Place, port: Any) -> None:
    await place.pool.closeCachedConnections()
    await port.stopListening()
    assert all(not origin.lines for origin in place.pool._origins.values())


@pytest_twisted.async_yield_fixture(params=["http", "https"])
async def place(request: Any, certified: Certificates) -> AsyncIterator[Place]:
    site = StreamingSite(root())
    made, port = await open_place(request.param, certified, site, None, None)
    yield made
    await close_place(made, port)


def lines(place: Place) -> list[Any]:
    return [line for origin in place.pool._origins.values() for line in origin.lines]


async def ask(
    place: Place,
    path: str,
    body: Any = None,
    method: bytes = b"PUT",
    headers: dict[str, list[str]] | None = None,
) -> Any:
    url = (place.url + path).encode()
    return await place.agent.request(method, url, Headers(headers or {}), body)


async def test_a_stock_agent(place: Place) -> None:
    content = bytes(range(256)) * 40_000
    response = await ask(place, "digest", RawBody(content))
    assert response.version == (b"HTTP", 2, 0)
    digest: bytes = await readBody(response)
    assert digest.decode() == hashlib.sha256(content).hexdigest()


async def test_treq_with_the_pool_alone(place: Place) -> None:
    form = FormData()
    form.add_field("a", "1")
    form.add_file("b", b"2" * 300_000)
    response = await treq.post(
        place.url + "echo",
        data=form,
        headers=form.headers,
        agent=place.agent,
        unbuffered=True,
    )
    assert response.version == (b"HTTP", 2, 0)
    reader = MultipartReader.from_response(response)
    parts = [
        (part.headers.get("X-Name"), len(await part.read())) async for part in reader
    ]
    assert parts == [("a", 1), ("b", 300_000)]


async def test_treq_files(place: Place, tmp_path: Path) -> None:
    """treq's own producer, which minds being paused after its end."""
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * MiB)
    with path.open("rb") as file:
        files: Any = {"f": file}
        response = await treq.post(place.url + "digest", files=files, agent=place.agent)
        assert len(await response.text()) == 64


async def test_a_hundred_uploads_and_one_that_is_not_read(place: Place) -> None:
    content = b"x" * (300 * 1024)
    stuck = Agent.request(
        place.agent, b"PUT", (place.url + "never").encode(), None, RawBody(content)
    )
    outcome: list[Any] = []
    stuck.addBoth(outcome.append)
    digests = await gatherResults(
        [Deferred.fromCoroutine(self_digest(place, content)) for _ in range(99)]
    )
    assert set(digests) == {hashlib.sha256(content).hexdigest()}
    assert outcome == []
    (line,) = lines(place)
    assert line.used == 100
    stuck.cancel()
    assert outcome[0].check(CancelledError)


async def self_digest(place: Place, content: bytes) -> str:
    response = await ask(place, "digest", RawBody(content))
    body: bytes = await readBody(response)
    return body.decode()


def pieces(count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"x" * 65536


async def test_an_answer_to_a_body_that_stalls_ends_a_connection_on_tls(
    certified: Certificates,
) -> None:
    """With HTTP/1.1: TLS waits for a producer, and the server for the body."""
    site: Any = StreamingSite(root())
    site.acceptableProtocols = lambda: [b"http/1.1"]
    place, port = await open_place("https", certified, site, None, None)
    live = LivePayload()
    live.write(b"the beginning")
    response = await ask(place, "refuse", RawBody(live))
    assert (response.code, response.version[1]) == (413, 1)
    await BodyReader.from_response(response).read()
    assert live.closed
    while len(site.connections):
        await deferLater(reactor, 0)  # the test's time limit is the bound
    await close_place(place, port)


async def test_an_early_answer(place: Place) -> None:
    body = RawBody(pieces(1000))
    response = await ask(place, "refuse", body)
    assert response.code == 413
    assert await readBody(response) == b"too large"
    assert body.sent < 1000 * 65536
    again = await ask(place, "digest", RawBody(b"x"))
    assert len(await readBody(again)) == 64
    assert len(lines(place)) == 1


async def test_leave_to_send(place: Place) -> None:
    expect = {"Expect": ["100-continue"]}
    body = RawBody(b"x" * (8 * MiB))
    response = await ask(place, "refuse", body, headers=expect)
    assert response.code == 413
    assert await readBody(response) == b"too large"
    assert body.sent == 0
    response = await ask(place, "digest", RawBody(b"x"), headers=expect)
    assert len(await readBody(response)) == 64


async def test_a_response_that_nobody_reads_holds_up_nothing(place: Place) -> None:
    unread = [await ask(place, "big", method=b"GET") for _ in range(5)]
    response = await ask(place, "digest", RawBody(b"x"))
    assert len(await readBody(response)) == 64
    (line,) = lines(place)
    assert len(line.client.streams) == 5
    del unread
    while line.client.streams:
        await deferLater(reactor, 0.01)


async def test_a_response_is_given_up(place: Place) -> None:
    response = await ask(place, "big", method=b"GET")
    done = readBody(response)
    done.cancel()
    with pytest.raises(CancelledError):
        await done
    (line,) = lines(place)
    assert not line.client.streams
    assert len(await readBody(await ask(place, "digest", RawBody(b"x")))) == 64


def _broken(data: bytes) -> None:
    raise ZeroDivisionError


async def test_a_collector_that_fails(place: Place) -> None:
    response = await ask(place, "big", method=b"GET")
    with pytest.raises(ZeroDivisionError):
        await treq.collect(response, _broken)
    await deferLater(reactor, 0)
    assert len(lines(place)) == 1


async def test_a_timeout_of_treq(place: Place) -> None:
    body = RawBody(b"x" * (8 * MiB))
    with pytest.raises(CancelledError):
        await treq.put(place.url + "never", data=body, agent=place.agent, timeout=0.1)
    (line,) = lines(place)
    assert not line.client.streams


async def test_a_body_that_lies(place: Place) -> None:
    class Liar(RawBody):
        length = 7

    with pytest.raises(RequestGenerationFailed):
        await ask(place, "digest", Liar(b"x"))
    assert len(await readBody(await ask(place, "digest", RawBody(b"x")))) == 64


async def test_the_server_goes_away(place: Place) -> None:
    response = await ask(place, "big", method=b"GET")
    (line,) = lines(place)
    line.client.transport.abortConnection()
    with pytest.raises(ResponseFailed) as caught:
        await readBody(response)
    assert caught.value.response is response


async def test_nobody_is_there(certified: Certificates) -> None:
    pool = HTTP2ConnectionPool(reactor, h2c=True)
    agent = Agent(reactor, pool=pool)
    with pytest.raises(ConnectionRefusedError):
        await agent.request(b"GET", b"http://127.0.0.1:1/")
    with pytest.raises(ConnectionRefusedError):
        await agent.request(b"GET", b"https://127.0.0.1:1/")


# TLS ------------------------------------------------------------------------------------


class OnlyHTTP1(Site):
    """A site that has not heard of HTTP/2."""

    def acceptableProtocols(self) -> list[bytes]:
        return [b"http/1.1"]


async def test_a_server_of_http1(certified: Certificates) -> None:
    site = OnlyHTTP1(root())
    place, port = await open_place("https", certified, site, None, None)
    for _ in range(2):
        response = await ask(place, "digest", RawBody(b"x"))
        assert response.version == (b"HTTP", 1, 1)
        assert len(await treq.content(response)) == 64
    responses = await gatherResults(
        [Deferred.fromCoroutine(ask(place, "digest", RawBody(b"x"))) for _ in range(9)]
    )
    assert [len(await treq.content(response)) for response in responses] == [64] * 9
    await close_place(place, port)


async def test_a_policy_without_alpn_is_http1(certified: Certificates) -> None:
    """One whose contexts are made beforehand: documented in HTTP2PolicyForHTTPS."""
    from OpenSSL.SSL import Connection
    from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
    from twisted.internet.ssl import CertificateOptions as Options
    from twisted.web.iweb import IPolicyForHTTPS
    from zope.interface import implementer

    context = Options(trustRoot=certified.trust).getContext()

    @implementer(IPolicyForHTTPS, IOpenSSLClientConnectionCreator)
    class Own:
        def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
            return self

        def clientConnectionForTLS(self, tlsProtocol: Any) -> Any:
            return Connection(context, None)

    place, port = await open_place(
        "https", certified, StreamingSite(root()), Own(), None
    )
    response = await ask(place, "digest", RawBody(b"x"))
    assert response.version == (b"HTTP", 1, 1)
    assert len(await treq.content(response)) == 64
    await close_place(place, port)


async def test_nobody_is_trusted(certified: Certificates) -> None:
    """It fails as on HTTP/1.1."""
    place, port = await open_place(
        "https", certified, StreamingSite(root()), BrowserLikePolicyForHTTPS(), None
    )
    stock = Agent(reactor, BrowserLikePolicyForHTTPS())
    url = place.url.encode()
    with pytest.raises(ResponseNeverReceived) as theirs:
        await stock.request(b"GET", url)
    with pytest.raises(ResponseNeverReceived) as ours:
        await place.agent.request(b"GET", url)
    assert type(ours.value.reasons[0].value) is type(theirs.value.reasons[0].value)
    await close_place(place, port)


def bad_ciphers(certified: Certificates) -> CertificateOptions:
    """TLS 1.2 without authenticated encryption: HTTP/2 must not be used with that."""
    from twisted.internet.ssl import AcceptableCiphers, TLSVersion

    return CertificateOptions(
        privateKey=certified.server.privateKey.original,
        certificate=certified.server.original,
        acceptableCiphers=AcceptableCiphers.fromOpenSSLCipherString(
            "ECDHE-ECDSA-AES128-SHA256"
        ),
        lowerMaximumSecurityTo=TLSVersion.TLSv1_2,
    )


async def test_bad_ciphers_mean_http1(certified: Certificates) -> None:
    place, port = await open_place(
        "https",
        certified,
        StreamingSite(root()),
        BrowserLikePolicyForHTTPS(certified.trust),
        bad_ciphers(certified),
    )
    responses = await gatherResults(
        [Deferred.fromCoroutine(ask(place, "digest", RawBody(b"x"))) for _ in range(3)]
    )
    for response in responses:
        assert response.version == (b"HTTP", 1, 1)
        assert len(await treq.content(response)) == 64
    await close_place(place, port)


async def test_our_policy_has_no_such_ciphers(certified: Certificates) -> None:
    place, port = await open_place(
        "https", certified, StreamingSite(root()), None, bad_ciphers(certified)
    )
    with pytest.raises(ResponseNeverReceived):
        await ask(place, "digest", RawBody(b"x"))
    await close_place(place, port)


async def test_the_server_is_named(certified: Certificates) -> None:
    """Server name indication (RFC 6066 section 3)."""
    names: list[Any] = []
    options = certified.server.options()
    context = options.getContext()
    context.set_tlsext_servername_callback(
        lambda connection: names.append(connection.get_servername())
    )
    place, port = await open_place(
        "https", certified, StreamingSite(root()), None, options
    )
    await readBody(await ask(place, "digest", RawBody(b"x")))
    assert names == [b"localhost"]
    await close_place(place, port)
