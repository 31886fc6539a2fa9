"""ByteRangesWriter: several ranges of one file, for an answer with status 206.

RFC 9110 section 14.6. A file is read where the ranges are and nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, cast

from txmultipart.body.payload import Payload
from txmultipart.body.payloads import guess_type
from txmultipart.body.progress import ProgressCallback
from txmultipart.body.sources import FileSource, size_of
from txmultipart.body.writer import MultipartWriter
from txmultipart.errors import MisuseError


class ByteRangesWriter(MultipartWriter):
    """A ``multipart/byteranges`` body of ranges of the file at ``path``.

    ``ranges`` are pairs of the first and the last byte, as Range and
    Content-Range count them: ``(0, 0)`` is the first byte. They are sent in
    the order given. Raises ``MisuseError`` for one that is not within the file,
    and if there is none; ``content_type`` is guessed unless given.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        ranges: Iterable[tuple[int, int]],
        *,
        content_type: str | None = None,
        boundary: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        super().__init__("byteranges", boundary, progress=progress)
        name, size = os.fspath(path), size_of(path)
        kind = content_type or guess_type(name)
        for first, last in ranges:
            self._append_range(name, kind, first, last, size)
        if not self.parts:
            raise MisuseError("there is no range to be sent")

    def _append_range(
        self, name: str, kind: str, first: int, last: int, size: int
    ) -> None:
        if not 0 <= first <= last < size:
            raise MisuseError("a range is not within the file")
        payload = range_payload(name, first, last - first + 1)
        place = f"bytes {first}-{last}/{size}"
        self.append(payload, {"Content-Type": kind, "Content-Range": place})


def range_payload(path: str | os.PathLike[str], start: int, length: int) -> Payload:
    """``length`` bytes of the file at ``path`` from ``start`` on.

    A file that has become too short for that fails the request with ``PayloadError``.
    """

    def opened() -> BinaryIO:
        return cast(BinaryIO, _FileRange(Path(path), start, length))

    return Payload(lambda: FileSource(opened), length=length, replayable=True)


class _FileRange:
    """As much of a file as a ``FileSource`` is to see."""

    def __init__(self, path: Path, start: int, length: int) -> None:
        self._file: Any = path.open("rb")
        self._left = length
        self._file.seek(start)

    def read(self, size: int) -> bytes:
        data: bytes = self._file.read(min(size, self._left))
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()
