"""nghttp, which shows every frame; of certificates it only warns."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from tests.app.serving import run
from tests.peers import peer


class Answer(NamedTuple):
    """What nghttp got, informational answers included."""

    statuses: list[int]
    #: Header fields and trailer fields, as ``name: value``.
    fields: list[str]
    length: int
    #: All that it shows.
    shown: str


async def put(url: str, content: Path, *options: str) -> Answer:
    """PUT a file."""
    what = ["-H", ":method: PUT", "-d", str(content), "-v", "--null-out"]
    shown, _, _ = await run(peer("nghttp"), "--no-verify-peer", *what, *options, url)
    fields = re.findall(r"recv \(stream_id=\d+\) (.*)", shown)
    statuses = [int(field.split()[1]) for field in fields if field.startswith(":")]
    lengths = re.findall(r"recv DATA frame <length=(\d+)", shown)
    return Answer(statuses, fields, sum(map(int, lengths)), shown)
