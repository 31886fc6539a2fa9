"""Inbox: puts what arrives into a folder, each file whole or not at all."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any, TypedDict

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.python.failure import Failure

from txmultipart.body.file_sink import FileSink
from txmultipart.body.incoming import Incoming
from txmultipart.body.part import BodyPart
from txmultipart.body.reader import MultipartReader
from txmultipart.body.sinks import HashSink, LimitSink, TeeSink
from txmultipart.errors import MalformedMultipart, MisuseError, StorageError
from txmultipart.sansio.filenames import safe_filename

# A name that goes up, or begins at a root or a drive, was meant to leave the folder.
_LEAVES = re.compile(r"(^|[/\\])\.\.([/\\]|$)|^[/\\]|^[A-Za-z]:")


# What a disk or a folder refuses (RFC 4918 section 11.5 for 507).
_FULL = (507, "disk-full", "the disk is full")
_UNWRITABLE = (500, "folder-unwritable", "the folder cannot be written to")
_BUSY = (503, "busy", "the server has too much to do")
_MISSING = (500, "folder-missing", "the folder is not there")
_REFUSALS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: (413, "file-too-large", "the file is too large for the disk"),
    errno.EACCES: _UNWRITABLE,
    errno.EPERM: _UNWRITABLE,
    errno.EROFS: _UNWRITABLE,
    errno.ENOENT: _MISSING,
    errno.ENOTDIR: _MISSING,
    errno.EMFILE: _BUSY,
    errno.ENFILE: _BUSY,
    errno.ENOMEM: _BUSY,
    errno.EEXIST: (409, "name-taken", "every name with a counter is taken"),
}


class Stored(TypedDict):
    """What the answer says of one part; ``stored`` is None for a field."""

    name: str | None
    filename: str | None
    stored: str | None
    size: int
    sha256: str


class Inbox:
    """A folder that files are streamed into.

    A name that is taken gets a counter. ``max_size`` bounds one file, in bytes.
    """

    def __init__(self, folder: Path, *, max_size: int) -> None:
        self.folder = folder
        self.max_size = max_size
        #: Set when the service stops: what comes now is refused.
        self.closed = False
        self._files: set[FileSink] = set()
        self._writing: set[Deferred[int]] = set()
        self._removed: list[Deferred[None]] = []

    async def take_parts(self, reader: MultipartReader, stored: list[Stored]) -> None:
        """Store every file among the parts, and add what became of each to ``stored``."""
        async for part in reader:
            if part.is_multipart and part.filename is None:
                # curl sends several files of one field as a multipart of their own.
                await self.take_parts(part.parts(), stored)
            else:
                stored.append(await self.take_part(part))

    async def take_part(self, part: BodyPart) -> Stored:
        """Store one part; a field, or a form's empty file input, is only counted."""
        if part.filename is None:
            return await self._count(part)
        if part.filename == "":
            return await self._take_unnamed(part)
        return await self.take(part, part.filename, part.name)

    async def take(
        self, stream: Incoming, filename: str, name: str | None = None
    ) -> Stored:
        """Store all of ``stream`` as a file.

        Raises ``MalformedMultipart`` for a filename that leads out of a folder,
        ``LimitExceeded`` for too large a file, ``StorageError`` for what the
        disk refuses or when the service stops, and what broke the stream.
        """
        self._check_open()
        if _LEAVES.search(filename):
            raise MalformedMultipart(
                "a filename leads out of the folder", code="unsafe-filename"
            )
        file = FileSink(self.folder / safe_filename(filename), collision="rename")
        digest = HashSink()
        limit = LimitSink(self.max_size, limit="max_part_size")
        await self._fill(file, stream, TeeSink(limit, digest, file))
        return _stored(name, filename, file.path.name, digest)

    async def _fill(self, file: FileSink, stream: Incoming, sink: TeeSink) -> None:
        """Write it, ``file`` being one of those to remove when the service stops."""
        self._files.add(file)
        try:
            await self._write(stream, sink)
        except OSError as error:
            if error.errno not in _REFUSALS:
                raise  # nothing that a sender could make sense of
            raise storage_error(error) from error
        except (MisuseError, CancelledError):
            self._check_open()  # the file was removed because the service stops
            raise
        finally:
            self._files.discard(file)

    async def _write(self, stream: Incoming, sink: TeeSink) -> None:
        writing = stream.write_to(sink)
        self._writing.add(writing)
        try:
            await writing
        finally:
            self._writing.discard(writing)

    def _check_open(self) -> None:
        """An upload that is under way when the service stops begins no new file."""
        if self.closed:
            problem = StorageError("the service stops", code="stopping")
            problem.http_status = 503
            raise problem

    async def _count(self, part: BodyPart) -> Stored:
        digest = HashSink()
        await part.write_to(digest)
        return _stored(part.name, part.filename, None, digest)

    async def _take_unnamed(self, part: BodyPart) -> Stored:
        # A browser's file input without a file: an empty name and no bytes.
        if await part.read_chunk():
            raise MalformedMultipart("a file has an empty name", code="empty-filename")
        return _stored(part.name, "", None, HashSink())

    def close(self) -> Deferred[Any]:
        """Take nothing more and remove what is not whole; fires when that is done.

        May be called again, for what others began to remove.
        """
        self.closed = True
        stopped = Failure(CancelledError("the service stops"))
        self._removed += [file.fail(stopped) for file in self._files]
        for writing in list(self._writing):
            writing.cancel()  # whose sender is told, though it may send nothing more
        return gatherResults(self._removed)


def storage_error(error: OSError) -> StorageError:
    """What the system said, in words for a sender, with the HTTP status for it."""
    status, code, message = _REFUSALS[error.errno or 0]
    problem = StorageError(message, code=code)
    problem.http_status = status
    return problem


def _stored(
    name: str | None, filename: str | None, stored: str | None, digest: HashSink
) -> Stored:
    return {
        "name": name,
        "filename": filename,
        "stored": stored,
        "size": digest.size,
        "sha256": digest.hexdigest(),
    }
