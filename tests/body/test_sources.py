"""Sources: content piece by piece, and nothing left open."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from weakref import WeakSet

import pytest
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    DeferredLock,
    fail,
    succeed,
)

from tests.body.doubles import Outcome, Threads, value_of
from txmultipart.body import sources
from txmultipart.body.sources import (
    AsyncIterableSource,
    BytesSource,
    FileSource,
    IterableSource,
    checked,
    size_of,
)
from txmultipart.errors import PayloadError
from txmultipart.interfaces import Source


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Threads:
    """Worker threads that work when the test says so."""
    threads = Threads()
    monkeypatch.setattr(sources, "deferToThread", threads)
    return threads


def read_now(source: Source) -> bytes:
    """The next piece, which is here."""
    piece = source.read()
    return value_of(piece) if isinstance(piece, Deferred) else piece


def read_all(source: Source) -> list[bytes]:
    pieces = []
    while piece := read_now(source):
        pieces.append(piece)
    assert read_now(source) == b""
    source.close()
    source.close()
    return pieces


class Pieces:
    """An asynchronous iterable that is no generator."""

    def __init__(self, *pieces: Any) -> None:
        self._pieces = iter(pieces)

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> Any:
        for piece in self._pieces:
            return await piece if isinstance(piece, Deferred) else piece
        raise StopAsyncIteration


Make = Callable[..., Source]
KINDS: dict[str, Make] = {
    "iterable": lambda *pieces: IterableSource(pieces),
    "iterable, later": lambda *pieces: IterableSource(map(succeed, pieces)),
    "async iterable": lambda *pieces: AsyncIterableSource(Pieces(*pieces)),
}
each_kind = pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)


@each_kind
def test_pieces_come_as_they_are_and_empty_ones_do_not(make: Make) -> None:
    assert read_all(make(b"", b"a", b"", b"", b"bc", b"")) == [b"a", b"bc"]
    assert read_all(make()) == []


@each_kind
def test_any_bytes_will_do(make: Make) -> None:
    pieces = read_all(make(bytearray(b"a"), memoryview(b"b"), b"c"))
    assert pieces == [b"a", b"b", b"c"]
    assert all(type(piece) is bytes for piece in pieces)


@each_kind
@pytest.mark.parametrize("piece", ["text", 7, ["list"]], ids=repr)
def test_what_is_not_bytes_is_refused(piece: object, make: Make) -> None:
    with pytest.raises(PayloadError, match=f"is {type(piece).__name__}, not bytes"):
        read_now(make(b"", piece))


def test_pieces_may_be_mixed() -> None:
    source = IterableSource([succeed(b""), b"", b"a", succeed(b"b"), succeed(b"")])
    assert read_all(source) == [b"a", b"b"]


def test_any_number_of_empty_pieces_may_come() -> None:
    assert read_all(IterableSource(succeed(b"") for _ in range(5000))) == []


def test_a_piece_that_fails_is_told() -> None:
    with pytest.raises(OSError, match="gone"):
        read_now(IterableSource([fail(OSError("gone"))]))


def test_bytes_come_in_one_piece() -> None:
    assert read_all(BytesSource(b"abc")) == [b"abc"]
    closed = BytesSource(b"abc")
    closed.close()
    assert closed.read() == b""


def test_checked_and_size_of(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert size_of(tmp_path / "a") == 3
    assert checked(bytearray(b"a")) == b"a"


# Closing -----------------------------------------------------------------------------


class Cleaned:
    """Generators, of both kinds, that tell when they have cleaned up."""

    def __init__(self) -> None:
        self.up = False
        self.stop: Callable[[], None] = lambda: None

    def sync(self, *pieces: Any) -> Iterator[Any]:
        try:
            for piece in pieces:
                self.stop()
                yield piece
        finally:
            self.up = True

    async def later(self, *pieces: Any) -> AsyncIterator[Any]:
        try:
            for piece in pieces:
                self.stop()
                yield await piece if isinstance(piece, Deferred) else piece
        finally:
            self.up = True


def test_a_generator_that_is_closed_cleans_up() -> None:
    cleaned = Cleaned()
    for source in (
        IterableSource(cleaned.sync(b"a", b"b")),
        AsyncIterableSource(cleaned.later(b"a", b"b")),
    ):
        cleaned.up = False
        assert read_now(source) == b"a"
        source.close()
        assert cleaned.up
        source.close()


def test_a_generator_that_waits_is_cancelled_and_cleans_up() -> None:
    cleaned, waiting = Cleaned(), Deferred[bytes]()
    source = AsyncIterableSource(cleaned.later(waiting))
    read = Outcome(source.read())
    source.close()
    assert cleaned.up
    assert isinstance(read.error, CancelledError)


def test_a_generator_that_closes_itself_can_be_closed_again() -> None:
    for kind in ("sync", "later"):
        cleaned = Cleaned()
        pieces = getattr(cleaned, kind)(b"a")
        source: Any = (IterableSource if kind == "sync" else AsyncIterableSource)(
            pieces
        )
        cleaned.stop = source.close
        read_now(source)
        source.close()
        assert cleaned.up


def test_a_piece_that_was_waited_for_may_still_come() -> None:
    waiting = Deferred[bytes]()
    source = IterableSource([waiting, b"b"])
    piece = source.read()
    assert isinstance(piece, Deferred)
    outcome = Outcome(piece)
    source.close()
    waiting.callback(b"a")
    assert outcome.value == b"a"


# Files -------------------------------------------------------------------------------


def file_source(file: Any, **options: Any) -> FileSource:
    return FileSource(lambda: file, **options)


def begin_to_read(source: FileSource) -> Outcome[bytes]:
    block = source.read()
    assert isinstance(block, Deferred)
    return Outcome(block)


def read_in_thread(source: FileSource, threads: Threads) -> bytes:
    piece = begin_to_read(source)
    assert not piece.fired
    threads.run()
    return piece.value


def test_a_file_is_opened_and_read_in_a_thread(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LARGEST", 2)
    file = io.BytesIO(b"abc")
    opened = []
    source = FileSource(lambda: opened.append(1) or file)  # type: ignore[func-returns-value]
    read = begin_to_read(source)
    assert opened == []
    threads.run()
    assert read.value == b"ab"
    assert read_in_thread(source, threads) == b"c"
    assert read_in_thread(source, threads) == b""
    assert opened == [1]
    source.close()
    assert file.closed
    source.close()


def test_a_file_of_somebody_else_is_not_closed(threads: Threads) -> None:
    source = file_source(file := io.BytesIO(b"abc"), owned=False)
    assert read_in_thread(source, threads) == b"abc"
    source.close()
    assert not file.closed


def test_a_file_is_not_closed_while_a_thread_reads_it(threads: Threads) -> None:
    source = file_source(file := io.BytesIO(b"abc"))
    read = begin_to_read(source)
    source.close()
    assert not file.closed
    threads.run()
    assert read.value == b"abc"
    assert file.closed


def test_what_is_at_hand_is_read_at_once(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One block in a few comes from a thread all the same, or nobody else has a turn."""
    monkeypatch.setattr(sources, "LARGEST", 2)
    monkeypatch.setattr(sources, "AT_ONCE", 4)
    monkeypatch.setattr(sources, "at_hand", lambda file, size: file.read(size))
    source = file_source(io.BytesIO(b"abcdefghi"))
    assert read_in_thread(source, threads) == b"ab"
    assert source.read() == b"cd"
    assert source.read() == b"ef"
    assert read_in_thread(source, threads) == b"gh"
    assert source.read() == b"i"
    assert source.read() == b""
    source.close()


