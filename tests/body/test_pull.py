"""PullToPush: one piece per turn, paused and resumed any number of times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.internet.task import deferLater
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.body.doubles import MIXED_TYPE, Downstream, Outcome
from txmultipart.body.pull import PullToPush
from txmultipart.body.reader import MultipartReader
from txmultipart.body.stream import ByteStream


async def turns(count: int = 5) -> None:
    """Let the reactor go round."""
    from twisted.internet import reactor

    for _ in range(count):
        await deferLater(reactor, 0)


@implementer(IPullProducer)
class Pulled:
    """Gives numbered pieces to ``consumer``, then ends or raises."""

    def __init__(self, consumer: Any, count: int = 3, breaks: bool = False) -> None:
        self.consumer = consumer
        self.given = 0
        self.stopped = 0
        self._count = count
        self._breaks = breaks

    def resumeProducing(self) -> None:
        if self.given < self._count:
            self.given += 1
            self.consumer.write(b"%d" % self.given)
        elif self._breaks:
            raise OSError("the source is gone")
        else:
            self.consumer.unregisterProducer()

    def stopProducing(self) -> None:
        self.stopped += 1


def endless() -> tuple[Pulled, PullToPush]:
    pulled = Pulled(Downstream(), count=1 << 30)
    return pulled, PullToPush(pulled, lambda failure: None)


async def test_it_asks_until_it_is_paused() -> None:
    pulled, push = endless()
    verifyObject(IPushProducer, push)
    await turns()
    push.pauseProducing()
    push.pauseProducing()
    given = pulled.given
    assert given > 1
    await turns()
    assert pulled.given == given
    push.resumeProducing()
    push.resumeProducing()
    await turns()
    assert pulled.given > given
    push.close()


ENDINGS: dict[str, Callable[[PullToPush], None]] = {
    "running": lambda push: None,
    "paused": PullToPush.pauseProducing,
}


@pytest.mark.parametrize("before", ENDINGS.values(), ids=ENDINGS)
async def test_once_stopped_it_is_over(before: Callable[[PullToPush], None]) -> None:
    pulled, push = endless()
    before(push)
    push.stopProducing()
    assert pulled.stopped == 1
    push.pauseProducing()
    push.resumeProducing()
    push.close()
    await turns()
    assert pulled.given == 0


async def test_a_pull_producer_feeds_a_stream_on_demand() -> None:
    stream = ByteStream()
    pulled = Pulled(stream)
    stream.registerProducer(pulled, False)
    await turns()
    assert pulled.given == 0
    assert [chunk async for chunk in stream] == [b"1", b"2", b"3"]


async def test_what_a_pull_producer_raises_fails_the_stream() -> None:
    stream = ByteStream()
    stream.registerProducer(Pulled(stream, breaks=True), False)
    written = Outcome(stream.write_to(Downstream()))
    await turns(10)
    assert isinstance(written.error, OSError)


async def test_what_a_pull_producer_raises_fails_the_reader() -> None:
    reader = MultipartReader(MIXED_TYPE)
    reader.registerProducer(Pulled(reader, 0, breaks=True), False)
    with pytest.raises(OSError, match="gone"):
        await reader.next_part()
