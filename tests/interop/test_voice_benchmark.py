"""The voice benchmark runs: every frame is there, and after it was written."""

from __future__ import annotations

from twisted.internet import reactor

from benchmarks import voice
from tests.peers import peer


async def test_every_frame_is_there() -> None:
    peer("node")
    delays = await voice.delays(reactor, 30)
    assert len(delays) == 30
    assert min(delays) >= 0
