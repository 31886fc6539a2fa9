"""FileSink: whole and under its name, or not there; and who waits for the disk."""

from __future__ import annotations

import errno
import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from tests.body.doubles import FaultyOS, Outcome, Threads, Upstream, untimed
from tests.guard import LoggedErrors
from txmultipart.body import batch_sink, file_sink
from txmultipart.body.batch_sink import BATCH, HIGH, PATIENCE, SLOW, write_all
from txmultipart.body.file_sink import Collision, FileSink, State
from txmultipart.body.incoming import Incoming
from txmultipart.body.stream import ByteStream
from txmultipart.errors import MisuseError

WRITING, BROKEN, PLACED, REMOVED = State
BLOCK = b"x" * BATCH


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Threads:
    """Worker threads that work when the test says so."""
    threads = Threads()
    for module in (batch_sink, file_sink):
        monkeypatch.setattr(module, "deferToThread", threads)
    return threads


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FaultyOS]:
    """Gives the sinks a disk with a fault."""

    def install(*fault: Any) -> FaultyOS:
        faulty = FaultyOS(*fault)
        for module in (batch_sink, file_sink):
            monkeypatch.setattr(module, "os", faulty)
        return faulty

    return install


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the next writes in the reactor thread take; none when it is empty."""
    durations: list[float] = []

    def ticks() -> Iterator[float]:
        now = 0.0
        while True:
            yield now
            now += durations.pop(0) if durations else 0.0
            yield now

    monkeypatch.setattr(batch_sink, "perf_counter", ticks().__next__)
    monkeypatch.setattr(batch_sink, "times_waited", itertools.count().__next__)
    return durations


def begun(path: Path, **options: Any) -> FileSink:
    """A sink that has its producer, which is an ``Upstream``."""
    sink = FileSink(path, **options)
    sink.registerProducer(Upstream(), True)
    return sink


def end(sink: FileSink) -> Outcome[None]:
    sink.unregisterProducer()
    return Outcome(sink.finish())


def broken(error: BaseException | None = None) -> Failure:
    return Failure(error or OSError("the source is gone"))


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


# The table ---------------------------------------------------------------------------


def writing(sink: FileSink, threads: Threads) -> None:
    threads.run()


def made_broken(sink: FileSink, threads: Threads) -> None:
    threads.run()
    fd, sink._fd = sink._fd, 10**6  # which is no file
    sink.write(BLOCK)
    sink._fd = fd


def placed(sink: FileSink, threads: Threads) -> None:
    sink.finish()
    threads.run()


def removed(sink: FileSink, threads: Threads) -> None:
    sink.fail(broken())
    threads.run()


WAYS = {WRITING: writing, BROKEN: made_broken, PLACED: placed, REMOVED: removed}

# The table of the module: the next state, and what the Deferred comes to.
TABLE: dict[str, dict[State, tuple[State, type[BaseException] | None]]] = {
    "write": {state: (state, None) for state in State},
    "finish": {
        WRITING: (PLACED, None),
        BROKEN: (REMOVED, OSError),
        PLACED: (PLACED, None),
        REMOVED: (REMOVED, MisuseError),
    },
    "fail": {state: (REMOVED, None) for state in State},
}


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize("name", TABLE)
def test_the_table_is_true(
    name: str, state: State, threads: Threads, tmp_path: Path
) -> None:
    sink = begun(tmp_path / "a")
    WAYS[state](sink, threads)
    assert sink._state is state
    inputs: dict[str, Callable[[], Deferred[None] | None]] = {
        "write": lambda: sink.write(BLOCK),
        "finish": sink.finish,
        "fail": lambda: sink.fail(broken()),
    }
    deferred = inputs[name]()
    threads.run()
    expected, error = TABLE[name][state]
    assert sink._state is expected
    if error is not None:
        assert deferred is not None
        assert isinstance(Outcome(deferred).error, error)
    elif deferred is not None:
        assert Outcome(deferred).value is None
    sink.fail(broken())
    threads.run()
    assert names(tmp_path) == []


def test_bytes_are_kept_in_one_state_only(threads: Threads, tmp_path: Path) -> None:
    for state, way in WAYS.items():
        sink = begun(tmp_path / state.value)
        way(sink, threads)
        size = sink.size
        sink.write(b"abc")
        assert sink.size - size == (3 if state is WRITING else 0)
        sink.fail(broken())
        threads.run()


@untimed
@given(
    st.lists(st.sampled_from(["write", "block", "finish", "fail", "thread", "slow"])),
    st.sampled_from(["error", "overwrite", "rename"]),
    st.sampled_from(["", "open", "writev", "fsync", "link", "replace"]),
)
def test_any_order_of_inputs_ends_whole_or_not_there(
    acts: list[str], collision: Collision, fault: str
) -> None:
    threads = Threads()
    disk = FaultyOS(fault, errno.EIO)
    with (
        tempfile.TemporaryDirectory() as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        for module in (batch_sink, file_sink):
            patch.setattr(module, "deferToThread", threads)
            patch.setattr(module, "os", disk)
        path = Path(folder, "a")
        sink, outcomes = begun(path, collision=collision), list[Outcome[None]]()
        written = b""
        for act in acts:
            if act in ("write", "block") and not outcomes:
                data = BLOCK if act == "block" else b"abc"
                sink.write(data)
                written += data
            elif act == "slow":
                sink._slow = 2
            elif act == "thread" and threads.jobs:
                threads.run_one()
            elif act == "finish":
                outcomes.append(Outcome(sink.finish()))
            elif act == "fail":
                outcomes.append(Outcome(sink.fail(broken())))
        outcomes.append(Outcome(sink.finish()))
        threads.run()
        assert all(len(outcome.results) == 1 for outcome in outcomes)
        assert not disk.open_files
        if outcomes[-1].results == [None]:
            assert path.read_bytes() == written
        else:
            assert names(Path(folder)) == []


# Whole, and under its name -----------------------------------------------------------


async def test_it_is_there_when_it_is_whole(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "a.bin")
    body = ByteStream()
    written = body.write_to(sink)
    for piece in (b"abc", BLOCK, b"def"):
        body.write(piece)
    assert not sink.path.exists()
    body.unregisterProducer()
    assert await written == sink.size == BATCH + 6
    assert sink.path.read_bytes() == b"abc" + BLOCK + b"def"
    assert names(tmp_path) == ["a.bin"]


async def test_an_empty_file_is_a_file(tmp_path: Path) -> None:
    sink = begun(tmp_path / "a")
    await sink.finish()
    assert sink.path.read_bytes() == b""


def test_finish_may_be_asked_before_the_file_is_open(
    threads: Threads, tmp_path: Path
) -> None:
    sink = begun(tmp_path / "a")
    sink.write(b"abc")
    outcome = end(sink)
    assert not outcome.fired
    threads.run()
    assert outcome.value is None
    assert sink.path.read_bytes() == b"abc"


@pytest.mark.parametrize("fsync", [True, False])
def test_fsync_is_for_the_file_and_its_name(
    fsync: bool, threads: Threads, disk: Callable[..., FaultyOS], tmp_path: Path
) -> None:
    calls = disk().counts
    end(begun(tmp_path / "a", fsync=fsync))
    threads.run()
    assert calls["fsync"] == (2 if fsync else 0)


def test_the_file_is_made_with_the_usual_rights(
    threads: Threads, tmp_path: Path
) -> None:
    usual, sink = tmp_path / "usual", begun(tmp_path / "a")
    usual.touch()
    end(sink)
    threads.run()
    assert sink.path.stat().st_mode == usual.stat().st_mode


# Collisions --------------------------------------------------------------------------

#: What is there afterwards, and whether the second of two writers is content.
COLLISIONS: dict[Collision, tuple[dict[str, bytes], bool]] = {
    "error": ({"a.txt": b"first"}, False),
    "overwrite": ({"a.txt": b"second"}, True),
    "rename": ({"a.txt": b"first", "a (1).txt": b"second"}, True),
}
LINKS: dict[str, tuple[Any, ...]] = {
    "with links": (),
    "EPERM": ("link", errno.EPERM, 2),
    "ENOTSUP": ("link", errno.ENOTSUP, 2),
    "ENOSYS": ("link", errno.ENOSYS, 2),
}


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names(folder)}


@pytest.mark.parametrize("fault", LINKS.values(), ids=LINKS)
@pytest.mark.parametrize("collision", COLLISIONS)
def test_of_two_at_the_same_time_none_is_lost_unasked(
    collision: Collision,
    fault: tuple[Any, ...],
    threads: Threads,
    disk: Callable[..., FaultyOS],
    tmp_path: Path,
) -> None:
    disk(*fault)
    sinks = [begun(tmp_path / "a.txt", collision=collision) for _ in range(2)]
    for sink, data in zip(sinks, (b"first", b"second"), strict=True):
        sink.write(data)
    first, second = [end(sink) for sink in sinks]
    threads.run()
    expected, content = COLLISIONS[collision]
    assert first.value is None
    assert content or isinstance(second.error, FileExistsError)
    assert not content or second.value is None
    assert contents(tmp_path) == expected
    assert {sink.path.name for sink in sinks} == set(expected)


def test_a_name_that_is_taken_is_told_before_the_bytes(
    threads: Threads, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"old")
    sink = begun(tmp_path / "a")
    upstream = sink.producer
    threads.run()
    assert upstream.calls == ["stop"]
    sink.write(BLOCK)
    outcome = end(sink)
    threads.run()
    assert isinstance(outcome.error, FileExistsError)
    assert contents(tmp_path) == {"a": b"old"}


NAMES = {
    "a": ["a (1)", "a (2)"],
    "a.txt": ["a (1).txt", "a (2).txt"],
    "a.tar.gz": ["a (1).tar.gz", "a (2).tar.gz"],
    "1.2.3.txt": ["1.2 (1).3.txt", "1.2 (2).3.txt"],
    ".profile": [".profile (1)", ".profile (2)"],
    "a.b c d e f g h i j k.txt": ["a.b c d e f g h i j k (1).txt"],
}


@pytest.mark.parametrize(("name", "others"), NAMES.items(), ids=NAMES)
def test_a_counter_leaves_the_suffix_at_the_end(
    name: str, others: list[str], threads: Threads, tmp_path: Path
) -> None:
    sinks = [begun(tmp_path / name, collision="rename") for _ in [name, *others]]
    for sink in sinks:
        end(sink)
    threads.run()
    assert [sink.path.name for sink in sinks] == [name, *others]


def test_there_is_an_end_to_counting(
    threads: Threads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_sink, "_candidates", lambda path: [path, path])
    (tmp_path / "a").touch()
    outcome = end(begun(tmp_path / "a", collision="rename"))
    threads.run()
    assert isinstance(outcome.error, FileExistsError)
    assert names(tmp_path) == ["a"]


def test_a_policy_is_one_of_three(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="'error', 'overwrite' or 'rename'"):
        FileSink(tmp_path / "a", collision="replace")  # type: ignore[arg-type]


# What the disk may refuse ------------------------------------------------------------

FAULTS: dict[str, tuple[Collision, str, int, int]] = {
    "open": ("error", "open", errno.EACCES, 1),
    "write in the reactor": ("error", "writev", errno.ENOSPC, 1),
    "write in a thread": ("error", "writev", errno.ENOSPC, 2),
    "write at the end": ("error", "writev", errno.EDQUOT, 3),
    "fsync": ("error", "fsync", errno.EIO, 1),
    "close": ("error", "close", errno.EIO, 1),
    "link": ("error", "link", errno.EACCES, 1),
    "link for a counter": ("rename", "link", errno.ENOSPC, 1),
    "replace": ("overwrite", "replace", errno.EACCES, 1),
    "fsync of the name": ("error", "fsync", errno.EIO, 2),
}


@pytest.mark.parametrize(
    ("collision", "function", "error", "nth"), FAULTS.values(), ids=FAULTS
)
def test_a_disk_that_refuses_leaves_nothing(
    collision: Collision,
    function: str,
    error: int,
    nth: int,
    threads: Threads,
    disk: Callable[..., FaultyOS],
    tmp_path: Path,
) -> None:
    faulty = disk(function, error, nth)
    sink, body = FileSink(tmp_path / "a", collision=collision), ByteStream()
    written = Outcome(body.write_to(sink))
    threads.run()
    body.write(BLOCK)
    sink._slow = 1
    body.write(BLOCK)
    body.write(b"the end")
    threads.run()
    body.unregisterProducer()
    threads.run()
    assert isinstance(written.error, OSError)
    assert written.error.errno == error
    assert names(tmp_path) == []
    assert not faulty.open_files


def test_a_fallback_that_fails_takes_its_place_away(
    threads: Threads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoLinks(FaultyOS):
        def link(self, *args: object) -> None:
            raise OSError(errno.EPERM, "no links here")

    for module in (batch_sink, file_sink):
        monkeypatch.setattr(module, "os", NoLinks("replace", errno.EIO))
    sink = begun(tmp_path / "a")
    outcome = end(sink)
    threads.run()
    assert isinstance(outcome.error, OSError)
    assert outcome.error.errno == errno.EIO
    assert names(tmp_path) == []


def test_batches_behind_one_that_was_refused_are_dropped(
    threads: Threads, disk: Callable[..., FaultyOS], tmp_path: Path
) -> None:
    faulty = disk("writev", errno.ENOSPC)
    sink = begun(tmp_path / "a")
    upstream = sink.producer
    for _ in range(3):
        sink.write(BLOCK)
    threads.run()
    assert faulty.counts["writev"] == 1
    assert upstream.calls == ["stop"]
    outcome = end(sink)
    threads.run()
    assert isinstance(outcome.error, OSError)


def test_a_folder_that_is_not_there(threads: Threads, tmp_path: Path) -> None:
    outcome = end(begun(tmp_path / "none" / "a"))
    threads.run()
    assert isinstance(outcome.error, FileNotFoundError)


def test_the_reason_is_the_first_one(
    threads: Threads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if what is left cannot be removed either."""
    sink = begun(tmp_path / "none" / "a")

    def refuse(path: Path, missing_ok: bool) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "unlink", refuse)
    outcome = end(sink)
    threads.run()
    assert isinstance(outcome.error, FileNotFoundError)


