"""Many uploads on one connection, one of which the server never reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults

from tests.interop.pool_client import Client
from tests.interop.servers import START
from tests.interop.servers.documents import MiB
from tests.interop.servers.server import TRANSPORTS, Server, sum_of
from txmultipart import RawBody

CONTENT = bytes(range(256)) * 2000

#: Bytes for who does not read. Go gives one stream as much as the whole connection, a
#: mebibyte, and takes nothing more from any when it is full.
UNREAD = {"go": MiB // 2, "node": 64 * MiB}


@pytest_twisted.async_yield_fixture(scope="module", params=UNREAD)
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


async def test_ninety_nine_uploads_beside_one_that_is_not_read(
    server: Server, client: Client
) -> None:
    unread = RawBody(bytes(UNREAD[server.name]))
    stuck = Deferred.fromCoroutine(client.ask("slow", unread))
    asked = [
        Deferred.fromCoroutine(client.ask(f"upload/{n}", RawBody(CONTENT)))
        for n in range(99)
    ]
    for n, (status, answer) in enumerate(await gatherResults(asked)):
        assert status == 200
        assert await server.arrived(f"upload/{n}", answer) == sum_of(CONTENT)
    assert not stuck.called
    stuck.cancel()
    with pytest.raises(CancelledError):
        await stuck
    assert (await client.ask("small"))[0] == 200
