"""Chromium without a screen: visits a page, and runs what is on it."""

from __future__ import annotations

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


def visit(reactor: Any, url: str, folder: Path) -> Child:
    """Open ``url``, with ``folder`` for all that a browser keeps; ``end`` closes it."""
    profile = f"--user-data-dir={folder / 'profile'}"
    command = [peer("chromium"), *FLAGS, profile, url]
    return launch(reactor, folder, *command, TMPDIR=str(folder))
