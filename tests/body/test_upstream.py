"""Upstream: its table, every state with every input."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.python.failure import Failure

from tests.body import doubles
from txmultipart.body.pull import PullToPush
from txmultipart.body.upstream import State, Upstream, closed
from txmultipart.errors import MisuseError

FREE, RUNNING, PAUSED, STOPPED = State


class Rig:
    """An upstream in a state, and its producer."""

    def __init__(self, state: State) -> None:
        self.producer = doubles.Upstream()
        self.upstream = Upstream("a test takes bytes")
        getattr(self, f"_to_{state.value}")()
        assert self.upstream.state is state
        self.producer.calls.clear()

    def _to_free(self) -> None:
        """It is so from the start."""

    def _to_running(self) -> None:
        self.connect()

    def _to_paused(self) -> None:
        self.connect()
        self.upstream.adjust(False)

    def _to_stopped(self) -> None:
        self.connect()
        self.upstream.stop()

    def connect(self) -> None:
        self.upstream.connect(self.producer, True, lambda failure: None)

    def wanted(self) -> None:
        self.upstream.adjust(True)

    def unwanted(self) -> None:
        self.upstream.adjust(False)

    def again(self) -> None:
        self.upstream.adjust(False, again=True)

    def stop(self) -> None:
        self.upstream.stop()

    def release(self) -> None:
        open_ = self.upstream.state in (RUNNING, PAUSED)
        given = self.upstream.release()
        assert given is (self.producer if open_ else None)


MISUSE = None
Next = tuple[State, list[str]]


def line(**changes: Next | None) -> dict[State, Next | None]:
    """What comes of it in each state; nothing where nothing is said."""
    return {state: changes.get(state.value, (state, [])) for state in State}


TABLE: dict[str, dict[State, Next | None]] = {
    "connect": line(free=(RUNNING, []), running=MISUSE, paused=MISUSE, stopped=MISUSE),
    "wanted": line(paused=(RUNNING, ["resume"])),
    "unwanted": line(running=(PAUSED, ["pause"])),
    "again": line(running=(PAUSED, ["pause"]), paused=(PAUSED, ["pause"])),
    "stop": line(running=(STOPPED, ["stop"]), paused=(STOPPED, ["stop"])),
    "release": {state: (FREE, []) for state in State},
}


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize("name", TABLE)
def test_the_table_is_true(name: str, state: State) -> None:
    rig, expected = Rig(state), TABLE[name][state]
    act: Callable[[], None] = getattr(rig, name)
    if expected is MISUSE:
        with pytest.raises(MisuseError, match="a test takes bytes from one producer"):
            act()
        return
    act()
    assert (rig.upstream.state, rig.producer.calls) == expected


def test_a_pull_producer_is_made_to_push_until_it_is_released() -> None:
    upstream, failures = Upstream("a test"), list[Failure]()
    upstream.connect(doubles.Upstream(), False, failures.append)
    pushing = upstream.release()
    assert isinstance(pushing, PullToPush)
    closed(pushing)  # which may be said twice, and of any producer
    closed(None)
    assert failures == []
