"""Content-Range: which bytes of a whole a part of multipart/byteranges is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from txmultipart.errors import MalformedMultipart
from txmultipart.sansio.headers import PartHeaders

# RFC 9110 section 14.4. Python reads no number of thousands of digits.
_RANGE = re.compile(r"bytes[ \t]+([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", re.I)


@dataclass(frozen=True, slots=True)
class ContentRange:
    """Bytes ``first`` to ``last``, both included, of ``size`` in all (None: not known)."""

    first: int
    last: int
    size: int | None

    def __len__(self) -> int:
        return self.last - self.first + 1


def parse_content_range(value: str) -> ContentRange:
    """Read a Content-Range. Raises ``MalformedMultipart`` if it is not a range of bytes."""
    match = _RANGE.fullmatch(value.strip(" \t"))
    if match is None:
        raise _bad()
    first, last = int(match[1]), int(match[2])
    size = None if match[3] == "*" else int(match[3])
    # RFC 9110 section 14.4: otherwise invalid, and must not be put together.
    if last < first or (size is not None and size <= last):
        raise _bad()
    return ContentRange(first, last, size)


def content_range(headers: PartHeaders) -> ContentRange | None:
    """The range that a part declares; None if it declares none."""
    value = headers.get(b"content-range")
    return None if value is None else parse_content_range(value)


def _bad() -> MalformedMultipart:
    return MalformedMultipart(
        "a Content-Range is not a range of bytes", code="bad-content-range"
    )
