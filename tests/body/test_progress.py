"""Progress: often enough to see, no oftener, and once at the end."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.web.iweb import UNKNOWN_LENGTH

from tests.body.doubles import untimed
from txmultipart.body.progress import INTERVAL, Progress

Call = tuple[int, int | None, Any]


class Recorded:
    """A progress, what it told, and its clock."""

    def __init__(self, total: object = 100) -> None:
        self.calls: list[Call] = []
        self.clock = Clock()
        self.progress = Progress(
            lambda *call: self.calls.append(call), total, seconds=self.clock.seconds
        )


def test_the_first_is_told_and_then_one_per_interval() -> None:
    recorded = Recorded()
    for count in range(1, 31):
        recorded.progress.update(count, "part")
        recorded.clock.advance(INTERVAL / 10)
    assert [count for count, _, _ in recorded.calls] == pytest.approx(
        [1, 11, 21], abs=2
    )


def test_the_end_is_told_whatever_the_time() -> None:
    recorded = Recorded()
    recorded.progress.update(1, "first")
    recorded.progress.update(2, "second")
    recorded.progress.finish(100, None)
    assert recorded.calls == [(1, 100, "first"), (100, 100, None)]


def test_an_unknown_total_is_none() -> None:
    recorded = Recorded(UNKNOWN_LENGTH)
    recorded.progress.update(1, None)
    assert recorded.calls == [(1, None, None)]


@untimed
@given(st.lists(st.floats(0, 1), max_size=50))
def test_two_are_never_nearer_than_the_interval(steps: list[float]) -> None:
    recorded, times = Recorded(), list[float]()
    for step in steps:
        recorded.clock.advance(step)
        before = len(recorded.calls)
        recorded.progress.update(0, None)
        if len(recorded.calls) > before:
            times.append(recorded.clock.seconds())
    assert all(b - a >= INTERVAL - 1e-9 for a, b in pairwise(times))
    assert len(times) >= min(1, len(steps))
