"""SpoolSink: keeps what it is given in memory and, when that is much, in a file.

::

    state    meaning                               write         finish         fail, close
    MEMORY   all is in memory                      keep, → FILE  → READY        → CLOSED
    FILE     it goes to a file without a name      batch         → READY        → CLOSED
    BROKEN   the disk refused; the reason is kept  drop          fails with it  → CLOSED
    READY    complete: ``file`` can be read        -             fires          → CLOSED
    CLOSED   nothing is left                       drop          fails          -

The file has no name, so the system removes it with the last handle, whatever
becomes of us.
"""

from __future__ import annotations

import os
import tempfile
from enum import Enum
from io import BytesIO
from types import TracebackType
from typing import IO, Any, Self

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from txmultipart.body.batch_sink import BatchSink, going_on, write_all
from txmultipart.errors import MisuseError
from txmultipart.limits import MiB


class State(Enum):
    """Where what was written is; see the table above."""

    MEMORY = "memory"
    FILE = "file"
    BROKEN = "broken"
    READY = "ready"
    CLOSED = "closed"


class SpoolSink(BatchSink):
    """Keeps up to ``max_memory`` bytes in memory, and more in a temporary file.

    Once ``finish`` has fired, ``file`` is a binary file that stands at its
    start: read it, or send it on, ``writer.append(sink.file)``. Close the sink
    when it is not needed any more; a ``with`` block does.
    """

    def __init__(
        self,
        max_memory: int = MiB,
        *,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__()
        self.max_memory = max_memory
        self.state = State.MEMORY
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._reason: Failure | None = None

    @property
    def in_memory(self) -> bool:
        """Whether no file was needed."""
        return self.size <= self.max_memory

    @property
    def file(self) -> IO[bytes]:
        """What was written. Raises ``MisuseError`` unless ``finish`` has fired."""
        if self.state is not State.READY or self._file is None:
            raise MisuseError(f"what was spooled cannot be read ({self.state.value})")
        return self._file

    def read(self) -> Deferred[bytes]:
        """All of what was written, read in a worker thread; it may be read again."""
        done: Deferred[bytes] = self._lock.run(deferToThread, _read, self.file)
        return done

    def write(self, data: bytes) -> None:
        """Take some bytes."""
        if self.state is State.FILE:
            super().write(data)
        elif self.state is State.MEMORY:
            self.size += len(data)
            self._batch.append(data)
            if not self.in_memory:
                self.state = State.FILE
                self._work(0, self._open)
                self._submit()

    def finish(self) -> Deferred[None]:
        """Fires when ``file`` can be read; fails with what the disk refused."""
        if self.state is State.READY:
            return succeed(None)
        if self.state is State.CLOSED:
            return fail(MisuseError("what was spooled was given up"))
        return going_on(self._lock.run(self._finish, self._batch.take()))

    def fail(self, failure: Failure) -> Deferred[None]:
        """Keep nothing."""
        self.state = State.CLOSED
        self._batch.take()
        return going_on(self._lock.run(self._close))

    def close(self) -> None:
        """Keep nothing any more; may be called at any time, more than once."""
        self.fail(Failure(MisuseError("what was spooled was given up")))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # In the reactor thread ----------------------------------------------------------

    def _broke(self, reason: Failure) -> None:
        """The disk refused. The producer is stopped, and finish tells why."""
        if self.state is State.FILE:
            self.state, self._reason = State.BROKEN, reason
            if self.producer is not None:
                self.producer.stopProducing()

    def _finish(self, batch: list[bytes]) -> Any:
        if self.state is State.MEMORY:
            self._file, self.state = BytesIO(b"".join(batch)), State.READY
            return None
        if self._reason is not None:
            return self._give_up(self._reason)
        written = deferToThread(self._complete, batch)
        return written.addCallbacks(self._completed, self._give_up)

    def _completed(self, _: object) -> None:
        if self.state is State.CLOSED:
            raise MisuseError("what was spooled was given up")
        self.state = State.READY

    def _give_up(self, reason: Failure) -> Failure:
        self.state = State.CLOSED
        self._close()
        return reason

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    # In a worker thread, one job at a time ------------------------------------------

    def _open(self) -> None:
        # Not buffered: batches are large, and written past the file object.
        make = tempfile.TemporaryFile  # it is closed in _close
        self._file = make(dir=self._folder, buffering=0)

    def _write(self, batch: list[bytes]) -> None:
        if self.state is State.FILE and self._file is not None:
            write_all(self._file.fileno(), batch)

    def _complete(self, batch: list[bytes]) -> None:
        self._write(batch)
        if self._file is not None:
            self._file.seek(0)


def _read(file: IO[bytes]) -> bytes:
    file.seek(0)
    data = file.read()
    file.seek(0)
    return data
