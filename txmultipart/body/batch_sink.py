"""BatchSink: writes to a disk in batches, and never lets that hold up the reactor.

Batches are written in the reactor thread as long as the disk takes them
quickly, which costs least, and in a worker thread for a while after it did not,
so that a slow disk slows down the sender and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from math import nan
from time import perf_counter
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from txmultipart.body.pieces import Pieces
from txmultipart.body.sinks import Sink

try:
    from resource import RUSAGE_THREAD, getrusage
except ImportError:  # pragma: no cover - not on Linux
    RUSAGE_THREAD = None  # type: ignore[assignment,misc]

#: Bytes that are written at once. Larger ones cost more page faults than they save.
BATCH = 256 << 10

#: Bytes that may wait for the worker thread before the producer is paused: two of the
#: largest reads, or else the disk and the sender would wait for one another in turn.
HIGH = 8 * BATCH

#: A batch that took longer than this many seconds was not just copied to memory,
#: if its thread has waited as well: it may only have been another program's turn.
SLOW = 0.005

#: How many batches go to the worker thread after a slow one.
PATIENCE = 64


class BatchSink(Sink):
    """Gives batches to ``_write``, which may run in a worker thread.

    A subclass writes ``_write``, and is told in ``_broke`` what that raises.
    """

    def __init__(self) -> None:
        #: Bytes taken so far.
        self.size = 0
        self._batch = Pieces()
        self._lock = DeferredLock()
        self._jobs = 0
        self._waiting = 0  # bytes
        self._paused = False
        self._slow = 0

    def _write(self, batch: list[bytes]) -> None:
        raise NotImplementedError

    def _broke(self, reason: Failure) -> None:
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        """Take some bytes for the disk."""
        self.size += len(data)
        self._batch.append(data)
        if self._batch.size >= BATCH:
            self._submit()

    def _submit(self) -> None:
        size, batch = self._batch.size, self._batch.take()
        if self._jobs or self._slow:
            self._slow = max(0, self._slow - 1)
            self._work(size, self._write, batch)
            return
        started, waits = perf_counter(), times_waited()
        try:
            self._write(batch)
        except OSError:
            self._broke(Failure())
        if perf_counter() - started > SLOW and times_waited() != waits:
            self._slow = PATIENCE

    def _work(self, size: int, job: Callable[..., None], *args: object) -> None:
        """Have a worker thread do ``job``, after those before it."""
        self._jobs += 1
        self._waiting += size
        if self._waiting >= HIGH and not self._paused and self.producer is not None:
            self._paused = True
            self.producer.pauseProducing()
        done: Deferred[Any] = self._lock.run(self._do, job, *args)
        done.addCallback(self._worked, size)

    def _do(self, job: Callable[..., None], *args: object) -> Deferred[None]:
        # The lock is held until the failure is noted: finish may wait for it.
        return deferToThread(job, *args).addErrback(self._broke)

    def _worked(self, _: object, size: int) -> None:
        self._jobs -= 1
        self._waiting -= size
        if self._paused and self._waiting < HIGH // 2:
            self._paused = False
            if self.producer is not None:
                self.producer.resumeProducing()


def times_waited() -> float:
    """How often this thread has waited for something; nan where no system tells."""
    if RUSAGE_THREAD is None:
        return nan  # which differs from itself: every slow batch has waited
    return getrusage(RUSAGE_THREAD).ru_nvcsw


def going_on(job: Deferred[None]) -> Deferred[None]:
    """Fires with ``job``; to cancel it is to wait no longer.

    A thread cannot be stopped, so the lock must not be let go before its end.
    """
    done: Deferred[None] = Deferred()
    job.addBoth(lambda result: None if done.called else done.callback(result))
    return done


def write_all(fd: int, pieces: list[bytes]) -> None:
    """Write ``pieces`` to ``fd``, also when it takes less than all at once."""
    for start in range(0, len(pieces), 512):  # IOV_MAX is at least 1024 on Linux
        batch = pieces[start : start + 512]
        size = sum(map(len, batch))
        written = os.writev(fd, batch)
        if written < size:
            rest = memoryview(b"".join(batch))[written:]
            while rest:
                rest = rest[os.write(fd, rest) :]