def test_where_each_block_is_long_work_all_come_from_a_thread(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "BLOCK", 2)
    monkeypatch.setattr(sources, "at_hand", lambda *_: pytest.fail("not in turns"))
    source = file_source(io.BytesIO(b"abcd"))
    source.take_turns()
    assert read_in_thread(source, threads) == b"ab"
    assert read_in_thread(source, threads) == b"cd"
    source.close()


def test_those_that_are_sent_share(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("BLOCK", 2), ("LARGEST", 8), ("TOGETHER", 16)):
        monkeypatch.setattr(sources, name, value)
    monkeypatch.setattr(FileSource, "_sent", WeakSet())
    kept: list[FileSource] = []

    def begun(number: int) -> list[int]:
        found = [file_source(io.BytesIO(bytes(99))) for _ in range(number)]
        sizes = [len(read_in_thread(source, threads)) for source in found]
        for source in found:
            source.close()
        kept.extend(found)  # closed is enough to have no share any more
        return sizes

    assert begun(10) == [8, 8, 5, 4, 3, 2, 2, 2, 2, 2]
    assert begun(1) == [8]
    together = [file_source(io.BytesIO(bytes(99))) for _ in range(10)]
    reads = [begin_to_read(source) for source in together]
    threads.run()
    sizes = [len(read.value) for read in reads]
    assert sizes == [8, 8, 5, 4, 3, 2, 2, 2, 2, 2]  # also when all begin at once
    for source in together:
        source.close()


class Around:
    """An iterator around a generator, with a close of its own."""

    def __init__(self) -> None:
        self.source: Any = None
        self.pieces = self._generate()

    def _generate(self) -> Iterator[bytes]:
        self.source.close()
        yield b"a"

    def __iter__(self) -> Around:
        return self

    def __next__(self) -> bytes:
        return next(self.pieces)

    def close(self) -> None:
        # As a generator that runs says it; to close one may crash CPython 3.11.
        raise ValueError("generator already executing")


def test_an_iterator_that_cannot_be_closed_from_within() -> None:
    around = Around()
    around.source = source = IterableSource(around)
    assert source.read() == b"a"
    source.close()


def test_what_is_not_at_hand_is_read_in_a_thread(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LARGEST", 2)
    monkeypatch.setattr(sources, "at_hand", lambda file, size: None)
    source = file_source(io.BytesIO(b"abcd"))
    assert read_in_thread(source, threads) == b"ab"
    assert read_in_thread(source, threads) == b"cd"
    source.close()


def test_nothing_is_read_at_once_while_a_thread_reads(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was given up may still be reading the same file."""
    monkeypatch.setattr(sources, "LARGEST", 1)
    monkeypatch.setattr(sources, "at_hand", lambda *_: pytest.fail("not alone"))
    file, lock = io.BytesIO(b"ab"), DeferredLock()
    first, second = (file_source(file, owned=False, lock=lock) for _ in "ab")
    assert read_in_thread(second, threads) == b"a"
    reading = begin_to_read(first)
    first.close()
    piece = begin_to_read(second)
    threads.run()
    assert (reading.value, piece.value) == (b"b", b"")
    second.close()


def test_a_file_that_is_never_read_is_never_opened() -> None:
    FileSource(lambda: pytest.fail("opened")).close()


def _refuse() -> Any:
    raise PermissionError("not yours")


def test_what_opening_raises_is_told(threads: Threads) -> None:
    source = FileSource(_refuse)
    with pytest.raises(PermissionError):
        read_in_thread(source, threads)
    source.close()


def test_a_file_of_text_is_refused(threads: Threads) -> None:
    source = file_source(file := io.StringIO("text"))
    with pytest.raises(PayloadError, match="not open in binary mode"):
        read_in_thread(source, threads)
    source.close()
    assert file.closed
