"""Chromium without a screen: visits a page, and runs what is on it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.interop.servers.program import Child, launch
from tests.peers import peer

#: It may run as root; it asks nobody outside, and opens no window.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # It stays till it is closed.
    "--remote-debugging-port=0",
    # Certificates of a test's own authority.
    "--ignore-certificate-errors",
)


#: It makes a socket there, whose name has to have a byte less (unix(7)).
_LONGEST = 108
_SOCKET = ".org.chromium.Chromium.123456/SingletonSocket"


def visit(reactor: Any, url: str, folder: Path) -> Child:
    """Open ``url``, with ``folder`` for all that a browser keeps; ``end`` closes it.

    Raises ``ValueError`` if the name of ``folder`` is too long for it.
    """
    if len(os.fsencode(folder / _SOCKET)) >= _LONGEST:
        raise ValueError(f"too long a name for a browser's folder: {folder}")
    profile = f"--user-data-dir={folder / 'profile'}"
    command = [peer("chromium"), *FLAGS, profile, url]
    return launch(reactor, folder, *command, TMPDIR=str(folder))
