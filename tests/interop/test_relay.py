"""``txmultipart serve --forward`` between curl and servers that others wrote."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from tests.app.serving import run
from tests.interop.exchanges import exchange
from tests.interop.memory import SLOW_SERVER, MiB, peak, reset_peak, sparse
from tests.interop.servers.forwarding import start_forwarding
from tests.interop.servers.golang import start_go
from tests.interop.servers.program import launch
from tests.interop.servers.rude import RUDE, rude_server
from tests.interop.servers.server import Server
from tests.peers import peer
from tests.programs import ROOT
from tests.programs import run as start
from txmultipart import StreamingSite, UploadAborted, get_body
from txmultipart.interfaces import IStreamingResource

#: What one relay may need more than when it is idle, whatever goes through it.
ROOM = 24 * MiB

GiB = 1 << 30


@pytest_twisted.async_yield_fixture(scope="module")
async def go(tmp_path_factory: pytest.TempPathFactory, documents: Path) -> Any:
    server = await start_go(reactor, tmp_path_factory.mktemp("go"), documents)
    yield server
    await server.stop()


@pytest_twisted.async_yield_fixture(scope="module", params=["h2c", "tls"])
async def relay(
    request: pytest.FixtureRequest, go: Server, tmp_path_factory: Any
) -> Any:
    """One in front of Go, for each way to get there."""
    url, folder = go.url(request.param), tmp_path_factory.mktemp("relay")
    server = await start_forwarding(reactor, folder, url, go.keys.trust)
    yield server
    await server.stop()


@asynccontextmanager
async def relay_to(url: str, folder: Path) -> AsyncIterator[Server]:
    server = await start_forwarding(reactor, folder, url)
    try:
        yield server
    finally:
        await server.stop()


def process_of(relay: Server) -> int:
    transport: Any = relay.children[0].transport
    pid: int = transport.pid
    return pid


async def curl(*words: str) -> tuple[str, str]:
    """What curl printed: the body, and the status with the version of HTTP."""
    line = [
        peer("curl"),
        "-sS",
        "--max-time",
        "50",
        "-w",
        "\n%{http_version} %{http_code}",
    ]
    out, err, _ = await run(*line, *words)
    body, _, status = out.rpartition("\n")
    assert status, err
    return body, status


VERSIONS = {"--http1.1": "1.1", "--http2-prior-knowledge": "2"}
each_version = pytest.mark.parametrize("version", VERSIONS)


#: A gigabyte once from HTTP/1.1 to HTTP/1.1, and once from HTTP/2 to HTTP/2.
SIZES = {
    ("h2c", "--http1.1"): GiB,
    ("h2c", "--http2-prior-knowledge"): 64 * MiB,
    ("tls", "--http1.1"): 64 * MiB,
    ("tls", "--http2-prior-knowledge"): GiB,
}


@exchange(
    "curl",
    "relay",
    "HTTP/1.1 and HTTP/2",
    "1 GiB through the relay, in constant memory",
)
@exchange(
    "Go net/http",
    "relay",
    "HTTP/1.1 and HTTP/2",
    "1 GiB from the relay, in constant memory",
)
@each_version
async def test_a_gigabyte_in_constant_memory(
    relay: Server, version: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    size = SIZES[request.node.callspec.params["relay"], version]
    sent = sparse(tmp_path / "big", size)
    process = process_of(relay)
    reset_peak(process)
    idle = peak(process)
    said, status = await curl(version, "-T", str(sent), relay.url_h2c + "upload/")
    assert status == f"{VERSIONS[version]} 200"
    assert said.split()[1] == str(size)
    assert peak(process) - idle <= ROOM


@each_version
async def test_what_arrives_is_what_was_sent(
    relay: Server, version: str, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 20_000
    (tmp_path / "sent").write_bytes(content)
    said, _ = await curl(
        version, "-T", str(tmp_path / "sent"), relay.url_h2c + "upload/"
    )
    assert said.split() == [hashlib.sha256(content).hexdigest(), str(len(content))]


@exchange(
    "Go net/http",
    "relay",
    "HTTP/1.1 and HTTP/2",
    "an answer in the middle of the upload",
)
@each_version
async def test_an_early_refusal_comes_back(
    relay: Server, version: str, tmp_path: Path
) -> None:
    sent = sparse(tmp_path / "big", 64 * MiB)
    url = relay.url_h2c + "refused"
    said, status = await curl(version, "-T", str(sent), url)
    assert status == f"{VERSIONS[version]} 413", said


async def test_large_answers_come_back(relay: Server, tmp_path: Path) -> None:
    process = process_of(relay)
    reset_peak(process)
    idle = peak(process)
    url, kept = relay.url_h2c + "large", str(tmp_path / "large")
    _, status = await curl("--limit-rate", "60M", "-o", kept, url)
    assert status == "1.1 200"
    assert peak(process) - idle <= ROOM


@exchange("Go net/http", "relay", "HTTP/1.1 and HTTP/2", "a form of curl")
async def test_a_form_arrives(relay: Server, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"content")
    form = ("-F", "by=curl", "-F", f"file=@{tmp_path / 'a.bin'}")
    said, _ = await curl(*form, relay.url_h2c + "multipart")
    assert [part["name"] for part in json.loads(said)] == ["by", "file"]


async def test_a_slow_upstream_holds_the_sender_back(tmp_path: Path) -> None:
    program = tmp_path / "slow.py"
    program.write_text(SLOW_SERVER)
    slow = launch(reactor, tmp_path, sys.executable, program, PYTHONPATH=str(ROOT))
    url = (await slow.spoke).strip()
    async with relay_to(url, tmp_path) as relay:
        process = process_of(relay)
        idle = peak(process)
        sent = sparse(tmp_path / "big", 64 * MiB)
        for version in VERSIONS:
            said, _ = await curl(version, "-T", str(sent), relay.url_h2c)
            assert said == str(64 * MiB)
        assert peak(process) - idle <= ROOM
    await slow.end()


# Both ends may go ---------------------------------------------------------------------------


@implementer(IStreamingResource)
class Noting(Resource):
    """Reads what comes, and notes how it ended."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.begun: Deferred[None] = Deferred()
        self.ended: Deferred[object] = Deferred()

    def render_PUT(self, request: Any) -> int:
        Deferred.fromCoroutine(self._read(request)).chainDeferred(self.ended)
        return NOT_DONE_YET

    async def _read(self, request: Any) -> object:
        try:
            async for _ in get_body(request):
                if not self.begun.called:
                    self.begun.callback(None)
        except UploadAborted as error:
            return error
        return None