def test_fail_never_fails(
    threads: Threads,
    tmp_path: Path,
    disk: Callable[..., FaultyOS],
    logged_errors: LoggedErrors,
) -> None:
    disk("close", errno.EIO)
    sink = begun(tmp_path / "a")
    threads.run()
    undone = Outcome(sink.fail(broken()))
    threads.run()
    assert undone.value is None
    assert names(tmp_path) == []
    assert len(logged_errors.flush(OSError)) == 1


def test_a_sink_takes_one_file(threads: Threads, tmp_path: Path) -> None:
    sink, body = begun(tmp_path / "a"), ByteStream()
    end(sink)
    threads.run()
    with pytest.raises(MisuseError, match="takes one file"):
        body.write_to(sink)
    assert names(tmp_path) == ["a"]


# Giving up ---------------------------------------------------------------------------


def nothing_yet(body: ByteStream, threads: Threads) -> None: ...


def opened(body: ByteStream, threads: Threads) -> None:
    threads.run()


def half_way(body: ByteStream, threads: Threads) -> None:
    threads.run()
    body.write(BLOCK)
    body.write(b"more")


def in_a_thread(body: ByteStream, threads: Threads) -> None:
    body.write(BLOCK)  # behind the opening, which has not been done


STAGES = [nothing_yet, opened, half_way, in_a_thread]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("how", ["cancel", "fail", "stop"])
def test_giving_up_leaves_nothing(
    how: str,
    stage: Callable[[ByteStream, Threads], None],
    threads: Threads,
    disk: Callable[..., FaultyOS],
    tmp_path: Path,
) -> None:
    faulty, body, sink = disk(), ByteStream(), FileSink(tmp_path / "a")
    written = Outcome(body.write_to(sink))
    stage(body, threads)
    if how == "cancel":
        written.deferred.cancel()
    else:
        body.fail(broken())
    threads.run()
    assert isinstance(written.error, CancelledError if how == "cancel" else OSError)
    assert names(tmp_path) == []
    assert not faulty.open_files


