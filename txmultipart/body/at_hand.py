"""What of a file is at hand: read without waiting for a disk.

A file that is sent has mostly been read or written a moment ago, and lies in the
system's memory. To have a worker thread copy it from there costs more than to copy it.
Linux can be asked for what it has, and for no more (``RWF_NOWAIT`` in preadv2(2)).
"""

from __future__ import annotations

import io
import os
from functools import cache
from typing import Any

#: Bytes that can be had at once.
MOST = 1 << 20

#: None where the system does not know it.
_NO_WAIT = getattr(os, "RWF_NOWAIT", None)


def at_hand(file: Any, limit: int) -> bytes | None:
    """At most ``limit`` bytes of ``file`` from where it stands, and at most ``MOST``; it
    then stands behind them. ``b""`` at its end.

    None if they cannot be had at once, or nobody knows whether they can: then ``file``
    is as it was. Raises nothing. To be called by the reactor's thread, and while nobody
    else reads ``file``.
    """
    # Of a subclass, or of what can be written too, more may lie elsewhere.
    if _NO_WAIT is None or type(file) not in (io.BufferedReader, io.FileIO):
        return None
    try:
        place, block = file.tell(), memoryview(_block())[:limit]
        size = os.preadv(file.fileno(), [block], place, _NO_WAIT)
        file.seek(place + size)
    except (OSError, ValueError):  # reading it in a thread tells what is wrong
        return None
    return bytes(block[:size])


@cache
def _block() -> bytearray:
    # One for all: to make it, which fills it with zeros, takes as long as a read. What was
    # read is copied out of it before anybody else can read.
    return bytearray(MOST)
