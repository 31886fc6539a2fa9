"""Events: compared by what they say, and safe to print."""

from __future__ import annotations

import pickle
from copy import copy, deepcopy

import pytest

from txmultipart.sansio import (
    EndOfMultipart,
    Event,
    PartBegin,
    PartData,
    PartEnd,
    PartHeaders,
)


@pytest.mark.parametrize(
    ("event", "printed"),
    [
        (PartData(b"secret"), "PartData(<6 bytes>)"),
        (PartEnd(), "PartEnd()"),
        (EndOfMultipart(), "EndOfMultipart()"),
        (
            PartBegin(PartHeaders({"X-Key": "secret"})),
            "PartBegin(headers=<PartHeaders X-Key>)",
        ),
    ],
)
def test_no_event_prints_what_is_in_a_body(event: Event, printed: str) -> None:
    assert repr(event) == printed


def test_events_that_say_the_same_are_equal() -> None:
    assert PartData(b"a") == PartData(b"a") != PartData(b"b")
    assert PartBegin(PartHeaders({"A": "b"})) == PartBegin(PartHeaders({"A": "b"}))
    events: list[Event] = [PartEnd(), EndOfMultipart()]
    assert events == [PartEnd(), EndOfMultipart()] != events[::-1]


@pytest.mark.parametrize(
    "event",
    [
        PartBegin(PartHeaders({"A": "b"})),
        PartData(b"a"),
        PartEnd(),
        EndOfMultipart(),
    ],
    ids=lambda event: type(event).__name__,
)
def test_copies_say_the_same(event: Event) -> None:
    for copied in (copy(event), deepcopy(event), pickle.loads(pickle.dumps(event))):
        assert type(copied) is type(event)
        assert copied == event
