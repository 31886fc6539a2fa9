"""Admission: lets parts in. It reads header blocks, and counts them against the limits."""

from __future__ import annotations

import re

from txmultipart.errors import LimitExceeded, MultipartError
from txmultipart.limits import Limits
from txmultipart.sansio.events import PartBegin
from txmultipart.sansio.header_lines import USUAL, parse_header_block, usual_begin
from txmultipart.sansio.profiles import FORM_DATA, MIME, REPLACE, Profile

# Fields of forms come with the same few header blocks again and again; longer
# blocks, with the names of files in them, rarely come twice. So this many are
# remembered, up to this size, for all bodies that are read by the same rules.
MOST_KNOWN = 512
_CACHEABLE = 80

#: The events for known blocks. What a block means depends on the profile and on
#: the line break, which is put before the block to make the key.
Known = dict[bytes, PartBegin]
_KNOWN: dict[Profile, Known] = {FORM_DATA: {}, MIME: {}, REPLACE: {}}


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
    ``known`` holds blocks that pass every bound on one block; it is None where
    blocks that others have read need not.
    """

    __slots__ = (
        "_limits",
        "_profile",
        "_usual",
        "budget",
        "known",
        "longest",
        "parts",
    )

    def __init__(
        self, profile: Profile, limits: Limits, budget: Budget | None = None
    ) -> None:
        self.budget = budget or Budget(limits)
        self.parts = 0
        self.known: Known | None = None
        self._profile = profile
        self._limits = limits
        #: How many bytes one block may have.
        self.longest = limits.max_header_bytes
        self._usual = 0  # up to here a usual block passes every other bound
        # The shortest header line there is has three bytes, "a:" and a bare LF.
        if (
            limits.max_header_bytes >= _CACHEABLE <= limits.max_header_line
            and limits.max_headers >= _CACHEABLE / 3
        ):
            self.known = _KNOWN.get(profile)
            self._usual = limits.max_header_line

    @property
    def room(self) -> int:
        """How many bytes the next header block may have."""
        return min(self._limits.max_header_bytes, self.budget.header_bytes)

    def admit(
        self,
        block: bytes,
        newline: bytes,
        offset: int,
        usual: re.Match[bytes] | None = None,
    ) -> PartBegin:
        """The event for ``block``, which begins at ``offset`` of the input.

        ``usual`` is what ``USUAL`` makes of it, if that is known. Raises
        ``MalformedMultipart`` or ``LimitExceeded``. Events may be shared
        between bodies.
        """
        size, budget = len(block), self.budget
        if size > budget.header_bytes or size > self.longest:
            self.refuse(offset)
        self.parts += 1
        budget.parts -= 1
        if budget.parts < 0:
            raise LimitExceeded("max_parts", self._limits.max_parts, offset=offset)
        budget.header_bytes -= size
        if usual is not None and size <= self._usual:
            return usual_begin(block, usual, self._profile)
        try:
            return self.read(block, newline)
        except MultipartError as error:
            error.offset += offset
            raise

    def spend(self, parts: int, header_bytes: int) -> bool:
        """Admit ``parts`` parts at once, if there is room for all of them."""
        budget = self.budget
        if parts > budget.parts or header_bytes > budget.header_bytes:
            return False
        self.parts += parts
        budget.parts -= parts
        budget.header_bytes -= header_bytes
        return True

    def refuse(self, offset: int) -> None:
        """A block at ``offset`` has more than ``room``: raise ``LimitExceeded``."""
        room, limits = self.room, self._limits
        whole = room == limits.max_header_bytes
        name = "max_header_bytes" if whole else "max_total_header_bytes"
        raise LimitExceeded(name, getattr(limits, name), offset=offset + room)

    def read(self, block: bytes, newline: bytes) -> PartBegin:
        """The event for ``block``, which has no more bytes than ``room``; counts nothing.

        Raises ``MalformedMultipart`` or ``LimitExceeded``; offsets count from
        the block's first byte.
        """
        known = self.known
        if known is None or len(block) > _CACHEABLE:
            return self._read_anew(block, newline)
        key = newline + block
        begin = known.get(key)
        if begin is None:
            usual = USUAL.match(block) if len(newline) == 2 else None
            if usual is not None:
                begin = usual_begin(block, usual, self._profile)
            else:
                begin = self._read_anew(block, newline)
            if len(known) >= MOST_KNOWN:
                known.clear()
            known[key] = begin
        return begin

    def _read_anew(self, block: bytes, newline: bytes) -> PartBegin:
        limits = self._limits
        bound = limits.max_header_line
        if len(block) > bound and max(map(len, block.split(newline))) > bound:
            raise LimitExceeded("max_header_line", bound)
        headers = parse_header_block(block, newline, self._profile)
        bound = limits.max_headers
        # Most have fewer lines than that, and to count those is less work.
        if block.count(b"\n") >= bound and len(headers.raw) > bound:
            raise LimitExceeded("max_headers", bound)
        return PartBegin(headers)
