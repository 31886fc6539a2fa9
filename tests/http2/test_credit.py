"""The contract with h2: it keeps its books when a run of frames is entered as one.

Tried with h2 4.4.1. When a test here fails with another version, ``LumpCredit`` is not
used (``PlainCredit`` is always right); look at what became of
``outbound_flow_control_window`` of a connection and of a stream.
"""

from __future__ import annotations

from typing import Any

import pytest
from h2.connection import H2Connection
from h2.exceptions import FlowControlError, ProtocolError

from txmultipart.http2 import credit
from txmultipart.http2.credit import LumpCredit, PlainCredit, holds, make_credit
from txmultipart.http2.frames import Kind, frame, window_update

each_kind = pytest.mark.parametrize("kind", [PlainCredit, LumpCredit])


def open_stream(kind: Any) -> tuple[H2Connection, Any]:
    """Books of a client with stream 1 open, and all that it had to say said."""
    books = credit._open_stream()
    books.data_to_send()
    return books, kind(books)


def written(books: H2Connection, ahead: list[Any]) -> bytes:
    return b"".join([*ahead, books.data_to_send()])


def test_the_contract_holds() -> None:
    assert holds(LumpCredit)
    assert type(open_stream(make_credit)[1]) is LumpCredit


@each_kind
def test_frames_and_both_windows(kind: Any) -> None:
    books, way = open_stream(kind)
    ahead = way.send(1, [b"abc", memoryview(b"de")], end=False)
    frames = frame(Kind.DATA, 0, 1, b"abc") + frame(Kind.DATA, 0, 1, b"de")
    assert written(books, ahead) == frames
    assert books.outbound_flow_control_window == 65530
    assert books.streams[1].outbound_flow_control_window == 65530


@each_kind
@pytest.mark.parametrize("pieces", [[b"abc"], [b"ab", b"c"]], ids=len)
def test_the_end(kind: Any, pieces: list[bytes]) -> None:
    books, way = open_stream(kind)
    ahead = way.send(1, pieces, end=True)
    *others, last = pieces
    frames = [frame(Kind.DATA, 0, 1, piece) for piece in others]
    assert written(books, ahead) == b"".join([*frames, frame(0, 1, 1, last)])
    assert books.local_flow_control_window(1) == 65532
    with pytest.raises(ProtocolError):
        books.send_data(1, b"more")


@each_kind
def test_what_h2_said_before_goes_first(kind: Any) -> None:
    books, way = open_stream(kind)
    books.ping(b"12345678")
    ahead = way.send(1, [b"abc"], end=False)
    books.ping(b"12345678")
    ping = frame(Kind.PING, 0, 0, b"12345678")
    assert written(books, ahead) == ping + frame(Kind.DATA, 0, 1, b"abc") + ping


@each_kind
def test_h2_says_what_is_wrong(kind: Any) -> None:
    books, way = open_stream(kind)
    with pytest.raises(FlowControlError):
        way.send(1, [bytes(16384)] * 4, end=False)
    books, way = open_stream(kind)
    books.reset_stream(1)
    with pytest.raises(ProtocolError):
        way.send(1, [b"abc"], end=False)


def opened(kind: Any, stream_id: int, increment: int) -> tuple[H2Connection, bool]:
    books, way = open_stream(kind)
    done = way.opened(stream_id, increment)
    if not done:
        books.receive_data(window_update(stream_id, increment))
    return books, done


@each_kind
def test_windows_open(kind: Any) -> None:
    books, done = opened(kind, 0, 1000)
    assert done is (kind is LumpCredit)
    assert books.outbound_flow_control_window == 66535
    assert books.local_flow_control_window(1) == 65535
    books, _ = opened(kind, 1, 1000)
    assert books.streams[1].outbound_flow_control_window == 66535


def test_the_largest_window_is_the_last_that_h2_need_not_see() -> None:
    largest = (1 << 31) - 1 - 65535
    for stream_id in (0, 1):
        assert opened(LumpCredit, stream_id, largest)[1]
        assert not open_stream(LumpCredit)[1].opened(stream_id, largest + 1)


def test_h2_judges_what_is_for_no_open_stream() -> None:
    books, way = open_stream(LumpCredit)
    assert not way.opened(3, 1)
    books.reset_stream(1)
    assert not way.opened(1, 1)


class Silent(LumpCredit):
    """As if the numbers were kept elsewhere."""

    def opened(self, stream_id: int, increment: int) -> bool:
        return True


class Gone(LumpCredit):
    """As if they were not there."""

    def opened(self, stream_id: int, increment: int) -> bool:
        raise AttributeError("outbound_flow_control_window")


class Elsewhere(LumpCredit):
    """As if what is left were counted otherwise."""

    def window(self, stream_id: int) -> int:
        return super().window(stream_id) + 1


@pytest.mark.parametrize("kind", [PlainCredit, LumpCredit])
def test_what_may_be_sent(kind: Any) -> None:
    books, way = open_stream(kind)
    for run in ((bytes(100), bytes(200)), (bytes(300),)):
        assert way.window(1) == books.local_flow_control_window(1)
        way.send(1, run, end=False)
    assert way.window(1) == books.local_flow_control_window(1) == 65535 - 600


@pytest.mark.parametrize("kind", [Silent, Gone, Elsewhere])
def test_an_h2_that_has_changed_is_found_out(kind: Any) -> None:
    assert not holds(kind)


def test_the_other_way_is_chosen_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credit, "lumps_hold", lambda: False)
    assert type(open_stream(make_credit)[1]) is PlainCredit
