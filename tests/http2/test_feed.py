"""The contract with h2: it keeps its books when it is told of DATA and not given it.

Tried with h2 4.4.1 and hyperframe 6.1.0. When a test here fails with other versions,
``StandInFeed`` is not used (``PlainFeed`` is always right); look at what became of
``H2Connection.incoming_buffer`` and ``Frame.__repr__``.
"""

from __future__ import annotations

from typing import Any

import h2
import pytest
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded
from h2.exceptions import FlowControlError, ProtocolError
from hyperframe.frame import Frame

from txmultipart.http2 import feed
from txmultipart.http2.feed import PlainFeed, StandInFeed, holds, make_feed

each_feed = pytest.mark.parametrize("kind", [PlainFeed, StandInFeed])


def open_stream(kind: Any) -> tuple[H2Connection, Any]:
    """Books of a server with stream 1 open."""
    return feed._open_stream(kind)


def test_the_contract_holds() -> None:
    assert h2.__version__.startswith("4.")
    assert holds(StandInFeed)
    assert isinstance(open_stream(make_feed)[1], StandInFeed)


@each_feed
@pytest.mark.parametrize("pad", [None, 0, 7])
@pytest.mark.parametrize("end", [False, True])
def test_both_windows_and_the_end(kind: Any, pad: int | None, end: bool) -> None:
    books, way = open_stream(kind)
    events = way.account(1, 1000, end, pad)
    size = 1000 + (0 if pad is None else pad + 1)
    assert events[0].flow_controlled_length == size
    assert [type(event) for event in events] == [DataReceived, StreamEnded][: 1 + end]
    assert books.inbound_flow_control_window == 65535 - size
    assert books.remote_flow_control_window(1) == 65535 - size


@each_feed
def test_more_than_a_frame_at_once(kind: Any) -> None:
    books, way = open_stream(kind)
    books.max_inbound_frame_size = 16384
    way.account(1, 50_000, True, None)
    assert books.inbound_flow_control_window == 15535


@each_feed
def test_more_than_the_window(kind: Any) -> None:
    _, way = open_stream(kind)
    with pytest.raises(FlowControlError):
        way.account(1, 65536, False, None)


@each_feed
def test_no_such_stream(kind: Any) -> None:
    _, way = open_stream(kind)
    with pytest.raises(ProtocolError):
        way.account(3, 1, False, None)


@each_feed
def test_frames_of_other_kinds_between(kind: Any) -> None:
    books, way = open_stream(kind)
    way.account(1, 10, False, None)
    way.frame(b"\0\0\x08\6\0\0\0\0\0" + bytes(8))
    way.account(1, 10, False, None)
    assert books.inbound_flow_control_window == 65515


def test_h2_sets_the_longest_frame_of_its_own_buffer() -> None:
    books, way = open_stream(StandInFeed)
    books.max_inbound_frame_size = 20_000
    way.frame(b"")
    assert books.incoming_buffer.max_frame_size == 20_000


def test_no_bytes_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the other way is for: h2 takes ``repr`` of every frame."""
    _, way = open_stream(StandInFeed)

    def serialize(frame: Frame) -> bytes:
        raise AssertionError("a body was serialized to be printed")

    monkeypatch.setattr(Frame, "serialize", serialize)
    way.account(1, 1000, False, None)


class Deaf(StandInFeed):
    """As if h2 had given up its buffer."""

    def account(self, *arguments: Any) -> list[Any]:
        return self._connection.receive_data(b"")


class Gone(StandInFeed):
    """As if it were not there."""

    def __init__(self, connection: H2Connection) -> None:
        raise AttributeError("incoming_buffer")


class Generous(PlainFeed):
    """As if windows did not count."""

    def account(self, *arguments: Any) -> list[Any]:
        try:
            return super().account(*arguments)
        except FlowControlError:
            return []


@pytest.mark.parametrize("kind", [Deaf, Gone, Generous])
def test_an_h2_that_has_changed_is_found_out(kind: Any) -> None:
    assert not holds(kind)


def test_the_other_way_is_chosen_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "stand_in_holds", lambda: False)
    assert type(open_stream(make_feed)[1]) is PlainFeed
