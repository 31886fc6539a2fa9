"""Every state of a keepalive meets every input."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.task import Clock

from txmultipart.http2.keepalive import Keepalive


class Rig:
    """A keepalive that asks after 30 seconds, and waits 20 for an answer."""

    def __init__(self, interval: float | None = 30) -> None:
        self.clock = Clock()
        self.calls: list[str] = []
        self.keepalive = Keepalive(
            self.clock,
            interval,
            20,
            ask=lambda: self.calls.append("ask"),
            give_up=lambda: self.calls.append("give up"),
        )

    def wait(self, seconds: float) -> None:
        self.clock.pump([seconds, 0, 0])


def off(rig: Rig) -> None:
    """As it is made."""


def quiet(rig: Rig) -> None:
    rig.keepalive.watch(True)
    rig.wait(10)


def asked(rig: Rig) -> None:
    rig.keepalive.watch(True)
    rig.wait(31)
    assert rig.calls == ["ask"]
    rig.calls.clear()
    rig.wait(10)


def given_up(rig: Rig) -> None:
    rig.keepalive.watch(True)
    rig.wait(31)
    rig.wait(20)
    assert rig.calls == ["ask", "give up"]
    rig.calls.clear()


INPUTS: dict[str, Callable[[Rig], None]] = {
    "nothing": lambda rig: None,
    "heard": lambda rig: rig.keepalive.heard(),
    "watch": lambda rig: rig.keepalive.watch(True),
    "do not": lambda rig: rig.keepalive.watch(False),
}

#: What is done 11, 21 and 31 seconds after an input.
TABLE: dict[Callable[[Rig], None], dict[str, list[list[str]]]] = {
    off: {
        "nothing": [[], [], []],
        "heard": [[], [], []],
        "watch": [[], [], ["ask"]],
        "do not": [[], [], []],
    },
    quiet: {
        "nothing": [[], ["ask"], []],
        "heard": [[], [], ["ask"]],
        "watch": [[], ["ask"], []],
        "do not": [[], [], []],
    },
    asked: {
        "nothing": [["give up"], [], []],
        "heard": [[], [], ["ask"]],
        "watch": [["give up"], [], []],
        "do not": [[], [], []],
    },
    given_up: {
        "nothing": [[], [], []],
        "heard": [[], [], []],
        "watch": [[], [], ["ask"]],
        "do not": [[], [], []],
    },
}


@pytest.mark.parametrize("given", INPUTS)
@pytest.mark.parametrize("state", TABLE)
def test_the_table(state: Callable[[Rig], None], given: str) -> None:
    rig = Rig()
    state(rig)
    INPUTS[given](rig)
    done = []
    for seconds in (11, 10, 10):
        rig.wait(seconds)
        done.append(rig.calls[:])
        rig.calls.clear()
    assert done == TABLE[state][given]
    rig.keepalive.watch(False)
    assert rig.clock.getDelayedCalls() == []


def test_never() -> None:
    rig = Rig(None)
    rig.keepalive.watch(True)
    assert rig.clock.getDelayedCalls() == []
