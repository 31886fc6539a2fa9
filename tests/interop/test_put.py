"""The example that sends a huge file by PUT, to servers that others wrote."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
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
    url: str, file: Path, folder: Path, trust: Path | None
) -> tuple[Child, int]:
    """Run the example; gives the process, and the most memory it was seen with."""
    environment = {} if trust is None else {"SSL_CERT_FILE": str(trust)}
    words: list[str | Path] = [sys.executable, PROGRAM, url, file, "token"]
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

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str | None] = {}
        self.sha256 = ""

    def render_PUT(self, request: Any) -> bytes:
        names = ("Authorization", "File-Path", "As-Task", "Content-Length")
        self.fields = {name: request.getHeader(name) for name in names}
        self.sha256 = hashlib.sha256(request.content.read()).hexdigest()
        return b'{"code": 200}'


async def test_its_fields_arrive(tmp_path: Path) -> None:
    noting = Noting()
    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    port: Any = await endpoint.listen(Site(noting))
    file = tmp_path / "a file.img"
    file.write_bytes(bytes(range(256)) * 1000)
    url = f"http://127.0.0.1:{port.getHost().port}/api/fs/put"
    child, _ = await put(url, file, tmp_path, None)
    assert child.clean, child.complaints()
    assert noting.fields == {
        "Authorization": "token",
        "File-Path": "/uploads/a%20file.img",
        "As-Task": "true",
        "Content-Length": "256000",
    }
    assert noting.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    await port.stopListening()


@pytest.mark.parametrize("words", RUDE.values(), ids=RUDE)
async def test_a_rude_server(words: bytes, tmp_path: Path) -> None:
    """One error, and the program ends."""
    file = sparse(tmp_path / "big.img", HUGE)
    async with rude_server(reactor, words) as url:
        child, _ = await put(f"{url}api/fs/put", file, tmp_path, None)
    assert not child.clean
    errors = re.findall(r"^[\w.]+: \[<", child.complaints(), re.M)
    assert len(errors) == 1, child.complaints()
