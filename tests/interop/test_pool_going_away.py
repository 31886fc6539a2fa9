"""Servers that refuse streams, or leave with requests under way: none is lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredSemaphore, gatherResults

from tests.interop.pool_client import Client
from tests.interop.servers.documents import SMALL
from tests.interop.servers.nginx import start_nginx
from tests.interop.servers.node import start_node
from tests.interop.servers.server import TRANSPORTS, Server, sum_of
from txmultipart import RawBody
from txmultipart.http2 import ConnectionTerminated, StreamReset
from txmultipart.web.exchange import RequestNotProcessed

CONTENT = bytes(range(256)) * 1000


@pytest_twisted.async_yield_fixture(scope="module")
async def nginx(
    tmp_path_factory: pytest.TempPathFactory, documents: Path
) -> AsyncIterator[Server]:
    server = await start_nginx(reactor, tmp_path_factory.mktemp("nginx"), documents)
    yield server
    await server.stop()


@pytest_twisted.async_yield_fixture(scope="module")
async def node(
    tmp_path_factory: pytest.TempPathFactory, documents: Path
) -> AsyncIterator[Server]:
    server = await start_node(reactor, tmp_path_factory.mktemp("node"), documents)
    yield server
    await server.stop()


@pytest_twisted.async_yield_fixture(params=TRANSPORTS)
async def to_nginx(
    nginx: Server, request: pytest.FixtureRequest
) -> AsyncIterator[Client]:
    client = Client(reactor, nginx, request.param)
    yield client
    await client.close()


@pytest_twisted.async_yield_fixture(params=TRANSPORTS)
async def to_node(
    node: Server, request: pytest.FixtureRequest
) -> AsyncIterator[Client]:
    client = Client(reactor, node, request.param)
    yield client
    await client.close()


async def ask_often(client: Client, path: str, body: bytes | None) -> set[Any]:
    """All answers to 4000 requests, 20 of which are under way at any time."""
    twenty = DeferredSemaphore(20)

    async def ask(number: int) -> Any:
        sent = RawBody(body) if body is not None else None
        return await client.ask(path.format(number % 20), sent)

    def begin(number: int) -> Deferred[Any]:
        return Deferred.fromCoroutine(ask(number))

    return set(await gatherResults([twenty.run(begin, n) for n in range(4000)]))


async def test_four_thousand_requests(to_nginx: Client) -> None:
    """nginx ends every connection after a thousand, with the next ones under way."""
    assert await ask_often(to_nginx, "small", None) == {(200, SMALL)}
    assert to_nginx.connections >= 4


async def test_four_thousand_uploads(nginx: Server, to_nginx: Client) -> None:
    answers = await ask_often(to_nginx, "upload/{}", CONTENT[:20_000])
    assert answers <= {(201, b""), (204, b"")}
    assert to_nginx.connections >= 4
    assert await nginx.arrived("upload/7", b"") == sum_of(CONTENT[:20_000])


async def put(client: Client, path: str) -> tuple[str, int]:
    """Upload what can be sent again; the sum that came."""
    status, answer = await client.ask(path, RawBody(CONTENT))
    assert status == 200
    sha256, size = answer.decode().split()
    return sha256, int(size)


async def put_all(client: Client, paths: list[str]) -> None:
    """Upload to all of them at once; none is lost."""
    asked = [Deferred.fromCoroutine(put(client, path)) for path in paths]
    assert set(await gatherResults(asked)) == {sum_of(CONTENT)}


async def test_every_stream_is_refused_once(to_node: Client) -> None:
    await put_all(to_node, [f"refuse/{to_node.url('')}{n}" for n in range(50)])
    assert to_node.connections == 1


async def test_requests_without_a_body_are_refused_once(to_node: Client) -> None:
    paths = [f"refuse/without/{to_node.url('')}{n}" for n in range(50)]
    asked = [Deferred.fromCoroutine(to_node.ask(path)) for path in paths]
    assert {status for status, _ in await gatherResults(asked)} == {200}


async def test_a_goaway_with_uploads_under_way(to_node: Client) -> None:
    await to_node.ask("small")  # stream 1
    paths = [f"upload/{n}" for n in range(50)]
    await put_all(to_node, [*paths, f"goaway-once/{to_node.url('')}?last=1"])
    assert to_node.connections == 2


async def test_a_goaway_after_each_request(to_node: Client) -> None:
    for n in range(10):
        await put_all(to_node, [f"goaway/{n}"])
    assert to_node.connections >= 9


def once() -> Iterator[bytes]:
    """A body that cannot be sent again."""
    yield CONTENT


@pytest.mark.parametrize("how", ["refuse/", "goaway-once/"])
async def test_a_body_that_is_gone(to_node: Client, how: str) -> None:
    """Who asked is told that nothing was done, and may ask again."""
    await to_node.ask("small")  # stream 1
    path = f"{how}gone/{to_node.url('')}?last=1"
    with pytest.raises(RequestNotProcessed, match="body had begun") as caught:
        await to_node.ask(path, RawBody(once()))
    (reason,) = caught.value.reasons
    assert reason.check(StreamReset, ConnectionTerminated)
    assert (await to_node.ask(path, RawBody(once())))[0] == 200
