"""Fixtures that a module makes for itself: each of some servers, and a client of it.

::

    server = each_server(START, "go", "node")
    client = each_client()
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.interop.pool_client import Client
from tests.interop.servers import Start
from tests.interop.servers.server import TRANSPORTS, Server


def each_server(starts: Mapping[str, Start], *names: str) -> Any:
    """Those of ``starts`` with these names, or all; each serves the tests of a module."""

    @pytest_twisted.async_yield_fixture(scope="module", params=names or tuple(starts))
    async def server(
        request: pytest.FixtureRequest,
        tmp_path_factory: pytest.TempPathFactory,
        documents: Path,
    ) -> AsyncIterator[Server]:
        folder = tmp_path_factory.mktemp(request.param)
        server = await starts[request.param](reactor, folder, documents)
        yield server
        await server.stop()

    return server


def each_client() -> Any:
    """A client of ``server`` over TLS, and one in the clear; a new one for each test."""

    @pytest_twisted.async_yield_fixture(params=TRANSPORTS)
    async def client(
        server: Server, request: pytest.FixtureRequest
    ) -> AsyncIterator[Client]:
        client = Client(reactor, server, request.param)
        yield client
        await client.close()

    return client
