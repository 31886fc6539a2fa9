"""ForeignProducer: its table, met by a producer that is strict about it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from zope.interface.verify import verifyObject

from txmultipart.web.foreign import ForeignProducer


class Strict:
    """As Twisted's: nothing before the start, and no pause or resume twice."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.done: Deferred[None] = Deferred()
        self.within: Any = None

    def startProducing(self, consumer: Any) -> Deferred[None]:
        self.told.append("start")
        if self.within is not None:
            self.within()
        return self.done

    def _tell(self, word: str) -> None:
        assert self.told
        assert self.told[-1] != word
        self.told.append(word)

    def pauseProducing(self) -> None:
        self._tell("pause")

    def resumeProducing(self) -> None:
        assert self.told[-1] == "pause"
        self._tell("resume")

    def stopProducing(self) -> None:
        self._tell("stop")


CASES = {
    "s": ["start"],
    "ps": ["start", "pause"],
    "pps": ["start", "pause"],
    "prs": ["start"],
    "rs": ["start"],
    "psr": ["start", "pause", "resume"],
    "spp": ["start", "pause"],
    "sr": ["start"],
    "sprr": ["start", "pause", "resume"],
    "x": [],
    "px": [],
    "sx": ["start", "stop"],
    "spx": ["start", "pause", "stop"],
}


@pytest.mark.parametrize("inputs", CASES)
def test_the_table_is_true(inputs: str) -> None:
    strict = Strict()
    foreign = ForeignProducer(strict)
    verifyObject(IPushProducer, foreign)
    calls: dict[str, Any] = {
        "s": lambda: foreign.startProducing(None),
        "p": foreign.pauseProducing,
        "r": foreign.resumeProducing,
        "x": foreign.stopProducing,
    }
    for letter in inputs:
        calls[letter]()
    assert strict.told == CASES[inputs]


def test_one_that_has_ended_at_once_is_not_paused() -> None:
    strict = Strict()
    strict.done = succeed(None)
    foreign = ForeignProducer(strict)
    foreign.pauseProducing()
    foreign.startProducing(None)
    assert strict.told == ["start"]


def test_one_that_is_paused_from_within_its_start_is_paused_once() -> None:
    strict = Strict()
    foreign = ForeignProducer(strict)
    strict.within = foreign.pauseProducing
    foreign.startProducing(None)
    assert strict.told == ["start", "pause"]
