"""AnswerLength: whether an answer is as long as it says.

On HTTP/2 an answer ends when its stream does. One that is shorter or longer than its
Content-Length must not end as if all was well (RFC 9113 section 8.1.1). On HTTP/1.1 the
peer finds the end by that length, and takes what is wrong for a part of the next answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from txmultipart.http2.fields import Field

_NAME = b"content-length"
_NUMBER = re.compile(rb"[0-9]{1,19}")


class AnswerLength:
    """Counts the bytes of one answer; ``ValueError`` if ``head`` tells no one length."""

    def __init__(self, head: Iterable[Field]) -> None:
        said = [value for name, value in head if name == _NAME]
        if said and (len(set(said)) > 1 or not _NUMBER.fullmatch(said[0])):
            raise ValueError("an answer has a Content-Length that is none")
        self._left = int(said[0]) if said else None

    def takes(self, size: int) -> bool:
        """Count so many bytes more; whether that is not too many."""
        if self._left is None:
            return True
        self._left -= size
        return self._left >= 0

    @property
    def surplus(self) -> int:
        """Bytes that were too many, of all that were counted."""
        return max(0, -(self._left or 0))

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return not self._left


def without_length(head: Iterable[Field]) -> list[Field]:
    """``head`` for an answer that may not tell a length (RFC 9110 section 8.6)."""
    return [field for field in head if field[0] != _NAME]
