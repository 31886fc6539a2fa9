"""Clients on HTTP/2 that others wrote, against ``txmultipart serve`` as a child."""

from __future__ import annotations

import json
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.interop.clients import programs
from tests.interop.memory import MiB
from tests.interop.servers.ours import start_ours
from tests.interop.servers.server import Server, Transport

SIZE = 64 * MiB

#: What the server takes at most in one file.
LIMIT = 80 * MiB


@pytest_twisted.async_yield_fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("txmultipart")
    server = await start_ours(reactor, folder, f"--max-size={LIMIT}")
    yield server
    await server.stop()


@pytest_twisted.async_fixture(scope="module", params=["go", "node"])
async def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    return await programs.command(request.param, tmp_path_factory.mktemp("client"))


async def test_a_form(server: Server, client: list[str], transport: Transport) -> None:
    sent, (answer,) = await programs.ask(client, "form", server, transport, SIZE)
    field, file = json.loads(answer["text"])["parts"]
    assert (field["name"], field["stored"]) == ("by", None)
    assert (file["sha256"], file["size"]) == sent
    assert answer["status"] == 201


@pytest.mark.parametrize("what", ["put", "trailers"])
async def test_a_put(
    what: str, server: Server, client: list[str], transport: Transport
) -> None:
    sent, (answer,) = await programs.ask(client, what, server, transport, 8 * MiB)
    assert await server.arrived("", answer["text"].encode()) == sent


async def test_fifty_at_once(
    server: Server, client: list[str], transport: Transport
) -> None:
    sent, answers = await programs.ask(client, "fifty", server, transport, MiB)
    texts = [answer["text"].encode() for answer in answers]
    assert [await server.arrived("", text) for text in texts] == [sent] * 50


async def test_a_refusal_in_the_middle(
    server: Server, client: list[str], transport: Transport
) -> None:
    size = 4 * LIMIT
    _, (answer,) = await programs.ask(client, "put", server, transport, size)
    assert answer["status"] == 413
    assert json.loads(answer["text"])["error"] == "limit-exceeded"


only_go = pytest.mark.parametrize("client", ["go"], indirect=True, scope="module")


@only_go
async def test_leave_is_given(server: Server, client: list[str]) -> None:
    sent, (answer,) = await programs.ask(client, "expect", server, "tls", MiB)
    assert answer["continued"]
    assert await server.arrived("", answer["text"].encode()) == sent


@only_go
async def test_leave_is_refused(server: Server, client: list[str]) -> None:
    _, (answer,) = await programs.ask(client, "expect", server, "tls", 2 * LIMIT)
    assert answer["status"] == 413
    assert (answer["continued"], answer["taken"]) == (False, 0)
