"""haproxy: passes everything on to a backend, which also refuses what is too long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.interop.servers.backend import start_backend
from tests.interop.servers.keys import keys_in
from tests.interop.servers.program import (
    Child,
    launch,
    launch_on_free_ports,
    version_of,
)
from tests.interop.servers.server import Server, told, urls
from tests.peers import peer

#: It listens; the one backend comes next.
BEGIN = """
global
    maxconn 200
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend here
    bind 127.0.0.1:{tls} ssl crt {keys.pair} alpn h2,http/1.1
    bind 127.0.0.1:{h2c} proto h2
    default_backend there
backend there
"""

CONFIGURATION = BEGIN + "    server backend 127.0.0.1:{backend}\n"


async def start_haproxy(reactor: Any, folder: Path, documents: Path) -> Server:
    """Start it and its backend."""
    program, keys = peer("haproxy"), keys_in(folder)
    written = folder / "haproxy.cfg"
    behind, backend = await start_backend(reactor, folder, documents)

    def attempt(ports: list[int]) -> Child:
        tls, h2c = ports
        text = CONFIGURATION.format(tls=tls, h2c=h2c, keys=keys, backend=backend)
        written.write_text(text)
        return launch(reactor, folder, program, "-db", "-f", written)

    ports, child = await launch_on_free_ports(2, attempt)
    version = await version_of(program, "-v")
    return Server("haproxy", version, keys, *urls(*ports), told, [child, behind])
