"""Our clients on node and Go: ``await ask(name, …)`` runs one and gives what it saw.

What they can do: ``form`` (a multipart POST), ``put``, ``fifty`` (of these at once),
``trailers``; and Go ``expect``. They send ``size`` bytes at the pace of the server.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from tests.app.serving import run
from tests.interop.servers.golang import compiled
from tests.interop.servers.server import Server, Sum, Transport
from tests.peers import peer

HERE = Path(__file__).parent

NODE = HERE / "node_client.mjs"
GO = HERE / "go" / "client.go"


class Exchange(NamedTuple):
    """What was sent, each time, and what the client tells of each answer."""

    sent: Sum
    answers: list[dict[str, Any]]


async def command(name: str, folder: Path) -> list[str]:
    """How ``node`` or ``go`` is started; Go's is compiled in ``folder``."""
    if name == "go":
        return [str(await compiled(GO, folder))]
    return [peer("node"), str(NODE)]


async def ask(
    client: list[str], what: str, server: Server, transport: Transport, size: int
) -> Exchange:
    """Run ``client``, a ``command``, against ``server``."""
    trust = str(server.keys.trust) if transport == "tls" else "-"
    out, err, code = await run(*client, what, server.url(transport), trust, str(size))
    assert code == 0, (out, err)
    said = json.loads(out)
    answers = said["answers"]
    listed = answers if isinstance(answers, list) else [answers]
    return Exchange(Sum(said["sha256"], size), listed)
