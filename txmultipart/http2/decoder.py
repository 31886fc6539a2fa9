"""A decoder of header blocks that lets h2 see no Content-Length it would choke on.

h2 ends the connection for a Content-Length that is no number, or for two that differ.
That is a fault of one request (RFC 9113 section 8.1.1). So such fields reach h2, and by
way of it ``fields``, under a name that no field can have, and cost their stream there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from hpack import Decoder, HeaderTuple

_NAME = b"content-length"

#: Uppercase: malformed in HTTP/2 (section 8.2), and nothing to h2.
_WRONG = b"Content-Length"

_NUMBER = re.compile(rb"[0-9]{1,19}")


class LengthDecoder(Decoder):
    """A decoder that marks a Content-Length which is none."""

    def decode(self, data: bytes, raw: bool = False) -> Iterable[Any]:
        """The fields of a block; h2 asks for them ``raw``."""
        fields = list(super().decode(data, raw))
        lengths = [bytes(value) for name, value in fields if name == _NAME]
        if lengths and not _is_one_number(lengths):
            return [_marked(field) for field in fields]
        return fields


def _is_one_number(lengths: list[bytes]) -> bool:
    return len(set(lengths)) == 1 and _NUMBER.fullmatch(lengths[0]) is not None


def _marked(field: Any) -> Any:
    return HeaderTuple(_WRONG, field[1]) if field[0] == _NAME else field
