"""Collects one part's header block from bytes that may be cut anywhere.

The block ends at a blank line. Where a profile allows parts that consist of
headers alone (RFC 2046: ``body-part := MIME-part-headers [CRLF *OCTET]``), it
also ends at a delimiter line.
"""

from __future__ import annotations

from functools import lru_cache

from txmultipart.errors import LimitExceeded, MultipartError
from txmultipart.limits import Limits
from txmultipart.sansio.delimiter import Delimiter, Found
from txmultipart.sansio.headers import PartHeaders, parse_header_block
from txmultipart.sansio.profiles import Profile

# The same form sends the same header blocks again and again; long blocks, with
# names of files in them, rarely come twice.
_CACHEABLE = 256
_parse_cached = lru_cache(maxsize=512)(parse_header_block)


class HeaderBlockReader:
    """Reads the header blocks of one body, one after the other.

    ``begin`` before each block, then ``feed`` until it answers something else
    than ``MORE``; ``block`` is then the block, without its end.
    """

    def __init__(self, delimiter: Delimiter, profile: Profile, limits: Limits) -> None:
        self._delimiter = delimiter
        self._profile = profile
        self._limits = limits
        self._total = 0
        #: Where the block begins in the input.
        self.start = 0
        self._room = 0
        #: What came in earlier chunks.
        self.held = bytearray()
        self.block = b""

    def begin(self, offset: int) -> None:
        """A block begins at ``offset`` of the input."""
        self.start = offset
        self._room = self._limits.max_header_bytes
        if not self._profile.endless:
            left = self._limits.max_total_header_bytes - self._total
            self._room = min(self._room, left)

    def feed(self, data: bytes, position: int) -> tuple[Found, int]:
        """Look at ``data`` from ``position`` on.

        ``DATA``: a body follows at the position returned; ``OPEN`` or
        ``CLOSE``: none does, the part's delimiter has been read as well.
        """
        if not self.held:
            found, end, after = self._find_end(data, position, position)
            self._check_room(found, end - position)
            if found is not Found.MORE:
                self.block = data[position:end]
                return found, after
            self.held += data[position:]
            return found, len(data)
        return self._feed_more(data, position)

    def _feed_more(self, data: bytes, position: int) -> tuple[Found, int]:
        text, before = self.held, len(self.held)
        longest = self._delimiter.longest
        # No more than it takes to see that the block is too long.
        text += data[position : position + self._room + longest + 1]
        again = max(0, before - longest)
        found, end, after = self._find_end(text, 0, again)
        self._check_room(found, end)
        if found is Found.MORE:
            return found, len(data)
        self.block = bytes(text[:end])
        text.clear()
        return found, position + after - before

    def _find_end(
        self, text: bytes | bytearray, begin: int, again: int
    ) -> tuple[Found, int, int]:
        """How the block ends, where it does, and where what follows begins.

        Nothing before ``again`` can end it. With ``MORE`` the first position is
        one that the block reaches at least.
        """
        newline = self._delimiter.newline
        if text.startswith(newline, begin):
            return Found.DATA, begin, begin + len(newline)
        end = text.find(newline + newline, again)
        if self._profile.loose_ends:
            line = self._delimiter.line
            stop = end if end >= 0 else len(text)
            while (hit := text.find(line, again, stop)) >= 0:
                found, after = self._delimiter.classify(text, hit + len(line))
                if found in (Found.OPEN, Found.CLOSE):
                    return found, hit, after
                again = hit + 1
        if end >= 0:
            return Found.DATA, end, end + 2 * len(newline)
        # The last bytes may be a part of what ends the block.
        return Found.MORE, len(text) - self._delimiter.longest, 0

    def _check_room(self, found: Found, size: int) -> None:
        if size > self._room:
            whole = self._room == self._limits.max_header_bytes
            name = "max_header_bytes" if whole else "max_total_header_bytes"
            bound = getattr(self._limits, name)
            raise LimitExceeded(name, bound, offset=self.start + self._room)

    def headers(self) -> PartHeaders:
        """What ``block`` says. Raises ``MalformedMultipart`` or ``LimitExceeded``."""
        block, newline = self.block, self._delimiter.newline
        self._total += len(block)
        parse = _parse_cached if len(block) <= _CACHEABLE else parse_header_block
        try:
            self._check_lines(block, newline)
            headers = parse(block, newline, self._profile)
        except MultipartError as error:
            error.offset += self.start
            raise
        if len(headers.raw) > self._limits.max_headers:
            bound = self._limits.max_headers
            raise LimitExceeded("max_headers", bound, offset=self.start)
        return headers

    def _check_lines(self, block: bytes, newline: bytes) -> None:
        bound = self._limits.max_header_line
        if len(block) > bound and max(map(len, block.split(newline))) > bound:
            raise LimitExceeded("max_header_line", bound)
