"""The servers that the client is tested with, each tried with curl first."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.clients import curl, nghttp
from tests.interop.each import each_server
from tests.interop.memory import sparse
from tests.interop.servers import START
from tests.interop.servers.documents import LARGE, SMALL, MiB, sum_of_large
from tests.interop.servers.server import TRANSPORTS, Server, Transport, sum_of

CONTENT = bytes(range(256)) * 1001

#: Long enough that no window, buffer or socket holds it all.
LONG = 16 * MiB

server = each_server(START)


each_transport = pytest.mark.parametrize("transport", TRANSPORTS)


@each_transport
async def test_it_takes_an_upload(
    server: Server, transport: Transport, tmp_path: Path
) -> None:
    sent = tmp_path / "sent"
    sent.write_bytes(CONTENT)
    path = f"upload/{transport}"
    answer = await curl.ask(server, transport, path, tmp_path, "-T", str(sent))
    assert answer.status in (200, 201), answer
    assert await server.arrived(path, answer.body) == sum_of(CONTENT)


REFUSING = [name for name in START if name != "nghttpd"]
LENGTHS: dict[str, list[str]] = {"known": [], "unknown": ["--no-content-length"]}


@pytest.mark.parametrize("server", REFUSING, indirect=True, scope="module")
@each_transport
@pytest.mark.parametrize("length", LENGTHS)
async def test_it_refuses_what_is_too_long(
    server: Server, transport: Transport, length: str, tmp_path: Path
) -> None:
    sent = sparse(tmp_path / "sent", LONG)
    url = server.url(transport, "limited/x")
    # curl 7.88 loses an answer when the RST_STREAM behind it comes in the same read.
    answer = await nghttp.put(url, sent, *LENGTHS[length])
    assert answer.statuses == [413]
    assert answer.length > 0


@each_transport
async def test_it_has_documents(
    server: Server, transport: Transport, tmp_path: Path
) -> None:
    assert (await curl.ask(server, transport, "small", tmp_path)).body == SMALL
    large = (await curl.ask(server, transport, "large", tmp_path)).body
    assert len(large) == LARGE * MiB
    assert sum_of(large) == sum_of_large()
