"""``txmultipart serve --forward``, with the same handle as other servers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.interop.servers.keys import keys_in
from tests.interop.servers.ours import announced
from tests.interop.servers.program import launch
from tests.interop.servers.server import Server, told


async def start_forwarding(
    reactor: Any, folder: Path, url: str, trust: Path | None = None
) -> Server:
    """Start one that sends all it gets on to ``url``, whose authority is ``trust``."""
    keys = keys_in(folder)
    pair = f"privateKey={keys.pair}:certKey={keys.pair}"
    listen = [f"ssl:0:{pair}", "tcp:0"]
    words = [f"--listen={each}:interface=127.0.0.1" for each in listen]
    command = [sys.executable, "-m", "txmultipart", "serve", "--forward", url, *words]
    environment = {} if trust is None else {"SSL_CERT_FILE": str(trust)}
    child = launch(reactor, folder, *command, PYTHONUNBUFFERED="1", **environment)
    tls, h2c = await announced(reactor, child)
    return Server("txmultipart", "this", keys, tls, h2c, told, [child])
