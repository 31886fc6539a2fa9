"""Servers that refuse an upload in its middle: the answer arrives, with its body."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.interop.each import each_client, each_server
from tests.interop.memory import MiB, sparse
from tests.interop.pool_client import Client
from tests.interop.servers import START, Start
from tests.interop.servers.h2o import start_h2o
from tests.interop.servers.ours import start_ours
from tests.interop.servers.server import LIMIT, TRANSPORTS, Server, Transport
from txmultipart import RawBody
from txmultipart.http2 import StreamReset
from txmultipart.web.exchange import RequestNotProcessed
from txmultipart.web.retry import RETRIES

#: Long enough that no window, buffer or socket holds it all.
LONG = 64 * MiB

#: As much as goes through those that are not listening while they pass it on; see
#: ``servers.apache`` and ``servers.h2o``.
MIDDLING = 16 * MiB


async def ours(reactor: Any, folder: Path, documents: Path) -> Server:
    """Our own, with the limit that the others have."""
    return await start_ours(reactor, folder, f"--max-size={LIMIT}")


REFUSING: dict[str, Start] = {**START, "txmultipart": ours}
del REFUSING["nghttpd"]  # it takes everything

server = each_server(REFUSING)
client = each_client()


def pieces(size: int) -> Iterator[bytes]:
    """As many bytes, which nobody knows beforehand."""
    for _ in range(size // 65536):
        yield bytes(65536)


@pytest.mark.parametrize("expect", [True, False])
async def test_what_is_too_long_by_its_length(
    server: Server, client: Client, tmp_path: Path, expect: bool
) -> None:
    size = MIDDLING if server.refuses == "late" else LONG
    body = RawBody(sparse(tmp_path / "long", size))
    await refused(server, client, body, expect)
    # Over the limit, and a little that was under way.
    assert server.refuses == "late" or body.sent < 4 * MiB


@pytest.mark.parametrize("expect", [True, False])
async def test_what_is_found_to_be_too_long(
    server: Server, client: Client, expect: bool
) -> None:
    size = MIDDLING if server.name in ("apache", "h2o") else LONG
    await refused(server, client, RawBody(pieces(size)), expect)


async def refused(server: Server, client: Client, body: RawBody, expect: bool) -> None:
    """It is, with a reason; and the connection is good for more."""
    headers = {"Expect": ["100-continue"]} if expect else {}
    folder = "" if server.name == "txmultipart" else "limited/"
    status, answer = await client.ask(f"{folder}x", body, headers)
    assert status == 413
    assert answer
    status, answer = await client.ask(f"{folder}y", RawBody(b"short"))
    assert status in (200, 201, 204)


# A server that says REFUSED_STREAM and means the body -------------------------------------


@pytest_twisted.async_yield_fixture
async def bounded(tmp_path: Path, documents: Path) -> AsyncIterator[Server]:
    server = await start_h2o(reactor, tmp_path, documents, limit=LIMIT)
    yield server
    await server.stop()


class Counted(RawBody):
    """A body that counts how often it is begun."""

    begun = 0

    def startProducing(self, consumer: Any) -> Any:
        self.begun += 1
        return super().startProducing(consumer)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("replayable", [True, False])
async def test_what_is_refused_for_ever(
    bounded: Server, transport: Transport, replayable: bool
) -> None:
    client = Client(reactor, bounded, transport)
    body = Counted(bytes(LONG) if replayable else pieces(LONG))
    with pytest.raises(RequestNotProcessed) as caught:
        await client.ask("upload/x", body)
    (reason,) = caught.value.reasons
    assert reason.check(StreamReset)
    assert body.begun == (1 + RETRIES if replayable else 1)
    assert (await client.ask("small"))[0] == 200
    await client.close()
