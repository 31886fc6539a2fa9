"""h2o: passes uploads on to a backend, and serves the documents itself.

It passes nothing on before it has all of it, so the backend's 413 comes late; and it
listens only after it has sent all, so that from 18 MiB on there is 502 instead: the
backend reads 16 MiB more than it wants and ends the connection then. A body that is
longer than its own bound it answers with RST_STREAM, REFUSED_STREAM, although it was that
body: whoever sends it again gets the same.
"""

from __future__ import annotations

import os
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

#: Its default is 1 GiB, as long as what is sent to it.
UNLIMITED = 1 << 40

CONFIGURATION = """
{user}
num-threads: 1
error-log: {folder}/error.log
temp-buffer-path: {folder}
limit-request-body: {limit}
listen:
  host: 127.0.0.1
  port: {tls}
  ssl:
    certificate-file: {keys.certificate}
    key-file: {keys.key}
hosts:
  default:
    listen:
      host: 127.0.0.1
      port: {h2c}
    paths:
      /upload:
        proxy.reverse.url: http://127.0.0.1:{backend}/upload
      /limited:
        proxy.reverse.url: http://127.0.0.1:{backend}/limited
      /:
        file.dir: {documents}
"""


async def start_h2o(
    reactor: Any, folder: Path, documents: Path, limit: int = UNLIMITED
) -> Server:
    """Start it, with a bound of its own on all bodies, and its backend."""
    program, keys = peer("h2o"), keys_in(folder)
    written = folder / "h2o.conf"
    behind, backend = await start_backend(reactor, folder, documents)
    user = "user: root" if os.getuid() == 0 else ""

    def attempt(ports: list[int]) -> Child:
        names = {"folder": folder, "documents": documents, "keys": keys, "user": user}
        tls, h2c = ports
        text = CONFIGURATION.format(
            **names, backend=backend, tls=tls, h2c=h2c, limit=limit
        )
        written.write_text(text)
        return launch(reactor, folder, program, "-m", "worker", "-c", written)

    ports, child = await launch_on_free_ports(2, attempt)
    version = await version_of(program, "--version")
    children = [child, behind]
    return Server("h2o", version, keys, *urls(*ports), told, children, refuses="late")