@exchange("curl", "relay", "HTTP/1.1", "a sender that is killed in the middle")
async def test_a_sender_that_goes_away(tmp_path: Path) -> None:
    noting = Noting()
    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    port: Any = await endpoint.listen(StreamingSite(noting))
    url = f"http://127.0.0.1:{port.getHost().port}/"
    sent = sparse(tmp_path / "big", GiB)
    async with relay_to(url, tmp_path) as relay:
        slowly = ("-sS", "--limit-rate", "4M", "-T", str(sent), relay.url_h2c)
        curl = start(peer("curl"), *slowly)
        await noting.begun
        await curl.stop()
        assert isinstance(await noting.ended, UploadAborted)
    await port.stopListening()


@pytest.mark.parametrize("kind", RUDE)
async def test_a_rude_upstream(kind: str, tmp_path: Path) -> None:
    sent = str(sparse(tmp_path / "sent", 64 * MiB))
    async with (
        rude_server(reactor, RUDE[kind]) as url,
        relay_to(url, tmp_path) as relay,
    ):
        for version, body in product(VERSIONS, (False, True)):
            upload = ("-T", sent) if body else ()
            said, status = await curl(version, *upload, relay.url_h2c)
            assert status.endswith("502"), said
            assert json.loads(said)["error"] == "upstream-failed"


async def test_an_upstream_that_is_not_there(tmp_path: Path) -> None:
    async with rude_server(reactor, b"") as url:
        pass  # it was there
    async with relay_to(url, tmp_path) as relay:
        said, status = await curl("-T", __file__, relay.url_h2c)
    assert status == "1.1 502"
    problem = json.loads(said)
    assert "refused" in problem["message"]
    assert str(urlsplit(url).port) not in problem["message"]
