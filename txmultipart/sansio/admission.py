"""Admission: lets parts in. It reads header blocks, and counts them against the limits."""

from __future__ import annotations

from functools import lru_cache

from txmultipart.errors import LimitExceeded, MultipartError
from txmultipart.limits import UNLIMITED, Limits
from txmultipart.sansio.events import PartBegin
from txmultipart.sansio.header_lines import parse_header_block
from txmultipart.sansio.profiles import Profile

# Fields of forms come with the same few header blocks again and again; longer
# blocks, with the names of files in them, rarely come twice.
_CACHEABLE = 80


@lru_cache(maxsize=512)
def _known(block: bytes, newline: bytes, profile: Profile) -> PartBegin:
    return PartBegin(parse_header_block(block, newline, profile))


class Admission:
    """Admits the parts of one body, in order.

    ``room`` is what the next header block may have, in bytes, ``parts`` how
    many were admitted, the one that was refused included.
    """

    def __init__(self, profile: Profile, limits: Limits) -> None:
        endless = profile.endless
        self._profile = profile
        self._limits = limits
        self._left = UNLIMITED if endless else limits.max_total_header_bytes
        self._max_parts = UNLIMITED if endless else limits.max_parts
        self.room = min(limits.max_header_bytes, self._left)
        self.parts = 0
        # No block up to this size passes a bound on one block: the shortest
        # header line there is has three bytes, "a:" and a bare LF.
        bounds = limits.max_header_line, 3 * limits.max_headers
        self._short = min(_CACHEABLE, *bounds)

    def admit(self, block: bytes, newline: bytes, offset: int) -> PartBegin:
        """The event for ``block``, which begins at ``offset`` of the input.

        Raises ``MalformedMultipart`` or ``LimitExceeded``. Events may be shared
        between bodies.
        """
        size = len(block)
        if size > self.room:
            self.refuse(offset)
        self.parts += 1
        if self.parts > self._max_parts:
            raise LimitExceeded("max_parts", self._max_parts, offset=offset)
        self._left -= size
        if self._left < self.room:
            self.room = self._left
        try:
            if size <= self._short:
                return _known(block, newline, self._profile)
            return self._admit_long(block, newline)
        except MultipartError as error:
            error.offset += offset
            raise

    def refuse(self, offset: int) -> None:
        """A block at ``offset`` has more than ``room``: raise ``LimitExceeded``."""
        whole = self.room == self._limits.max_header_bytes
        name = "max_header_bytes" if whole else "max_total_header_bytes"
        bound = getattr(self._limits, name)
        raise LimitExceeded(name, bound, offset=offset + self.room)

    def _admit_long(self, block: bytes, newline: bytes) -> PartBegin:
        limits = self._limits
        bound = limits.max_header_line
        if len(block) > bound and max(map(len, block.split(newline))) > bound:
            raise LimitExceeded("max_header_line", bound)
        headers = parse_header_block(block, newline, self._profile)
        if len(headers.raw) > limits.max_headers:
            raise LimitExceeded("max_headers", limits.max_headers)
        return PartBegin(headers)
