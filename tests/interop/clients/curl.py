"""curl, as a client that asks a ``Server`` with HTTP/2."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.app.serving import run
from tests.interop.servers.server import Server, Transport
from tests.peers import peer


class Answer(NamedTuple):
    """What curl got."""

    status: int
    body: bytes
    #: What it tells with ``-v``, in lower case: all headers and trailers, and more.
    said: str
    exit_code: int


async def ask(
    server: Server, transport: Transport, path: str, folder: Path, *options: str
) -> Answer:
    """Ask ``server`` for ``path``, with ``folder`` for what curl keeps meanwhile."""
    trust = ["--cacert", str(server.keys.trust), "--http2"]
    way = trust if transport == "tls" else ["--http2-prior-knowledge"]
    kept = folder / "answer"
    told = ["-sSv", "-o", str(kept), "-w", "%{http_version} %{http_code}\n"]
    line = [peer("curl"), "--max-time", "30", *told, *way, *options]
    out, said, code = await run(*line, server.url(transport, path))
    version, status = out.splitlines()[0].split()
    assert version == "2", said
    return Answer(int(status), _take(kept), said.lower(), code)


def _take(file: Path) -> bytes:
    if not file.exists():
        return b""
    content = file.read_bytes()
    file.unlink()
    return content
