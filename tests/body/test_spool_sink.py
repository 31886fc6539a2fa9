"""SpoolSink: memory, then a file; its table, its faults, and nothing left behind."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from tests.body.doubles import Outcome, Threads, Upstream, error_of, untimed, value_of
from txmultipart.body import batch_sink, spool_sink
from txmultipart.body.batch_sink import BATCH, HIGH
from txmultipart.body.spool_sink import SpoolSink, State
from txmultipart.body.stream import ByteStream
from txmultipart.body.writer import MultipartWriter
from txmultipart.errors import MisuseError
from txmultipart.interfaces import ISink

MEMORY, FILE, BROKEN, READY, CLOSED = State
BLOCK = b"x" * BATCH


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Threads:
    """Worker threads that work when the test says so."""
    threads = Threads()
    for module in (batch_sink, spool_sink):
        monkeypatch.setattr(module, "deferToThread", threads)
    return threads


class Rig:
    """A sink in a state, and its worker threads."""

    def __init__(self, threads: Threads, state: State) -> None:
        self.threads = threads
        self.upstream = Upstream()
        folder = "/nowhere/at/all" if state is BROKEN else None
        self.sink = SpoolSink(4, folder=folder)
        self.sink.registerProducer(self.upstream, True)
        getattr(self, f"_to_{state.value}")()
        threads.run()
        assert self.sink.state is state

    def _to_memory(self) -> None:
        """It is so from the start."""

    def _to_file(self) -> None:
        self.sink.write(b"12345")

    _to_broken = _to_file

    def _to_ready(self) -> None:
        self.sink.finish()

    def _to_closed(self) -> None:
        self.sink.close()

    def act(self, name: str) -> Outcome[None] | None:
        if name == "write":
            self.sink.write(b"12345")
            outcome = None
        elif name == "fail":
            outcome = Outcome(self.sink.fail(Failure(OSError())))
        elif name == "close":
            self.sink.close()
            outcome = None
        else:
            outcome = Outcome(self.sink.finish())
        self.threads.run()
        return outcome


def line(**changes: State) -> dict[State, State]:
    return {state: changes.get(state.value, state) for state in State}


TABLE: dict[str, dict[State, State]] = {
    "write": line(memory=FILE),
    "finish": line(memory=READY, file=READY, broken=CLOSED),
    "fail": {state: CLOSED for state in State},
    "close": {state: CLOSED for state in State},
}


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize("name", TABLE)
def test_the_table_is_true(name: str, state: State, threads: Threads) -> None:
    rig = Rig(threads, state)
    outcome = rig.act(name)
    assert rig.sink.state is TABLE[name][state]
    if outcome is not None:
        (result,) = outcome.results
        bad = {BROKEN: FileNotFoundError, CLOSED: MisuseError}.get(state)
        expected = bad if name == "finish" else None
        assert getattr(result, "type", result) == expected
    if rig.sink.state is READY:
        rig.sink.file.close()
    else:
        with pytest.raises(MisuseError, match="cannot be read"):
            _ = rig.sink.file
    rig.sink.close()
    assert rig.sink._file is None


@pytest.mark.parametrize(("size", "in_memory"), [(0, True), (4, True), (5, False)])
async def test_what_was_written_can_be_read(size: int, in_memory: bool) -> None:
    stream = ByteStream()
    with SpoolSink(4) as sink:
        verifyObject(ISink, sink)
        written = stream.write_to(sink)
        stream.write(b"123456"[:size])
        stream.unregisterProducer()
        assert await written == sink.size == size
        assert sink.in_memory == in_memory
        for _ in range(2):
            assert await sink.read() == b"123456"[:size]
        assert sink.file.read() == b"123456"[:size]
        file = sink.file
    assert file.closed


async def test_what_was_written_can_be_sent() -> None:
    stream, body = ByteStream(), MultipartWriter(boundary="b")
    with SpoolSink(4) as sink:
        written = stream.write_to(sink)
        stream.write(BLOCK * 3)
        stream.unregisterProducer()
        await written
        body.append(sink.file)
        assert body.replayable
        assert BLOCK * 3 in await body.as_bytes()


async def test_the_file_has_no_name(tmp_path: Path) -> None:
    with SpoolSink(4, folder=tmp_path) as sink:
        sink.write(b"12345")
        await sink.finish()
        assert os.listdir(tmp_path) == []


def test_a_slow_disk_holds_the_sender(threads: Threads) -> None:
    upstream, sink = Upstream(), SpoolSink(4)
    sink.registerProducer(upstream, True)
    for _ in range(HIGH // BATCH):
        assert upstream.running
        sink.write(BLOCK)
    assert upstream.calls == ["pause"]
    threads.run()
    assert upstream.calls == ["pause", "resume"]
    sink.close()


def test_a_full_disk_stops_the_sender(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(fd: int, pieces: list[bytes]) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(spool_sink, "write_all", full)
    stream = ByteStream()
    written = Outcome(stream.write_to(sink := SpoolSink(4)))
    stream.write(b"12345")
    threads.run()
    assert isinstance(written.error, OSError)
    assert written.error.errno == errno.ENOSPC
    assert sink.state is CLOSED
    assert sink._file is None


def test_a_disk_that_is_full_at_the_end_is_told(
    threads: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = SpoolSink(4)
    sink.write(b"12345")
    threads.run()
    sink.write(b"6")

    def full(fd: int, pieces: list[bytes]) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(spool_sink, "write_all", full)
    finished = Outcome(sink.finish())
    threads.run()
    assert isinstance(finished.error, OSError)
    assert sink._file is None


def test_to_close_amid_the_end_fails_it(threads: Threads) -> None:
    sink = SpoolSink(4)
    sink.write(b"12345")
    finished = Outcome(sink.finish())
    threads.run_one()
    sink.close()
    threads.run()
    assert isinstance(finished.error, MisuseError)
    assert sink._file is None


def test_to_cancel_the_end_is_to_wait_no_longer(threads: Threads) -> None:
    sink = SpoolSink(4)
    sink.write(b"12345")
    finished = Outcome(sink.finish())
    finished.deferred.cancel()
    assert isinstance(finished.error, CancelledError)
    threads.run()
    assert sink.state is READY
    sink.close()


def test_without_a_producer_nobody_is_stopped(threads: Threads) -> None:
    sink = SpoolSink(4, folder="/nowhere/at/all")
    sink.write(b"12345")
    finished = Outcome(sink.finish())
    threads.run()
    assert isinstance(finished.error, FileNotFoundError)
    sink._broke(Failure(OSError()))
    assert sink.state is CLOSED


ACTS: dict[str, Callable[[SpoolSink], Any]] = {
    "write": lambda sink: sink.write(b"abc"),
    "block": lambda sink: sink.write(BLOCK),
    "finish": lambda sink: sink.finish(),
    "fail": lambda sink: sink.fail(Failure(OSError())),
    "close": lambda sink: sink.close(),
}


@untimed
@given(st.lists(st.sampled_from([*ACTS, "thread"]), max_size=15))
def test_any_order_comes_to_one_outcome_and_closes_the_file(names: list[str]) -> None:
    threads, outcomes = Threads(), list[Outcome[None]]()
    with pytest.MonkeyPatch.context() as patch:
        for module in (batch_sink, spool_sink):
            patch.setattr(module, "deferToThread", threads)
        sink = SpoolSink(4)
        written = b""
        for name in names:
            if name == "thread":
                if threads.jobs:
                    threads.run_one()
                continue
            if name in ("write", "block"):
                if outcomes:
                    continue  # nothing is written behind the end
                written += b"abc" if name == "write" else BLOCK
            deferred = ACTS[name](sink)
            if deferred is not None:
                outcomes.append(Outcome(deferred))
        outcomes.append(Outcome(sink.finish()))
        threads.run()
        assert all(len(outcome.results) == 1 for outcome in outcomes)
        if sink.state is READY:
            assert sink.file.read() == written
        else:
            assert isinstance(error_of(sink.finish()), MisuseError)
        sink.close()
        threads.run()
        assert sink._file is None
        assert value_of(sink.fail(Failure(OSError()))) is None
