"""Sources: where the bytes of a payload come from, one piece at a time.

A ``Source`` is read at the pace of whoever sends; see ``interfaces``. Nothing
here reads ahead, so nothing has to be taken back when sending stops.

A source whose attribute ``live`` is true has each of its pieces written by
itself, as soon as it is there; those of others are joined if they are small.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any, BinaryIO, ClassVar
from weakref import WeakSet

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.threads import deferToThread

from txmultipart.body.at_hand import MOST, at_hand
from txmultipart.errors import PayloadError
from txmultipart.interfaces import Source

#: Bytes that are read off a disk at once, at least and at most. 512 MiB went to nghttpd at
#: 780 MB/s with 256 KiB, at 820 with 512 KiB, at 880 with 1 MiB (HTTP/2 in the clear, two
#: cores, 2026-11-20).
BLOCK = 256 << 10
LARGEST = MOST

#: What is aimed at for all files that are being sent: each takes its share, but at least a
#: block. Those that began earlier hold more of it until their next read.
TOGETHER = 16 << 20

#: Bytes that are read in a row although they are at hand; what follows is read in a worker
#: thread: whoever is never full must not keep the reactor from all else.
AT_ONCE = 8 << 20


class BytesSource:
    """Bytes that are in memory already, in one piece."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self) -> bytes:
        """All of it, then the end."""
        data, self._data = self._data, b""
        return data

    def close(self) -> None:
        """Forget the rest."""
        self._data = b""


class FileSource:
    """A file, opened and read in large blocks, in a worker thread where that may wait.

    ``open_file`` gives the file; it is closed afterwards if ``owned``. Sources of
    one file share a ``lock``: one that was given up may still be reading.
    """

    _sent: ClassVar[WeakSet[FileSource]] = WeakSet()

    def __init__(
        self,
        open_file: Callable[[], BinaryIO],
        *,
        owned: bool = True,
        lock: DeferredLock | None = None,
    ) -> None:
        self._open = open_file
        self._owned = owned
        self._lock = lock or DeferredLock()
        self._file: BinaryIO | None = None
        self._at_once = AT_ONCE
        self._in_a_row = 0  # bytes since some came from a thread
        self._reading = False
        self._closed = False

    def take_turns(self) -> None:
        """Read the least size from now on, and always in a worker thread.

        For who works long on each block: all else has its turn between two. To be called
        before the first read.
        """
        self._at_once = 0

    def read(self) -> bytes | Deferred[bytes]:
        """The next block. Fails with the ``OSError`` of opening or reading."""
        self._sent.add(self)
        size = self._block()
        block = self._at_hand(size)
        return self._read_in_thread(size) if block is None else block

    def _block(self) -> int:
        share = TOGETHER // len(self._sent) if self._at_once else BLOCK
        return min(max(share, BLOCK), LARGEST)

    def _at_hand(self, size: int) -> bytes | None:
        self._in_a_row += size
        if self._file is None or self._lock.locked or self._in_a_row > self._at_once:
            return None
        return at_hand(self._file, size)

    def _read_in_thread(self, size: int) -> Deferred[bytes]:
        self._reading, self._in_a_row = True, 0
        block: Deferred[bytes] = self._lock.run(deferToThread, self._read, size)
        return block.addBoth(self._was_read)

    def _read(self, size: int) -> bytes:
        try:
            if self._file is None:
                self._file = self._open()
            data = self._file.read(size)
        except ValueError as error:  # which Python raises for one that is closed
            if isinstance(error, OSError):
                raise  # it cannot be read at all
            raise PayloadError("a file to be sent was closed too early") from error
        if not isinstance(data, bytes):
            raise PayloadError("a file to be sent is not open in binary mode")
        return data

    def _was_read(self, result: Any) -> Any:
        self._reading = False
        if self._closed:
            self._close_file()
        return result

    def close(self) -> None:
        """Close the file, as soon as no thread reads it."""
        self._closed = True
        if not self._reading:
            self._close_file()

    def _close_file(self) -> None:
        self._sent.discard(self)
        file, self._file = self._file, None
        if file is not None and self._owned:
            file.close()


class IterableSource:
    """The pieces of an iterable: bytes, or Deferreds of bytes. Empty ones are left out."""

    def __init__(self, pieces: Iterable[Any]) -> None:
        self._iterator: Iterator[Any] = iter(pieces)
        self._closed = False

    def read(self) -> bytes | Deferred[bytes]:
        """The next piece that is not empty."""
        for piece in self._iterator:
            if isinstance(piece, Deferred):
                return Deferred.fromCoroutine(self._from(piece))
            if piece:
                return checked(piece)
        return b""

    async def _from(self, first: Deferred[Any]) -> bytes:
        for piece in chain((first,), self._iterator):
            if self._closed:
                self.close()  # the generator ran, and could not clean up then
                break
            data = await piece if isinstance(piece, Deferred) else piece
            if data:
                return checked(data)
        return b""

    def close(self) -> None:
        """Let a generator clean up."""
        self._closed = True
        close = getattr(self._iterator, "close", None)
        # A generator that runs has stopped us itself, and cannot be closed before it has
        # yielded. To try is an error, and now and then a crash of CPython 3.11.
        if close is None or getattr(self._iterator, "gi_running", False):
            return
        with suppress(ValueError):  # one that runs, within an iterator of another kind
            close()


class AsyncIterableSource:
    """The pieces of an asynchronous iterable whose awaitables are Deferreds."""

    def __init__(self, pieces: AsyncIterable[Any]) -> None:
        self._iterator = aiter(pieces)
        self._reading: Deferred[bytes] | None = None
        self._closed = False

    def read(self) -> Deferred[bytes]:
        """The next piece that is not empty."""
        self._reading = Deferred.fromCoroutine(self._next())
        return self._reading

    async def _next(self) -> bytes:
        async for piece in self._iterator:
            if self._closed:
                self.close()  # the generator ran, and could not clean up then
                break
            if piece:
                return checked(piece)
        return b""

    def close(self) -> None:
        """Give up a read that is under way, and let a generator clean up."""
        self._closed = True
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.addErrback(lambda _: None)
            reading.cancel()
        aclose = getattr(self._iterator, "aclose", None)
        if aclose is not None:
            # Without this an abandoned asynchronous generator breaks the reactor.
            Deferred.fromCoroutine(aclose()).addErrback(lambda _: None)


def is_live(source: Source | None) -> bool:
    """Whether each piece of ``source`` is to leave at once."""
    return bool(getattr(source, "live", False))


def checked(piece: Any) -> bytes:
    """``piece`` as bytes, or ``PayloadError``."""
    if isinstance(piece, bytes):
        return piece
    if isinstance(piece, bytearray | memoryview):
        return bytes(piece)
    kind = type(piece).__name__
    raise PayloadError(f"a piece to be sent is {kind}, not bytes")


def size_of(path: str | os.PathLike[str]) -> int:
    """The size of the file at ``path`` in bytes."""
    return os.stat(path).st_size
