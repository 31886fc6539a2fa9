"""caddy: passes uploads on to a backend, and serves the documents itself.

What is too long by its Content-Length is refused without a look at the body. (Its
``request_body`` alone lets the backend's connection break then, and answers 502.)
"""

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
from tests.interop.servers.server import LIMIT, Server, told, urls
from tests.peers import peer

#: It keeps to itself; a snippet ``site``, for what it does with a request, comes next, and
#: then ``END``.
BEGIN = """{{
    admin off
    auto_https off
    grace_period 1s
    servers {{
        protocols h1 h2 h2c
    }}
}}
"""

END = """
https://:{tls} {{
    tls {keys.certificate} {keys.key}
    import site
}}
http://:{h2c} {{
    import site
}}
"""

CONFIGURATION = (
    BEGIN
    + """
(site) {{
    bind 127.0.0.1
    request_body /limited/* {{
        max_size {limit}
    }}
    @announced {{
        path /limited/*
        header_regexp Content-Length ^[0-9]{{8,}}$
    }}
    respond @announced "too large, says caddy at once" 413
    handle_errors {{
        respond "too large, says caddy" 413
    }}
    @uploads path /upload/* /limited/*
    reverse_proxy @uploads 127.0.0.1:{backend}
    root * {documents}
    file_server
}}
"""
    + END
)


async def start_caddy(reactor: Any, folder: Path, documents: Path) -> Server:
    """Start it and its backend."""
    program, keys = peer("caddy"), keys_in(folder)
    written = folder / "Caddyfile"
    behind, backend = await start_backend(reactor, folder, documents)

    def attempt(ports: list[int]) -> Child:
        names = {"documents": documents, "keys": keys, "backend": backend}
        tls, h2c = ports
        text = CONFIGURATION.format(**names, tls=tls, h2c=h2c, limit=LIMIT)
        written.write_text(text)
        command: list[str | Path] = [
            program,
            "run",
            "--adapter",
            "caddyfile",
            "--config",
            written,
        ]
        return launch(reactor, folder, *command)

    ports, child = await launch_on_free_ports(2, attempt)
    version = await version_of(program, "version")
    return Server("caddy", version, keys, *urls(*ports), told, [child, behind])
