"""Admission: lets parts in. It reads header blocks, and counts them against the limits."""

from __future__ import annotations

from functools import lru_cache

from txmultipart.errors import LimitExceeded, MultipartError
from txmultipart.limits import Limits
from txmultipart.sansio.events import PartBegin
from txmultipart.sansio.header_lines import parse_header_block
from txmultipart.sansio.profiles import Profile

# Fields of forms come with the same few header blocks again and again; longer
# blocks, with the names of files in them, rarely come twice.
_CACHEABLE = 80


@lru_cache(maxsize=512)
def _known(block: bytes, newline: bytes, profile: Profile) -> PartBegin:
    return PartBegin(parse_header_block(block, newline, profile))


class Budget:
    """What may still come of one body: parts, and bytes of header blocks.

    A body and the multiparts nested in it share one, or nesting would multiply
    what is allowed.
    """

    __slots__ = ("header_bytes", "parts")

    def __init__(self, limits: Limits) -> None:
        self.parts = limits.max_parts
        self.header_bytes = limits.max_total_header_bytes


class Admission:
    """Admits the parts of one body, in order.

    ``parts`` is how many were admitted, the one that was refused included.
    """

    def __init__(
        self, profile: Profile, limits: Limits, budget: Budget | None = None
    ) -> None:
        self.budget = budget or Budget(limits)
        self.parts = 0
        self._profile = profile
        self._limits = limits
        # No block up to this size passes a bound on one block: the shortest
        # header line there is has three bytes, "a:" and a bare LF.
        bounds = limits.max_header_bytes, limits.max_header_line, 3 * limits.max_headers
        self._short = min(_CACHEABLE, *bounds)

    @property
    def room(self) -> int:
        """How many bytes the next header block may have."""
        return min(self._limits.max_header_bytes, self.budget.header_bytes)

    def admit(self, block: bytes, newline: bytes, offset: int) -> PartBegin:
        """The event for ``block``, which begins at ``offset`` of the input.

        Raises ``MalformedMultipart`` or ``LimitExceeded``. Events may be shared
        between bodies.
        """
        size, budget = len(block), self.budget
        if size > budget.header_bytes or (size > self._short and size > self.room):
            self.refuse(offset)
        self.parts += 1
        budget.parts -= 1
        if budget.parts < 0:
            raise LimitExceeded("max_parts", self._limits.max_parts, offset=offset)
        budget.header_bytes -= size
        try:
            if size <= self._short:
                return _known(block, newline, self._profile)
            return self._admit_long(block, newline)
        except MultipartError as error:
            error.offset += offset
            raise

    def refuse(self, offset: int) -> None:
        """A block at ``offset`` has more than ``room``: raise ``LimitExceeded``."""
        room, limits = self.room, self._limits
        whole = room == limits.max_header_bytes
        name = "max_header_bytes" if whole else "max_total_header_bytes"
        raise LimitExceeded(name, getattr(limits, name), offset=offset + room)

    def _admit_long(self, block: bytes, newline: bytes) -> PartBegin:
        limits = self._limits
        bound = limits.max_header_line
        if len(block) > bound and max(map(len, block.split(newline))) > bound:
            raise LimitExceeded("max_header_line", bound)
        headers = parse_header_block(block, newline, self._profile)
        if len(headers.raw) > limits.max_headers:
            raise LimitExceeded("max_headers", limits.max_headers)
        return PartBegin(headers)
