"""``txmultipart serve``, with the same handle as the servers that others wrote."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater

from tests.interop.servers.keys import keys_in
from tests.interop.servers.program import MOMENT, Child, launch
from tests.interop.servers.server import Server, Sum


async def start_ours(reactor: Any, folder: Path, *options: str) -> Server:
    """Start it, with an inbox in ``folder``; PUT takes one name as the path."""
    keys, inbox = keys_in(folder), folder / "inbox"
    inbox.mkdir()
    pair = f"privateKey={keys.pair}:certKey={keys.pair}"
    listen = [f"ssl:0:{pair}", "tcp:0"]
    words = [f"--listen={each}:interface=127.0.0.1" for each in listen]
    serve = [sys.executable, "-m", "txmultipart", "serve", str(inbox)]
    child = launch(reactor, folder, *serve, *words, *options, PYTHONUNBUFFERED="1")
    tls, h2c = await announced(reactor, child)
    children, arrived = [child], told_first
    return Server(
        "txmultipart", "this", keys, tls, h2c, arrived, children, stored=inbox
    )


async def announced(reactor: Any, child: Child) -> list[str]:
    urls: list[str] = []
    while len(urls) < 2:
        assert not child.ended.called, child.complaints()
        await deferLater(reactor, MOMENT)
        urls = re.findall(r"(?:Receiving at|Forwarding from) (\S+)", child.printed)
    return urls


async def told_first(path: str, answer: bytes) -> Sum:
    """The sum of the first part, from the inbox's answer."""
    part = json.loads(answer)["parts"][0]
    return Sum(part["sha256"], part["size"])