def test_cancelling_while_it_is_placed_leaves_it_whole(
    threads: Threads, tmp_path: Path
) -> None:
    body = ByteStream()
    written = Outcome(body.write_to(FileSink(tmp_path / "a")))
    body.write(b"abc")
    body.unregisterProducer()
    written.deferred.cancel()
    threads.run()
    assert isinstance(written.error, CancelledError)
    assert contents(tmp_path) == {"a": b"abc"}


def test_a_thread_that_works_is_waited_for_even_when_cancelled(
    threads: Threads, tmp_path: Path
) -> None:
    """Two at once would share one descriptor."""
    sink = begun(tmp_path / "a")
    threads.run()
    finishing = end(sink)
    finishing.deferred.cancel()
    assert isinstance(finishing.error, CancelledError)
    undone = Outcome(sink.fail(broken()))
    undone.deferred.cancel()
    assert len(threads.jobs) == 1
    threads.run()
    assert names(tmp_path) == []


# Who waits for the disk --------------------------------------------------------------


def test_a_quick_disk_is_written_to_at_once(
    threads: Threads, clock: list[float], tmp_path: Path
) -> None:
    sink = begun(tmp_path / "a")
    threads.run()
    clock.append(SLOW)  # and not longer
    for batches in range(1, 4):
        sink.write(BLOCK)
        assert sink._temporary.stat().st_size == batches * BATCH
        assert threads.jobs == []
    sink.fail(broken())
    threads.run()


