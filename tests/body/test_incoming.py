"""Incoming: reading at once, by lines, into a file, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from tests.body.doubles import Outcome, Upstream, cut, error_of, untimed, value_of
from txmultipart.body import incoming as incoming_module
from txmultipart.body.incoming import Incoming
from txmultipart.body.pieces import Pieces
from txmultipart.body.stream import take_kept
from txmultipart.errors import LimitExceeded, MisuseError
from txmultipart.limits import Limits


def incoming(*pieces: bytes, ended: bool = True, limit: int = 100) -> Incoming:
    """A body of which these pieces are here."""
    body = Incoming(Limits(max_field_size=limit))
    for piece in pieces:
        body.write(piece)
    if ended:
        body.unregisterProducer()
    return body


def lines_of(body: Incoming) -> list[bytes]:
    lines = []
    while line := value_of(body.readline()):
        lines.append(line)
    return lines


def test_read_gives_all_that_is_left() -> None:
    body = incoming(b"ab", b"cd", b"ef")
    assert value_of(body.read_chunk()) == b"ab"
    assert value_of(body.read()) == b"cdef"


@pytest.mark.parametrize(("size", "fits"), [(9, True), (10, True), (11, False)])
def test_read_holds_no_more_than_its_bound(size: int, fits: bool) -> None:
    read = incoming(*[b"x"] * size, limit=10).read()
    if fits:
        assert value_of(read) == b"x" * size
        return
    error = error_of(read)
    assert isinstance(error, LimitExceeded)
    assert (error.limit, error.bound, error.offset) == ("max_field_size", 10, 10)


def test_what_read_refuses_can_still_be_dropped() -> None:
    body = incoming(b"x" * 11, b"the rest", limit=10)
    assert isinstance(error_of(body.read()), LimitExceeded)
    assert value_of(body.discard()) == 8


def test_cancelling_read_frees_the_body() -> None:
    body, upstream = incoming(ended=False), Upstream()
    body.registerProducer(upstream, True)
    read = Outcome(body.read())
    assert upstream.running
    read.deferred.cancel()
    assert isinstance(read.error, CancelledError)
    assert not upstream.running
    body.write(b"later")
    assert value_of(body.read_chunk()) == b"later"


LINES: dict[str, tuple[bytes, list[bytes]]] = {
    "nothing": (b"", []),
    "one, whole": (b"a\n", [b"a\n"]),
    "one, cut short": (b"a", [b"a"]),
    "the last cut short": (b"a\nb", [b"a\n", b"b"]),
    "empty ones": (b"\n\na\n\n", [b"\n", b"\n", b"a\n", b"\n"]),
    "CR stays": (b"a\r\nb\r\n", [b"a\r\n", b"b\r\n"]),
    "CR alone is none": (b"a\rb", [b"a\rb"]),
}


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize(("content", "lines"), LINES.values(), ids=LINES)
def test_lines(content: bytes, lines: list[bytes], size: int) -> None:
    assert lines_of(incoming(*cut(content, [size]))) == lines


@untimed
@given(st.lists(st.sampled_from([b"a", b"bc", b"\n", b"\n\n"])), st.integers(1, 9))
def test_lines_are_those_of_the_whole(words: list[bytes], size: int) -> None:
    content = b"".join(words)
    body = incoming(*cut(content, [size]), limit=1000)
    assert lines_of(body) == content.splitlines(keepends=True)
    assert body.taken == len(content)


def test_a_line_is_bounded_and_given_back() -> None:
    body = incoming(b"x" * 6, b"y" * 6 + b"\nnext", limit=10)
    error = error_of(body.readline())
    assert isinstance(error, LimitExceeded)
    assert error.limit == "max_field_size"
    assert body.taken == 0
    body.limits = Limits()
    assert lines_of(body) == [b"x" * 6 + b"y" * 6 + b"\n", b"next"]


def test_a_line_with_its_feed_may_be_as_long_as_the_bound() -> None:
    assert lines_of(incoming(b"123456789\nrest", limit=10)) == [b"123456789\n", b"rest"]


def test_cancelling_readline_loses_no_bytes() -> None:
    body = incoming(b"half a ", ended=False)
    line = Outcome(body.readline())
    line.deferred.cancel()
    assert isinstance(line.error, CancelledError)
    body.write(b"line\n")
    assert value_of(body.readline()) == b"half a line\n"


def test_a_source_that_breaks_in_a_line_tells_after_its_bytes() -> None:
    body = incoming(b"half a ", ended=False)
    line = Outcome(body.readline())
    body.fail(Failure(OSError("gone")))
    assert isinstance(line.error, OSError)
    assert value_of(body.read_chunk()) == b"half a "
    assert isinstance(error_of(body.read_chunk()), OSError)


def test_discard_counts_what_it_drops() -> None:
    assert value_of(incoming(b"ab", b"c").discard()) == 3


def test_discard_does_not_fail_but_whoever_reads_on_is_told() -> None:
    body = incoming(b"ab", ended=False)
    body.fail(Failure(OSError("gone")))
    assert value_of(body.discard()) == 2
    assert isinstance(error_of(body.read_chunk()), OSError)


async def test_save_keeps_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    assert await incoming(b"ab", b"c").save(path) == 3
    assert path.read_bytes() == b"abc"


async def test_save_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        await incoming(b"new").save(str(path))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


async def test_a_body_that_breaks_is_not_saved(tmp_path: Path) -> None:
    body = incoming(b"half", ended=False)
    body.fail(Failure(OSError("gone")))
    with pytest.raises(OSError, match="gone"):
        await body.save(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


READINGS: dict[str, Callable[[Incoming], Deferred[Any]]] = {
    "read": lambda body: body.read(),
    "readline": lambda body: body.readline(),
    "read_chunk": lambda body: body.read_chunk(),
    "discard": lambda body: body.discard(),
    "save": lambda body: body.save("never-made"),
}


@pytest.mark.parametrize("second", READINGS)
@pytest.mark.parametrize("first", [name for name in READINGS if name != "save"])
def test_reading_two_ways_at_once_is_refused_at_the_call(
    first: str, second: str
) -> None:
    body = incoming(ended=False)
    reading = Outcome(READINGS[first](body))
    with pytest.raises(MisuseError, match="being read already"):
        READINGS[second](body)
    body.unregisterProducer()
    assert reading.value in (b"", 0)


def test_lines_of_one_chunk_are_cut_at_once() -> None:
    """So that many short ones do not copy what is left of it over and over."""
    body = incoming(b"a\n" * 3 + b"b", b"c\n")
    assert value_of(body.readline()) == b"a\n"
    assert take_kept(body) == [b"a\n", b"a\n", b"b", b"c\n"]


def test_a_line_may_come_byte_by_byte() -> None:
    body = Incoming(Limits(max_field_size=5000))
    line = Outcome(body.readline())
    for _ in range(4999):
        body.write(b"x")
    assert not line.fired
    body.write(b"\n")
    assert line.value == b"x" * 4999 + b"\n"


def test_a_line_is_held_in_few_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding each to the ones before would copy them all, every time."""
    copied: list[int] = []

    class Counted(Pieces):
        def joined(self) -> bytes:
            copied.append(self.size)
            return super().joined()

    monkeypatch.setattr(incoming_module, "Pieces", Counted)
    body = Incoming()
    line = Outcome(body.readline())
    for _ in range(2000):
        body.write(b"x")
    body.unregisterProducer()
    assert line.value == b"x" * 2000
    assert copied == [2000]


def test_what_there_was_of_a_long_line_can_be_read() -> None:
    body = Incoming(Limits(max_field_size=10))
    line = Outcome(body.readline())
    for _ in range(11):
        body.write(b"x")
    assert isinstance(line.error, LimitExceeded)
    assert value_of(body.read_chunk()) == b"x" * 11
