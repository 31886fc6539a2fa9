"""Our client and the servers that others wrote, over TLS and in the clear."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred, gatherResults

from tests.interop.each import each_client, each_server
from tests.interop.pool_client import Client
from tests.interop.servers import START
from tests.interop.servers.documents import LARGE, SMALL, MiB, sum_of_large
from tests.interop.servers.server import Server, sum_of
from txmultipart import RawBody

CONTENT = bytes(range(256)) * 8000

server = each_server(START)
client = each_client()


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