def test_after_a_slow_batch_a_thread_writes_for_a_while(
    threads: Threads, clock: list[float], tmp_path: Path
) -> None:
    sink = begun(tmp_path / "a")
    threads.run()
    clock.append(2 * SLOW)
    sink.write(BLOCK)
    for _ in range(PATIENCE):
        sink.write(BLOCK)
        assert len(threads.jobs) == 1
        threads.run()
    sink.write(BLOCK)
    assert threads.jobs == []
    assert sink._temporary.stat().st_size == (PATIENCE + 2) * BATCH
    sink.fail(broken())
    threads.run()


def test_a_batch_that_had_to_let_others_run_was_not_slow(
    threads: Threads,
    clock: list[float],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch_sink, "times_waited", lambda: 7)
    sink = begun(tmp_path / "a")
    threads.run()
    clock.append(2 * SLOW)
    sink.write(BLOCK)
    sink.write(BLOCK)
    assert threads.jobs == []
    sink.fail(broken())
    threads.run()


def test_where_nobody_tells_who_waited_time_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert batch_sink.times_waited() >= 0
    monkeypatch.setattr(batch_sink, "RUSAGE_THREAD", None)
    assert batch_sink.times_waited() != batch_sink.times_waited()


def test_batches_stay_in_order(threads: Threads, tmp_path: Path) -> None:
    sink = begun(tmp_path / "a")
    blocks = [bytes([number]) * BATCH for number in range(6)]
    for number, block in enumerate(blocks):
        sink.write(block)  # the first ones wait for the file to be open
        if number == 3:
            threads.run()
    end(sink)
    threads.run()
    assert sink.path.read_bytes() == b"".join(blocks)


