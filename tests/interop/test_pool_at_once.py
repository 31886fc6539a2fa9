"""Many uploads on one connection: one that is never read, few at a time, tiny windows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, gatherResults

from tests.interop.each import each_client, each_server
from tests.interop.pool_client import Client
from tests.interop.servers import START
from tests.interop.servers.documents import MiB
from tests.interop.servers.node import start_node
from tests.interop.servers.server import TRANSPORTS, Server, Transport, sum_of, told
from txmultipart import RawBody

CONTENT = bytes(range(256)) * 2000

#: Bytes for who does not read. Go gives one stream as much as the whole connection, a
#: mebibyte, and takes nothing more from any when it is full.
UNREAD = {"go": MiB // 2, "node": 64 * MiB}

server = each_server(START, *UNREAD)
client = each_client()


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
    assert client.connections == 1
    stuck.cancel()
    with pytest.raises(CancelledError):
        await stuck
    assert (await client.ask("small"))[0] == 200


# What a server allows ---------------------------------------------------------------------


@asynccontextmanager
async def node_with(
    folder: Path, documents: Path, transport: Transport, **settings: int
) -> AsyncIterator[Client]:
    """A client of a node that has such settings from the start."""
    server = await start_node(reactor, folder, documents, **settings)
    client = Client(reactor, server, transport)
    yield client
    await client.close()
    await server.stop()


async def put(client: Client, path: str, content: bytes) -> None:
    """It arrives."""
    status, answer = await client.ask(path, RawBody(content))
    assert status == 200
    assert await told("", answer) == sum_of(content)


each_transport = pytest.mark.parametrize("transport", TRANSPORTS)


@each_transport
async def test_two_at_a_time(
    tmp_path: Path, documents: Path, transport: Transport
) -> None:
    settings = {"maxConcurrentStreams": 2}
    async with node_with(tmp_path, documents, transport, **settings) as client:
        paths = [f"upload/{n}" for n in range(30)]
        asked = [Deferred.fromCoroutine(put(client, path, CONTENT)) for path in paths]
        await gatherResults(asked)
        assert client.connections == 1


@each_transport
async def test_a_window_of_one_byte(
    tmp_path: Path, documents: Path, transport: Transport
) -> None:
    settings = {"initialWindowSize": 1}
    async with node_with(tmp_path, documents, transport, **settings) as client:
        await put(client, "upload/x", CONTENT[:1000])


@each_transport
async def test_a_window_that_only_settings_open(
    tmp_path: Path, documents: Path, transport: Transport
) -> None:
    settings = {"initialWindowSize": 0}
    async with node_with(tmp_path, documents, transport, **settings) as client:
        held = Deferred.fromCoroutine(put(client, "upload/x", CONTENT))
        assert (await client.ask("small"))[0] == 200
        assert not held.called
        await client.ask("settings?initialWindowSize=1000000")
        await held
