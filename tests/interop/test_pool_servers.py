"""Our client and the servers that others wrote, over TLS and in the clear."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from tests.interop.pool_client import Client
from tests.interop.servers import START
from tests.interop.servers.documents import LARGE, SMALL, MiB, sum_of_large
from tests.interop.servers.server import TRANSPORTS, Server, sum_of
from txmultipart import RawBody

CONTENT = bytes(range(256)) * 8000


@pytest_twisted.async_yield_fixture(scope="module", params=START)
async def server(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    documents: Path,
) -> AsyncIterator[Server]:
    folder = tmp_path_factory.mktemp(request.param)
    server = await START[request.param](reactor, folder, documents)
    yield server
    await server.stop()


@pytest_twisted.async_yield_fixture(params=TRANSPORTS)
async def client(
    server: Server, request: pytest.FixtureRequest
) -> AsyncIterator[Client]:
    client = Client(reactor, server, request.param)
    yield client
    await client.close()


def pieces(content: bytes) -> Iterator[bytes]:
    """``content``, of a length that nobody knows."""
    for start in range(0, len(content), 50_000):
        yield content[start : start + 50_000]


@pytest.mark.parametrize("length", ["known", "unknown"])
async def test_an_upload(server: Server, client: Client, length: str) -> None:
    body = RawBody(CONTENT if length == "known" else pieces(CONTENT))
    path = f"upload/{length}"
    status, answer = await client.ask(path, body)
    assert status in (200, 201, 204)
    assert await server.arrived(path, answer) == sum_of(CONTENT)


async def test_many_uploads_at_once(server: Server, client: Client) -> None:
    asked = [
        Deferred.fromCoroutine(client.ask(f"upload/many{n}", RawBody(CONTENT)))
        for n in range(20)
    ]
    for n, (status, answer) in enumerate(await gatherResults(asked)):
        assert status in (200, 201, 204)
        assert await server.arrived(f"upload/many{n}", answer) == sum_of(CONTENT)


async def test_documents(server: Server, client: Client) -> None:
    assert await client.ask("small") == (200, SMALL)
    _, large = await client.ask("large")
    assert len(large) == LARGE * MiB
    assert sum_of(large) == sum_of_large()
