"""Splitter: the same frames however the bytes are cut, and each one alone."""

from __future__ import annotations

from typing import Any

import pytest
from hyperframe.frame import DataFrame, Frame, SettingsFrame

from txmultipart.http2.errors import ConnectionBroken
from txmultipart.http2.floods import Floods
from txmultipart.http2.frames import PREFACE, Head, Kind, frame, parse_head
from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.runs import find_run, find_updates
from txmultipart.http2.splitter import Splitter, known_settings

SETTINGS = SettingsFrame(0, {4: 1 << 20}).serialize()


class Notes:
    """A handler that writes down what it is told; stream 9 has no taker."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def data_header(self, stream_id: int, body: int, end: bool, pad: int | None) -> Any:
        self.told.append(("data", stream_id, body, end, pad))
        return None if stream_id == 9 else stream_id

    def data_body(self, target: Any, data: bytes) -> None:
        if isinstance(self.told[-1], bytes):
            self.told[-1] += data
        else:
            self.told.append(data)

    def data_end(self, target: Any) -> None:
        self.told.append(("end", target))

    def frame(self, head: Head, whole: bytes) -> None:
        self.told.append(whole)
        self.told.append(None)

    def windows_opened(self, added: dict[int, int]) -> None:
        for stream_id, increment in added.items():
            increment_of = increment.to_bytes(4, "big")
            self.told += [frame(Kind.WINDOW_UPDATE, 0, stream_id, increment_of), None]

    def goaway(self, last_stream_id: int, error_code: int) -> None:
        self.told.append(("goaway", last_stream_id, error_code))

    def priority_update(self, stream_id: int, value: bytes) -> None:
        self.told.append(("priority", stream_id, value))


def split(data: bytes, step: int = 1 << 20, **options: int) -> list[Any]:
    """What a handler is told of ``data``, in reads of ``step`` bytes."""
    made = HTTP2Options(**options)
    notes = Notes()
    splitter = Splitter(notes, made, Floods(made, lambda: 0.0))
    for at in range(0, len(data), step):
        splitter.receive(data[at : at + step])
    return notes.told


def padded(stream_id: int, data: bytes, pad: int, *flags: str) -> bytes:
    """A DATA frame with a pad."""
    made = DataFrame(stream_id, data, pad_length=pad, flags=["PADDED", *flags])
    return bytes(made.serialize())


MIX = b"".join(
    [
        PREFACE,
        SETTINGS,
        frame(1, 4, 1, b"\x82\x86"),
        frame(0, 0, 1, b"hello"),
        padded(1, b"padded", 5),
        padded(1, b"", 0),
        frame(0xEE, 0, 3, b"unknown"),
        frame(7, 0, 0, b"\0\0\0\7\0\0\0\2debug"),
        frame(0x10, 0, 0, b"\0\0\0\1u=1"),
        frame(6, 0, 0, b"12345678"),
        padded(1, b"", 9, "END_STREAM"),
        frame(0, 0, 9, b"for nobody"),
        frame(0, 1, 9, b"more"),
        frame(0, 1, 3, b""),
        padded(5, b"x", 3, "END_STREAM"),
    ]
)

TOLD = [
    SETTINGS,
    None,
    frame(1, 4, 1, b"\x82\x86"),
    None,
    ("data", 1, 5, False, None),
    b"hello",
    ("data", 1, 6, False, 5),
    b"padded",
    ("data", 1, 0, False, 0),
    ("goaway", 7, 2),
    ("priority", 1, b"u=1"),
    frame(6, 0, 0, b"12345678"),
    None,
    ("data", 1, 0, True, 9),
    ("end", 1),
    ("data", 9, 10, False, None),
    ("data", 9, 4, True, None),
    ("data", 3, 0, True, None),
    ("end", 3),
    ("data", 5, 1, True, 3),
    b"x",
    ("end", 5),
]


@pytest.mark.parametrize("step", [1, 2, 3, 5, 8, 9, 10, 16, 23, 24, 25, 1000])
def test_however_it_is_cut(step: int) -> None:
    assert split(MIX, step) == TOLD


def test_data_is_told_at_its_header() -> None:
    told = split(PREFACE + SETTINGS + frame(0, 0, 1, bytes(100))[:10])
    assert told[2:] == [("data", 1, 100, False, None), b"\0"]


def test_frames_of_one_read_are_told_as_one() -> None:
    frames = frame(0, 0, 1, b"ab") * 3 + frame(0, 0, 3, b"c") + frame(0, 1, 3, b"d")
    told = split(PREFACE + SETTINGS + frames)
    assert told[2:5] == [
        ("data", 1, 6, False, None),
        b"ababab",
        ("data", 3, 1, False, None),
    ]
    told = split(PREFACE + SETTINGS + frame(0, 0, 9, b"ab") * 3)
    assert told[2:] == [("data", 9, 6, False, None)]


def test_no_run_inside_a_header_block() -> None:
    begin = PREFACE + SETTINGS + frame(1, 0, 1, b"\x82")
    with pytest.raises(ConnectionBroken):
        split(begin + frame(0, 0, 1, b"ab") * 3)


@pytest.mark.parametrize(
    "data",
    [
        frame(0, 0, 0, b"x") * 2,
        frame(0, 1, 1, b"x") * 2,
        frame(1, 0, 1, b"x") * 2,
        frame(0, 0, 1, b"") * 2,
        frame(0, 0, 1, bytes(20)) * 2,
        frame(0, 0, 1 << 31 | 1, b"x") * 2,
        frame(0, 0, 1, b"x")[:-1],
        b"",
    ],
)
def test_what_is_no_run(data: bytes) -> None:
    assert find_run(data, 0, 10) == (0, [], 0)


def test_unknown_settings_are_cut_out() -> None:
    known, unknown = b"\0\4\0\1\0\0", b"\0\xee\0\0\0\1"
    whole = frame(4, 0, 0, unknown + known + unknown)
    assert known_settings(parse_head(whole), whole) == frame(4, 0, 0, known)


def test_a_too_long_frame_is_refused_from_its_header() -> None:
    with pytest.raises(ConnectionBroken) as caught:
        split(PREFACE + SETTINGS + b"\xff\xff\xff\1\4\0\0\0\1")
    assert caught.value.error_code == 6


def test_heads_are_as_hyperframe_reads_them() -> None:
    raw = frame(6, 1, 0, b"12345678")
    theirs, length = Frame.parse_frame_header(memoryview(raw[:9]))
    ours = parse_head(raw)
    assert (ours.length, ours.kind, ours.stream_id) == (length, theirs.type, 0)
    assert parse_head(b"\0" * 5 + b"\xff" * 4).stream_id == (1 << 31) - 1


# Updates of windows, in a row ---------------------------------------------------------


def update(stream_id: int, increment: int, flags: int = 0) -> bytes:
    payload = increment.to_bytes(4, "big")
    return frame(Kind.WINDOW_UPDATE, flags, stream_id, payload)


def test_updates_in_a_row_are_added_up() -> None:
    data = b"x" + update(0, 5) + update(3, 7) + update(0, 1) + update(3, 1)[:-1]
    assert find_updates(data, 1) == ({0: 6, 3: 7}, 3)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(update(3, 0), id="nothing"),
        pytest.param(update(3, 1 << 31), id="reserved-bit"),
        pytest.param(update(3, (1 << 31) - 1), id="too-much-together"),
        pytest.param(update(1 << 31 | 3, 1), id="reserved-bit-of-the-stream"),
        pytest.param(update(3, 1, flags=1), id="flags"),
        pytest.param(frame(Kind.PING, 0, 0, bytes(8)) + update(3, 1), id="ping"),
    ],
)
def test_an_update_that_is_not_right_stands_by_itself(wrong: bytes) -> None:
    data = update(3, 1) + update(0, 2) + wrong + update(3, 1)
    assert find_updates(data, 0) == ({3: 1, 0: 2}, 2)


GREETING = PREFACE + SETTINGS


@pytest.mark.parametrize(
    ("data", "begun"),
    [
        (PREFACE[:5], 0),
        (GREETING, 0),
        (GREETING + frame(0, 0, 1, bytes(99))[:5], 0),  # within a header
        (GREETING + frame(0, 0, 1, bytes(99))[:9], 99),
        (GREETING + frame(0, 0, 1, bytes(99))[:19], 89),
        (GREETING + padded(1, bytes(90), 8)[:9], 99),  # PAD
        (GREETING + padded(1, bytes(90), 8)[:20], 88),  # BODY, with the pad to come
        (GREETING + padded(1, bytes(90), 8)[:-3], 3),  # PADDING
        (GREETING + frame(Kind.PING, 0, 0, bytes(8))[:-3], 3),  # WHOLE
        (GREETING + frame(99, 0, 0, bytes(8))[:-3], 3),  # SKIP
        (GREETING + frame(99, 0, 0, bytes(8)) + padded(1, bytes(9), 8), 0),
    ],
)
def test_what_is_still_to_come_of_a_frame(data: bytes, begun: int) -> None:
    options = HTTP2Options()
    splitter = Splitter(Notes(), options, Floods(options, lambda: 0.0))
    splitter.receive(data)
    assert splitter.begun == begun