def test_the_producer_is_held_while_much_waits(
    threads: Threads, tmp_path: Path
) -> None:
    sink = begun(tmp_path / "a")
    upstream = sink.producer
    threads.run()
    sink._slow = PATIENCE
    for count in range(1, HIGH // BATCH + 2):
        sink.write(BLOCK)
        assert upstream.running == (count * BATCH < HIGH)
    while sink._waiting >= HIGH // 2:
        assert not upstream.running
        threads.run_one()
    assert upstream.calls == ["pause", "resume"]
    end(sink)
    threads.run()
    assert sink.path.stat().st_size == HIGH + BATCH


def test_a_held_producer_that_is_gone_is_not_resumed(
    threads: Threads, tmp_path: Path
) -> None:
    sink = begun(tmp_path / "a")
    upstream = sink.producer
    for _ in range(HIGH // BATCH):
        sink.write(BLOCK)
    outcome = end(sink)
    threads.run()
    assert outcome.value is None
    assert upstream.calls == ["pause"]


class SparingOS(FaultyOS):
    """Takes a few bytes at a time."""

    def writev(self, fd: int, pieces: list[bytes]) -> int:
        return os.write(fd, b"".join(pieces)[:3])

    def write(self, fd: int, data: memoryview) -> int:
        return os.write(fd, data[:2])


@untimed
@given(pieces=st.lists(st.binary(max_size=5)))
def test_a_write_may_take_less_than_all(pieces: list[bytes]) -> None:
    with (
        tempfile.TemporaryFile() as file,
        pytest.MonkeyPatch.context() as patch,
    ):
        for module in (batch_sink, file_sink):
            patch.setattr(module, "os", SparingOS())
        write_all(file.fileno(), pieces)
        file.seek(0)
        assert file.read() == b"".join(pieces)


def test_more_pieces_than_one_call_takes(tmp_path: Path) -> None:
    pieces = [b"%d," % number for number in range(2000)]
    with (tmp_path / "a").open("wb") as file:
        write_all(file.fileno(), pieces)
    assert (tmp_path / "a").read_bytes() == b"".join(pieces)


@pytest.mark.parametrize("taken", [0, 1, 2, 3, 7, 8, 100])
def test_a_free_counter_is_found_in_few_looks(
    taken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []

    def lexists(path: Path) -> bool:
        looks.append(path)
        return path.exists()

    for name in ["f.txt", *(f"f ({count}).txt" for count in range(1, taken + 1))]:
        (tmp_path / name).touch()
    monkeypatch.setattr(os.path, "lexists", lexists)
    _, first, *_ = file_sink._candidates(tmp_path / "f.txt")
    assert first.name == f"f ({taken + 1}).txt"
    assert len(looks) <= 2 * (taken + 1).bit_length() + 1


def test_when_others_are_faster_a_random_name_is_tried(tmp_path: Path) -> None:
    names = [path.name for path in file_sink._candidates(tmp_path / "f.tar.gz")]
    assert names[:3] == ["f.tar.gz", "f (1).tar.gz", "f (2).tar.gz"]
    assert len(set(names)) == 41
    assert len(names[-1]) > 20


# What goes wrong is said -------------------------------------------------------------


async def refused(path: Path, collision: Collision = "error") -> OSError:
    """What a file under ``path`` fails with."""
    body = Incoming()
    body.write(b"x")
    body.unregisterProducer()
    with pytest.raises(OSError, match=r"\[Errno") as caught:
        await body.write_to(FileSink(path, collision=collision))
    return caught.value


async def test_the_error_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "old").touch()
    (tmp_path / "folder").mkdir()
    for name in ("old", "folder", "no/such/x"):
        error = await refused(tmp_path / name)
        assert (error.filename, error.filename2) == (str(tmp_path / name), None)
        assert str(error).endswith(f": '{tmp_path / name}'")
    error = await refused(tmp_path / "folder", "overwrite")
    assert (error.filename, error.filename2) == (str(tmp_path / "folder"), None)
    assert names(tmp_path) == ["folder", "old"]


async def test_also_when_the_disk_is_full(
    tmp_path: Path, disk: Callable[..., FaultyOS]
) -> None:
    disk("writev", errno.ENOSPC)
    error = await refused(tmp_path / "new")
    assert (error.errno, error.filename) == (errno.ENOSPC, str(tmp_path / "new"))


async def test_a_sink_without_a_producer_says_so(tmp_path: Path) -> None:
    sink = FileSink(tmp_path / "new")
    with pytest.raises(MisuseError, match="register that first"):
        sink.write(b"x")
    with pytest.raises(MisuseError, match="register that first"):
        await sink.finish()
    await sink.fail(broken())
    assert names(tmp_path) == []
