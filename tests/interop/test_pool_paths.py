"""What requests can be beside uploads, with servers that others wrote: treq, trailers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, TimeoutError
from twisted.internet.task import deferLater
from twisted.web.client import ResponseFailed, readBody
from twisted.web.error import PageRedirect
from twisted.web.http_headers import Headers

from tests.interop.each import each_client, each_server
from tests.interop.memory import sparse
from tests.interop.pool_client import Client
from tests.interop.servers import START
from tests.interop.servers.documents import MiB
from tests.interop.servers.nginx import start_nginx
from tests.interop.servers.server import TRANSPORTS, Server, sum_of, told
from txmultipart import FormData, RawBody
from txmultipart.treq import MultipartClient

CONTENT = bytes(range(256)) * 4000

server = each_server(START, "go", "node")
client = each_client()


@pytest.fixture
def treq(client: Client) -> MultipartClient:
    """treq's own interface, on that client."""
    return MultipartClient(client.agent, reactor, client.pool)


def streams_of(client: Client) -> int:
    """How many requests are under way."""
    origins = client.pool._origins.values()
    return sum(len(line.client.streams) for origin in origins for line in origin.lines)


# treq -----------------------------------------------------------------------------------


@pytest.mark.parametrize("server", ["go"], indirect=True, scope="module")
async def test_a_form(server: Server, client: Client, treq: MultipartClient) -> None:
    form = FormData()
    form.add_field("a", "ž")
    form.add_file("f", CONTENT, filename="ž.bin")
    response = await treq.post(client.url("multipart"), data=form)
    assert response.version == (b"HTTP", 2, 0)
    field, file = await response.json()
    assert (field["name"], field["size"]) == ("a", 2)
    assert (file["filename"], file["sha256"]) == ("ž.bin", sum_of(CONTENT).sha256)


@pytest.mark.parametrize("size", [0, 8 * MiB])
async def test_a_timeout(client: Client, treq: MultipartClient, size: int) -> None:
    with pytest.raises(CancelledError):
        await treq.put(client.url("slow"), data=RawBody(bytes(size)), timeout=0.2)
    assert streams_of(client) == 0
    assert (await treq.get(client.url("small"))).code == 200


async def test_a_timeout_in_the_answer(client: Client, treq: MultipartClient) -> None:
    """treq's own is for the head; the body is for who reads it."""
    response = await treq.put(client.url("early"), data=b"x", unbuffered=True)
    assert response.code == 200
    reading = readBody(response)
    reading.addTimeout(0.2, reactor)
    with pytest.raises(TimeoutError):
        await reading
    assert streams_of(client) == 0


@pytest.mark.parametrize("code", [307, 308])
async def test_a_redirect_with_a_body(
    client: Client, treq: MultipartClient, code: int
) -> None:
    """It comes before the body is out, which then is sent to the end."""
    url = client.url(f"redirect?code={code}&to=/upload/there")
    response = await treq.put(url, data=RawBody(CONTENT * 8))
    assert response.code == 200
    assert await told("", await response.content()) == sum_of(CONTENT * 8)
    (before,) = response.history()
    assert before.code == code


async def test_a_redirect_without_the_body(
    client: Client, treq: MultipartClient
) -> None:
    url = client.url("redirect?code=303&to=/small")
    response = await treq.post(url, data=RawBody(CONTENT))
    assert await response.content() == b"a small document\n"


async def test_a_redirect_of_a_body_that_is_gone(
    client: Client, treq: MultipartClient
) -> None:
    url = client.url("redirect?code=307&to=/upload/there")
    with pytest.raises(ResponseFailed) as caught:
        await treq.put(url, data=RawBody(iter([CONTENT])))
    (reason,) = caught.value.reasons
    assert reason.check(PageRedirect)


# Trailers, interim answers, leave to send -------------------------------------------------


class WithTrailers(RawBody):
    """A body with a trailer."""

    trailers = Headers({"X-Sum": ["of it all"]})


async def test_trailers_both_ways(client: Client) -> None:
    headers = {"Trailer": ["X-Sum"]}  # Go wants them announced
    response = await client.request("trailers", WithTrailers(CONTENT), headers)
    assert await told("", await readBody(response)) == sum_of(CONTENT)
    assert response.trailers.getRawHeaders("X-After") == ["all said"]
    assert response.trailers.getRawHeaders("Echo-X-Sum") == ["of it all"]


async def test_an_interim_answer(client: Client) -> None:
    status, answer = await client.ask("informational", RawBody(CONTENT))
    assert status == 200
    assert await told("", answer) == sum_of(CONTENT)


async def test_leave_to_send(client: Client) -> None:
    status, answer = await client.ask(
        "expect", RawBody(CONTENT), {"Expect": ["100-continue"]}
    )
    assert status == 200
    assert await told("", answer) == sum_of(CONTENT)


async def test_no_leave_to_send(client: Client) -> None:
    body = RawBody(CONTENT)
    status, answer = await client.ask("refused", body, {"Expect": ["100-continue"]})
    assert (status, answer[:9]) == (413, b"too large")
    assert body.sent == 0


async def test_an_answer_while_the_body_is_sent(client: Client, tmp_path: Path) -> None:
    """It is here in its middle, and nobody has to wait for what is never read."""
    body = RawBody(sparse(tmp_path / "long", 64 * MiB))
    response = await client.request("early", body)
    assert response.code == 200
    reading = readBody(response)
    await deferLater(reactor, 0)
    assert body.sent < 64 * MiB
    reading.cancel()
    with pytest.raises(CancelledError):
        await reading
    assert streams_of(client) == 0


# Authorization ----------------------------------------------------------------------------


@pytest_twisted.async_yield_fixture(scope="module")
async def guarded(
    tmp_path_factory: pytest.TempPathFactory, documents: Path
) -> AsyncIterator[Server]:
    server = await start_nginx(reactor, tmp_path_factory.mktemp("nginx"), documents)
    yield server
    await server.stop()


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("size", [1000, 8 * MiB])
async def test_a_password(guarded: Server, transport: Any, size: int) -> None:
    """Without it there is 401, in the middle of the body; the same body goes with it."""
    client = Client(reactor, guarded, transport)
    treq = MultipartClient(client.agent, reactor, client.pool)
    url, body = client.url(f"guarded/{transport}"), RawBody(bytes(size))
    for auth in (None, ("me", "wrong")):
        response = await treq.put(url, data=body, auth=auth)
        assert response.code == 401
        assert b"401" in await response.content()
    response = await treq.put(url, data=body, auth=("me", "secret"))
    assert response.code in (201, 204)
    arrived = await guarded.arrived(f"guarded/{transport}", b"")
    assert arrived == sum_of(bytes(size))
    await client.close()
