"""The example that sends a huge file by PUT, to servers that others wrote."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.interop.each import each_server
from tests.interop.exchanges import exchange
from tests.interop.memory import MiB, peak, sparse
from tests.interop.servers import START
from tests.interop.servers.program import Child, launch
from tests.interop.servers.rude import RUDE, rude_server
from tests.interop.servers.server import Server, Transport, sum_of
from tests.programs import ROOT

PROGRAM = ROOT / "examples" / "transfer" / "put.py"

#: What the sender may need more for a huge file than for a small one.
ROOM = 24 * MiB

HUGE = 512 * MiB

#: To which servers, and how: nginx 1.22 speaks only HTTP/2 in the clear.
WAYS = [("go", "h2c"), ("go", "tls"), ("nginx", "tls"), ("apache", "h2c")]

#: In the clear, the client speaks HTTP/1.1; on TLS, what is negotiated.
VERSIONS: dict[Transport, str] = {"h2c": "1, 1", "tls": "2, 0"}

server = each_server(START)


async def put(
    url: str,
    file: Path,
    folder: Path,
    trust: Path | None,
    *token: str,
    program: Path = PROGRAM,
) -> tuple[Child, int]:
    """Run the example; gives the process, and the most memory it was seen with."""
    environment = {} if trust is None else {"SSL_CERT_FILE": str(trust)}
    words: list[str | Path] = [sys.executable, program, url, file, *token]
    path = {"PYTHONPATH": str(ROOT)}
    child = launch(reactor, folder, *words, **path, **environment)
    most, process = 0, child.transport.pid  # type: ignore[union-attr]
    while not child.ended.called:
        try:
            most = max(most, peak(process))
        except (FileNotFoundError, ValueError):
            break  # it has just ended
        await deferLater(reactor, 0.01)
    await child.ended
    return child, most


@exchange(
    "Go net/http",
    "client",
    "HTTP/1.1 and HTTP/2",
    "PUT of 512 MiB with progress, in constant memory",
)
@exchange(
    "nginx",
    "client",
    "HTTP/2 on TLS",
    "PUT of 512 MiB with progress, in constant memory",
)
@exchange(
    "Apache httpd",
    "client",
    "HTTP/1.1",
    "PUT of 512 MiB with progress, in constant memory",
)
@pytest.mark.parametrize(
    ("server", "transport"), WAYS, indirect=["server"], scope="module"
)
async def test_a_huge_file_in_constant_memory(
    server: Server, transport: Transport, tmp_path: Path
) -> None:
    trust = server.keys.trust
    seen = {}
    for size in (1, HUGE):
        file = sparse(tmp_path / f"{size}.img", size)
        path = f"upload/{transport}-{size}"
        child, most = await put(server.url(transport, path), file, tmp_path, trust)
        assert child.clean, child.complaints()
        told = re.search(r"'HTTP', (\d, \d)\) 20\d (.*)", child.printed, re.S)
        assert told, child.printed
        version, answer = told.groups()
        assert version == VERSIONS[transport]
        arrived = await server.arrived(path, answer.encode())
        assert arrived.size == size
        if size == 1:
            assert arrived == sum_of(b"\0")
        seen[size] = most
        assert "100.0% of" in child.complaints()
        file.unlink()
    assert seen[HUGE] - seen[1] <= ROOM


class Noting(Resource):
    """A stock resource that notes the fields and the sum of what it is given."""

    isLeaf = True

    def __init__(self, code: int = 200) -> None:
        super().__init__()
        self._code = code
        self.fields: dict[str, str | None] = {}
        self.sha256 = ""

    def render_PUT(self, request: Any) -> bytes:
        names = ("Authorization", "File-Path", "As-Task", "Content-Length")
        self.fields = {name: request.getHeader(name) for name in names}
        self.sha256 = hashlib.sha256(request.content.read()).hexdigest()
        request.setResponseCode(self._code)
        return b'{"code": %d}' % self._code


@asynccontextmanager
async def noting_server(noting: Noting) -> AsyncIterator[str]:
    """A stock server with nothing but ``noting``: its URL."""
    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    port: Any = await endpoint.listen(Site(noting))
    yield f"http://127.0.0.1:{port.getHost().port}/api/fs/put"
    await port.stopListening()


async def test_its_fields_arrive(tmp_path: Path) -> None:
    noting = Noting()
    file = tmp_path / "a file.img"
    file.write_bytes(bytes(range(256)) * 1000)
    async with noting_server(noting) as url:
        child, _ = await put(url, file, tmp_path, None, "token")
    assert child.clean, child.complaints()
    assert noting.fields == {
        "Authorization": "token",
        "File-Path": "/uploads/a%20file.img",
        "As-Task": "true",
        "Content-Length": "256000",
    }
    assert noting.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


async def test_a_refusal(tmp_path: Path) -> None:
    """Is told, and is no success; and without a token none is sent."""
    noting = Noting(403)
    file = tmp_path / "empty.img"
    file.touch()
    async with noting_server(noting) as url:
        child, _ = await put(url, file, tmp_path, None)
    assert not child.clean
    assert '403 {"code": 403}' in child.printed
    assert "Traceback" not in child.complaints()
    assert child.complaints().strip().splitlines()[-1] == "0 bytes"
    assert noting.fields["Authorization"] is None


@pytest.mark.parametrize("words", RUDE.values(), ids=RUDE)
async def test_a_rude_server(words: bytes, tmp_path: Path) -> None:
    """One error, and the program ends."""
    file = sparse(tmp_path / "big.img", HUGE)
    async with rude_server(reactor, words) as url:
        child, _ = await put(f"{url}api/fs/put", file, tmp_path, None)
    assert not child.clean
    errors = re.findall(r"^[\w.]+: \[<", child.complaints(), re.M)
    assert len(errors) == 1, child.complaints()


async def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    """Is told as the bytes that it is."""
    noting = Noting()
    file = tmp_path / os.fsdecode(b"\xe9\r\nX-Evil: 1.img")
    file.write_bytes(b"content")
    async with noting_server(noting) as url:
        child, _ = await put(url, file, tmp_path, None)
    assert child.clean, child.complaints()
    assert noting.fields["File-Path"] == "/uploads/%E9%0D%0AX-Evil%3A%201.img"


HEAD = b"HTTP/1.1 500 No\r\nContent-Type: text/plain; charset=none-such\r\n"

#: What a server says then, and what is shown of it.
PAGES = {
    "an unknown charset": (b"Content-Length: 4\r\n\r\n\xffoh\n", "500 \ufffdoh\n"),
    "too much": (b"\r\n" + bytes(MiB), "500 "),
}


@pytest.mark.parametrize(("page", "shown"), PAGES.values(), ids=PAGES)
async def test_an_odd_error_page(page: bytes, shown: str, tmp_path: Path) -> None:
    file = sparse(tmp_path / "small.img", 1)
    async with slow_server(HEAD + page) as (url, _):
        child, _ = await put(url, file, tmp_path, None)
    assert not child.clean
    assert child.printed.partition(") ")[2].startswith(shown)
    assert len(child.printed) < 100
    assert ("LimitExceeded" in child.complaints()) is (len(page) > MiB)


async def test_a_server_that_does_nothing(tmp_path: Path) -> None:
    """It is given up, but not as long as it takes what it is sent."""
    program = tmp_path / "put.py"
    text, name = PROGRAM.read_text(), "PATIENCE = 300"
    assert name in text
    program.write_text(text.replace(name, "PATIENCE = 1"))
    file = sparse(tmp_path / "big.img", 64 * MiB)
    async with slow_server() as (url, taken):
        child, _ = await put(url, file, tmp_path, None, program=program)
    assert not child.clean
    *_, last = child.complaints().splitlines()
    assert last.endswith("the server did nothing for 1 seconds")
    assert "Traceback" not in child.complaints()
    assert sum(taken) > 64 * MiB


class Slow(Protocol):
    """Takes all that it is sent, for longer than it is waited for, and says its words."""

    factory: Any

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        if not self.factory.taken:
            transport.write(self.factory.words)
        self.factory.taken.append(len(data))
        transport.pauseProducing()
        reactor.callLater(0.002, transport.resumeProducing)


@asynccontextmanager
async def slow_server(words: bytes = b"") -> AsyncIterator[tuple[str, list[int]]]:
    """Its URL, and how much it has taken."""
    factory: Any = Factory.forProtocol(Slow)
    factory.words, factory.taken = words, list[int]()
    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    port: Any = await endpoint.listen(factory)
    yield f"http://127.0.0.1:{port.getHost().port}/", factory.taken
    await port.stopListening()
