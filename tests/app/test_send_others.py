"""``txmultipart send`` as people run it, to a server that others wrote."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.app.serving import command, run
from tests.interop.servers.nginx import start_nginx
from tests.interop.servers.server import LIMIT, Server


@pytest_twisted.async_yield_fixture(scope="module")
async def nginx(tmp_path_factory: pytest.TempPathFactory) -> Any:
    documents = tmp_path_factory.mktemp("documents")
    for name in ("small", "large"):
        (documents / name).write_bytes(b"document")
    server = await start_nginx(reactor, tmp_path_factory.mktemp("nginx"), documents)
    yield server
    await server.stop()


async def send(*words: str | Path) -> tuple[str, str, int]:
    return await run(*command("send", *map(str, words)))


@pytest.mark.parametrize("way", [[], ["--http1.1"]])
async def test_a_file_to_nginx(way: list[str], nginx: Server, tmp_path: Path) -> None:
    path = tmp_path / "sent.bin"
    path.write_bytes(os.urandom(3 << 20))
    trust = ["--cacert", str(nginx.keys.trust), *way]
    url = nginx.url("tls", "upload/")
    out, err, code = await send(url, "-T", path, *trust)
    assert (out, err, code) == ("", "", 0)
    assert nginx.stored is not None
    (stored,) = nginx.stored.rglob("sent.bin")
    assert stored.read_bytes() == path.read_bytes()
    stored.unlink()


@pytest.mark.parametrize("way", [[], ["--http1.1"]])
async def test_refusals_of_nginx(way: list[str], nginx: Server, tmp_path: Path) -> None:
    path = tmp_path / "big.bin"
    path.write_bytes(bytes(LIMIT + 1))
    trust = ["--cacert", str(nginx.keys.trust), *way]
    out, err, code = await send(nginx.url("tls", "limited/x"), "-T", path, *trust)
    assert (out, code) == ("", 22)
    status, *body = err.splitlines()
    assert status == "txmultipart: the server answered 413 Request Entity Too Large"
    assert "<html>" in body
    _, err, code = await send(nginx.url("tls", "small"), "-F", "a=b", *trust)
    assert code == 22
    assert "answered 405" in err


async def test_in_the_clear(nginx: Server, tmp_path: Path) -> None:
    """nginx 1.22 speaks nothing but HTTP/2 there."""
    path = tmp_path / "h2c.bin"
    path.write_bytes(bytes(1000))
    url = nginx.url("h2c", "upload/")
    assert await send(url, "-T", path, "--h2c") == ("", "", 0)
    out, err, code = await send(url, "-T", path)
    assert (out, code) == ("", 1)
    assert err.startswith("txmultipart: ")
    assert err.count("\n") == 1
    assert nginx.stored is not None
    next(nginx.stored.rglob("h2c.bin")).unlink()


async def test_nobody_vouches_for_nginx(nginx: Server) -> None:
    out, err, code = await send(nginx.url("tls", "upload/x"), "-T", __file__)
    assert (out, code) == ("", 1)
    assert err.startswith("txmultipart: the server's certificate is not to be trusted")
    assert err.count("\n") == 1
