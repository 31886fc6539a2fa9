"""Go's net/http, and x/net's h2c. Beside the common paths, see ``go/server.go``:

- ``upload/``, ``expect`` (Go says 100 when the handler reads), ``refused`` (413 at once),
  ``trailers`` (its own, and the request's as ``Echo-…``), ``informational`` (103),
- ``slow`` never reads nor answers, ``early`` answers at once and does neither read nor end,
- ``redirect?code=307&to=/upload/x``,
- ``multipart`` answers JSON: name, filename, headers, sha256 and size of each part.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.internet.utils import getProcessOutputAndValue

from tests.interop.servers.keys import keys_in
from tests.interop.servers.program import launch, version_of
from tests.interop.servers.server import Server, told, urls
from tests.peers import peer

SOURCE = Path(__file__).with_name("go") / "server.go"

#: Debian's packages of Go sources, and nothing from elsewhere.
OFFLINE = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": ""}


async def start_go(reactor: Any, folder: Path, documents: Path) -> Server:
    """Compile it and start it; over TLS it speaks HTTP/1.1 too."""
    go, keys = peer("go"), keys_in(folder)
    program = await compiled(SOURCE, folder)
    words = [keys.certificate, keys.key, documents]
    child = launch(reactor, folder, program, *words)
    ports = await child.ports()
    version = await version_of(go, "version")
    return Server("go", version, keys, *urls(*ports), told, [child])


async def compiled(source: Path, folder: Path) -> Path:
    """The program made of ``source``; Go's own cache makes the second time quick."""
    program = folder / source.stem
    out, err, code = await getProcessOutputAndValue(
        peer("go"),
        ["build", "-o", str(program), str(source)],
        {**os.environ, **OFFLINE},
    )
    assert code == 0, (out, err)
    return program
