"""How long sound takes from the microphone to the service: told by the service.

``python -m benchmarks.voice [FRAMES]`` sends so many frames of 10 ms (1,000 unless
given), one every 10 ms, as a part of one request on HTTP/2 to node's http2 over
loopback. Each carries the time at which it was written, and node says when it was there.
"""

from __future__ import annotations

import json
import struct
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from subprocess import PIPE, Popen
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, react

from txmultipart import FormData, HTTP2ConnectionPool, LivePayload
from txmultipart.treq import client

PEER = Path(__file__).with_name("voice_peer.mjs")

MARK, SIZE = b"frame of sound: ", 320

#: Milliseconds in which a frame should be there.
BOUND = 20


def frame() -> bytes:
    """One that is written now."""
    head = MARK + struct.pack(">Q", time.monotonic_ns())
    return head.ljust(SIZE, b"\0")


async def delays(reactor: Any, frames: int) -> list[float]:
    """Those of ``frames`` frames, in milliseconds."""
    with Popen(["node", str(PEER)], stdout=PIPE) as node:
        assert node.stdout is not None
        port = int(node.stdout.readline())
        try:
            return await _send(reactor, f"http://127.0.0.1:{port}/", frames)
        finally:
            node.terminate()


async def _send(reactor: Any, url: str, frames: int) -> list[float]:
    pool = HTTP2ConnectionPool(reactor, h2c=True)
    sound, form = LivePayload(), FormData()
    form.add_field("metadata", "{}", content_type="application/json")
    form.add_field("audio", sound)
    answer: Deferred[Any] = client(reactor, pool=pool).post(url, data=form)
    left = frames

    def record() -> None:
        nonlocal left
        left -= 1
        sound.write(frame())
        if not left:
            microphone.stop()
            sound.finish()

    microphone = LoopingCall(record)
    microphone.clock = reactor
    await microphone.start(0.01)
    told: list[int] = json.loads(await (await answer).text())
    await pool.closeCachedConnections()
    return [delay / 1000 for delay in told]


async def main(reactor: Any, frames: str = "1000") -> None:
    """Measure, and print it."""
    found = await delays(reactor, int(frames))
    late = sum(delay > BOUND for delay in found)
    print(f"{len(found)} frames were there after, in ms:")
    print(f"median {median(found):.2f}")
    print(f"99 % within {quantiles(found, n=100)[98]:.2f}")
    print(f"the slowest {max(found):.2f}")
    print(f"{late} of them after more than {BOUND} ms")


if __name__ == "__main__":
    react(main, sys.argv[1:])
