"""Uploads to ``txmultipart serve`` through proxies that others wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.interop.clients import curl, nghttp, programs
from tests.interop.memory import MiB, sparse
from tests.interop.servers.ours import start_ours, told_first
from tests.interop.servers.proxies import PROXIES, start_proxy
from tests.interop.servers.server import Server, Transport, sum_of

SIZE = 64 * MiB

#: What the server takes at most in one file.
LIMIT = 80 * MiB


@pytest_twisted.async_yield_fixture(scope="module")
async def ours(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("txmultipart")
    server = await start_ours(reactor, folder, f"--max-size={LIMIT}")
    yield server
    await server.stop()


@pytest_twisted.async_yield_fixture(scope="module", params=PROXIES)
async def proxy(
    request: pytest.FixtureRequest,
    ours: Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    folder, target = tmp_path_factory.mktemp(request.param), urlsplit(ours.url_h2c).port
    assert target is not None
    proxy = await start_proxy(reactor, folder, request.param, target)
    yield proxy
    await proxy.stop()


async def test_a_form(proxy: Server, transport: Transport, tmp_path: Path) -> None:
    sent = sparse(tmp_path / "big.bin", SIZE)
    form = ["-F", "by=curl", "-F", f"file=@{sent}"]
    answer = await curl.ask(proxy, transport, "", tmp_path, *form)
    assert answer.status == 201, answer
    field, file = json.loads(answer.body)["parts"]
    assert field["name"] == "by"
    assert (file["sha256"], file["size"]) == sum_of(bytes(SIZE))


async def test_a_refusal_in_the_middle(
    proxy: Server, transport: Transport, tmp_path: Path
) -> None:
    sent = sparse(tmp_path / "big.bin", 4 * LIMIT)
    url = proxy.url(transport, "big.bin")
    answer = await nghttp.put(url, sent, "--no-content-length")
    assert answer.statuses == [413]
    assert answer.length > 0


@pytest_twisted.async_fixture(scope="module")
async def go(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return await programs.command("go", tmp_path_factory.mktemp("client"))


async def test_fifty_at_once(
    proxy: Server, go: list[str], transport: Transport
) -> None:
    sent, answers = await programs.ask(go, "fifty", proxy, transport, MiB)
    texts = [answer["text"].encode() for answer in answers]
    assert [await told_first("", text) for text in texts] == [sent] * 50
