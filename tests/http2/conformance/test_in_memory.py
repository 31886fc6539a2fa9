"""Every case of conformance, in memory: whole and byte by byte.

And against servers that are wrong on purpose, so that no case is one that all pass.
"""

from __future__ import annotations

import contextlib

import pytest
from hyperframe.frame import GoAwayFrame, SettingsFrame

from tests.http2.conformance import CASES
from tests.http2.conformance.case import (
    Answered,
    BreaksConnection,
    BreaksStream,
    Case,
    Closed,
    Ponged,
    Refused,
    SaysGoodbye,
    Sent,
    run,
)
from tests.http2.conformance.frames import SETTINGS_ACK, STREAMS, frame, ping
from tests.http2.conformance.memory import MemoryLink


@pytest.mark.parametrize("step", [1 << 20, 1], ids=["whole", "byte-by-byte"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case: Case, step: int) -> None:
    link = MemoryLink(step)
    run(case, link, strict=True)
    link.close()


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


class Indulgent:
    """Acknowledges SETTINGS and PING, and minds nothing."""

    def __init__(self) -> None:
        self.said = SettingsFrame(0, {STREAMS: 10}).serialize()

    def send(self, data: bytes) -> None:
        if data[3:9] == frame(6, 0, 0)[3:]:
            self.said += ping(data[9:17], ack=True)
        else:
            self.said += SETTINGS_ACK

    def read(self) -> bytes:
        said, self.said = self.said, b""
        if not said:
            raise TimeoutError
        return said


class Curt(Indulgent):
    """Greets, and closes when it hears more, with or without a word."""

    def __init__(self, word: bytes) -> None:
        super().__init__()
        self.word = word
        self.closed = False
        self.heard = 0

    def send(self, data: bytes) -> None:
        self.heard += 1
        if self.heard > 2:  # the preface, and the acknowledgement of our SETTINGS
            self.said, self.closed = self.word, True
        else:
            super().send(data)

    def read(self) -> bytes:
        return b"" if self.closed and not self.said else super().read()


CALM = GoAwayFrame(0, error_code=11).serialize()
WORKS = (Answered, Sent, Ponged)
BREAKS = (BreaksConnection, BreaksStream, Refused, SaysGoodbye)


def passed_by(link: type[Indulgent], *args: bytes, strict: bool) -> set[str]:
    """The cases that such a server passes."""
    passed = set()
    for case in CASES:
        with contextlib.suppress(AssertionError):
            run(case, link(*args), strict=strict)
            passed.add(case.name)
    return passed


def holding(*kinds: type) -> set[str]:
    """The cases that expect one of these."""
    steps = [(case.name, step) for case in CASES for step in case.steps]
    return {name for name, step in steps if isinstance(step, kinds)}


@pytest.mark.parametrize("strict", [False, True])
def test_a_server_that_minds_nothing(strict: bool) -> None:
    passed = passed_by(Indulgent, strict=strict)
    assert passed
    assert not passed & holding(Answered, Sent, *BREAKS, Closed)


@pytest.mark.parametrize("word", [b"", CALM], ids=["without a word", "for no reason"])
def test_a_server_that_ends_whatever_there_is(word: bytes) -> None:
    passed = passed_by(Curt, word, strict=False)
    assert passed >= holding(BreaksConnection) - holding(*WORKS)
    assert not passed & holding(*WORKS, SaysGoodbye)
    assert not passed_by(Curt, word, strict=True) & holding(*WORKS, *BREAKS)
