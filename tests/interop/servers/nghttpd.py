"""nghttpd, of nghttp2: echoes what it gets, and refuses nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.interop.servers.keys import keys_in
from tests.interop.servers.program import (
    Child,
    launch,
    launch_on_free_ports,
    version_of,
)
from tests.interop.servers.server import Server, echoed, urls
from tests.peers import peer


async def start_nghttpd(reactor: Any, folder: Path, documents: Path) -> Server:
    """Start it twice, since one process serves one port."""
    program, keys = peer("nghttpd"), keys_in(folder)
    options = ["--echo-upload", "-a", "127.0.0.1", "-d", str(documents)]

    def with_tls(ports: list[int]) -> Child:
        command: list[str | Path] = [
            program,
            *options,
            str(ports[0]),
            keys.key,
            keys.certificate,
        ]
        return launch(reactor, folder, *command)

    def in_the_clear(ports: list[int]) -> Child:
        return launch(reactor, folder, program, *options, "--no-tls", str(ports[0]))

    (tls,), secure = await launch_on_free_ports(1, with_tls)
    (h2c,), plain = await launch_on_free_ports(1, in_the_clear)
    version = await version_of(program, "--version")
    children = [secure, plain]
    return Server(
        "nghttpd", version, keys, *urls(tls, h2c), echoed, children, refuses="never"
    )
