"""node's http2. Beside the common paths, see ``node_server.mjs``:

- ``upload/``, ``expect`` (waits for nothing but says 100 when asked), ``refused`` (413 at
  once), ``trailers`` (its own, and the request's as ``echo-…``), ``informational`` (103),
- ``slow`` never reads nor answers, ``early`` answers at once and does neither read nor end,
- ``redirect?code=307&to=/upload/x``,
- ``refuse…`` resets the first request for each URL with REFUSED_STREAM,
- ``goaway…`` serves the request, and says GOAWAY,
- ``goaway-once…?last=1`` says GOAWAY to the first request for each URL, that streams
  beyond ``last`` were not begun, and closes; node takes 0 for the last that it has begun,
- ``settings?maxConcurrentStreams=1`` changes the connection's settings, then as ``upload/``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.interop.servers.keys import keys_in
from tests.interop.servers.program import launch, version_of
from tests.interop.servers.server import Server, told, urls
from tests.peers import peer

PROGRAM = Path(__file__).with_name("node_server.mjs")


async def start_node(
    reactor: Any, folder: Path, documents: Path, **settings: int
) -> Server:
    """Start it with ``settings``, as ``maxConcurrentStreams=1``; HTTP/2 only."""
    program, keys = peer("node"), keys_in(folder)
    words: list[str | Path] = [
        keys.certificate,
        keys.key,
        documents,
        json.dumps(settings),
    ]
    child = launch(reactor, folder, program, PROGRAM, *words)
    ports = await child.ports()
    version = await version_of(program, "--version")
    return Server("node", version, keys, *urls(*ports), told, [child])
