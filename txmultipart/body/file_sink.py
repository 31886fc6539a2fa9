"""FileSink: a file that is either whole and under its name, or not there at all.

::

    state     meaning                               write   finish           fail
    WRITING   bytes go to a temporary file          batch   → PLACED *       → REMOVED
    BROKEN    the disk refused; the reason is kept  drop    → REMOVED,       → REMOVED
                                                            fails with it
    PLACED    whole, and under its name             -       fires            → REMOVED
    REMOVED   nothing of it is left                 -       fails            fires

    * or, when the disk refuses that, → REMOVED. Before a producer is registered
    write and finish are misuse.

The temporary file lies in the folder of the final one, since only within one
file system a name can be given at once.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from secrets import token_hex
from typing import Any, Literal

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.threads import deferToThread
from twisted.logger import Logger
from twisted.python.failure import Failure

from txmultipart.body.batch_sink import BatchSink, going_on, write_all
from txmultipart.errors import MisuseError

#: What the names of temporary files begin with.
TEMPORARY_PREFIX = ".txmultipart-"

# What file systems without hard links answer to link().
_NO_LINKS = frozenset((errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS))

_log = Logger()

Collision = Literal["error", "overwrite", "rename"]


class State(Enum):
    """How far a file has come; see the table above."""

    WRITING = "writing"
    BROKEN = "broken"
    PLACED = "placed"
    REMOVED = "removed"


class FileSink(BatchSink):
    """Writes what it is given to a new file at ``path``.

    ``collision`` says what to do if there is one already: ``error`` fails with
    ``FileExistsError``, ``overwrite`` replaces it, ``rename`` adds a counter to
    the name; ``path`` is the true one once ``finish`` has fired. With ``fsync``
    the file outlives a loss of power from then on.

    ``finish`` fails with the ``OSError`` of a full or unwritable disk, which names
    ``path``; then, and after ``fail``, nothing of the file is left.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        collision: Collision = "error",
        fsync: bool = True,
    ) -> None:
        if collision not in ("error", "overwrite", "rename"):
            raise MisuseError("collision is 'error', 'overwrite' or 'rename'")
        super().__init__()
        self.path = Path(path)
        self._collision = collision
        self._fsync = fsync
        self._state = State.WRITING
        self._begun = False
        self._temporary = self.path.with_name(TEMPORARY_PREFIX + token_hex(8))
        self._fd = -1
        self._reason: Failure | None = None

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Open the temporary file; bytes may come at once."""
        if self._begun:
            raise MisuseError("a file sink takes one file")
        super().registerProducer(producer, streaming)
        self._begun = True
        self._work(0, self._open)

    def write(self, data: bytes) -> None:
        """Take some bytes for the file."""
        if not self._begun:
            raise _not_begun()
        if self._state is State.WRITING:
            super().write(data)

    def finish(self) -> Deferred[None]:
        """Give the file its name; fires when that is done."""
        if not self._begun:
            return fail(_not_begun())
        batch = self._batch.take()
        return going_on(self._lock.run(self._finish, batch))

    def fail(self, failure: Failure) -> Deferred[None]:
        """Remove the file, whatever its state."""
        self._batch.take()
        removed: Deferred[None] = self._lock.run(deferToThread, self._remove)
        removed.addErrback(
            lambda failure: _log.failure("a file could not be removed", failure)
        )
        return going_on(removed)

    # In the reactor thread --------------------------------------------------------

    def _broke(self, reason: Failure) -> None:
        """The disk refused. The producer is stopped, and finish tells why."""
        if self._state is State.WRITING:
            self._state, self._reason = State.BROKEN, reason
            if self.producer is not None:
                self.producer.stopProducing()

    def _finish(self, batch: list[bytes]) -> Deferred[None]:
        if self._reason is not None:
            return self._give_up(self._reason)
        if self._state is State.PLACED:
            return succeed(None)
        placed: Deferred[None] = deferToThread(self._place, batch)
        return placed.addErrback(self._give_up)

    def _give_up(self, reason: Failure) -> Deferred[None]:
        removed: Deferred[Any] = deferToThread(self._remove)
        return removed.addBoth(lambda _: reason)

    # In a worker thread, one job at a time ----------------------------------------

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        with _naming(self.path):
            if self._collision == "error" and self.path.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            self._fd = os.open(self._temporary, flags, 0o666)

    def _write(self, batch: list[bytes]) -> None:
        if self._state is State.WRITING:
            with _naming(self.path):
                write_all(self._fd, batch)

    def _place(self, batch: list[bytes]) -> None:
        if self._state is not State.WRITING:
            raise MisuseError("the file was removed before it was finished")
        with _naming(self.path):
            write_all(self._fd, batch)
            if self._fsync:
                os.fsync(self._fd)
            self._close()
            self.path = self._name_it()
            self._state = State.PLACED
            if self._fsync:
                _fsync_folder(self.path.parent)

    def _name_it(self) -> Path:
        if self._collision == "overwrite":
            os.replace(self._temporary, self.path)
            return self.path
        for path in _candidates(self.path):
            try:
                _move_without_overwriting(self._temporary, path)
            except FileExistsError:
                if self._collision == "error":
                    raise
            else:
                return path
        raise FileExistsError(errno.EEXIST, "every name with a counter is taken")

    def _remove(self) -> None:
        path = self.path if self._state is State.PLACED else self._temporary
        self._state = State.REMOVED
        try:
            self._close()
        finally:
            # What is gone, with its folder or without, need not be removed.
            with suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _not_begun() -> MisuseError:
    return MisuseError("a file sink needs a producer: register that first")


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """What the system refuses is told of ``path``; nobody has chosen our other names."""
    try:
        yield
    except OSError as error:
        error.filename = os.fspath(path)
        del error.filename2
        raise


def _candidates(path: Path) -> Iterator[Path]:
    """``a.tar.gz``, ``a (1).tar.gz``, … — suffixes stay at the end.

    The search for a free counter takes about as many looks as the counter has
    bits. When others take each name just before, a random one is taken at last.
    """
    yield path
    suffix = "".join(path.suffixes[-2:]) if len(path.suffixes) > 1 else path.suffix
    suffix = suffix if len(suffix) <= 20 else path.suffix
    stem = path.name.removesuffix(suffix)

    def numbered(count: object) -> Path:
        return path.with_name(f"{stem} ({count}){suffix}")

    first = _first_free(numbered)
    yield from map(numbered, range(first, first + 20))
    yield from (numbered(token_hex(8)) for _ in range(20))


def _first_free(numbered: Callable[[object], Path]) -> int:
    """A counter whose name is free, the one before being taken (or 1)."""
    taken, free = 0, 1
    while os.path.lexists(numbered(free)):
        taken, free = free, 2 * free
    while free - taken > 1:
        middle = (taken + free) // 2
        if os.path.lexists(numbered(middle)):
            taken = middle
        else:
            free = middle
    return free


def _move_without_overwriting(source: Path, target: Path) -> None:
    """Rename, atomically, or raise ``FileExistsError``."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        try:
            os.replace(source, target)
        except OSError:
            os.unlink(target)  # it is ours, and empty
            raise
    else:
        os.unlink(source)


def _fsync_folder(folder: Path) -> None:
    """Make the new name itself outlive a loss of power."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
