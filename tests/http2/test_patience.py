"""Alarms, stopwatches, and the time in hand that bytes earn."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from txmultipart.http2.alarm import Alarm
from txmultipart.http2.patience import Patience, Stopwatch


def test_an_alarm_rings_once_and_at_the_time_set_last() -> None:
    clock, rung = Clock(), []
    alarm = Alarm(clock, lambda: rung.append(clock.seconds()))
    alarm.set(5)
    clock.advance(4)
    alarm.set(5)
    assert alarm.is_set
    clock.advance(4)
    assert rung == []
    clock.advance(1)
    assert rung == [9]
    assert not alarm.is_set
    alarm.set(1)
    alarm.set(None)
    alarm.set(None)
    assert clock.getDelayedCalls() == []


def test_a_stopwatch_adds_up() -> None:
    clock = Clock()
    watch = Stopwatch(clock.seconds)
    watch.stop()
    for _ in range(2):
        watch.start()
        clock.advance(1)
        watch.start()
        clock.advance(1)
        assert watch.total in (2, 4)
        watch.stop()
        watch.stop()
        clock.advance(10)
    assert watch.total == 4


@pytest.mark.parametrize(
    ("size", "spent"), [(0, 4), (1, 5), (490, None), (500, None), (50_000, None)]
)
def test_who_brings_enough_is_waited_for(size: int, spent: int | None) -> None:
    patience = Patience(20, 100)
    turns = 0
    while not patience.is_spent and turns < 2000:
        patience.spend(5, size)
        turns += 1
    slow = size < 500
    assert (turns < 2000) == slow
    if spent is not None:
        assert turns == spent


def test_much_at_once_is_not_enough_for_ever() -> None:
    patience = Patience(20, 100)
    patience.spend(5, 1 << 30)
    for _ in range(4):
        assert not patience.is_spent
        patience.spend(5, 0)
    assert patience.is_spent
    patience.restore()
    assert not patience.is_spent
