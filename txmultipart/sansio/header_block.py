"""Collects one part's header block from bytes that may be cut anywhere.

The block ends at a blank line. Where a profile allows parts that consist of
headers alone (RFC 2046: ``body-part := MIME-part-headers [CRLF *OCTET]``), it
also ends at a delimiter line.
"""

from __future__ import annotations

from txmultipart.sansio.admission import Admission
from txmultipart.sansio.delimiter import Delimiter, Found
from txmultipart.sansio.profiles import Profile

#: How far the end of a block is looked for at first.
_WINDOW = 256


class HeaderBlockReader:
    """Reads the header blocks of one body, one after the other.

    Set ``start`` before each block, then ``feed`` until it answers something
    else than ``MORE``; ``block`` is then the block, without its end. Raises
    ``LimitExceeded`` for a block that ``admission`` has no room for.
    """

    def __init__(
        self, delimiter: Delimiter, profile: Profile, admission: Admission
    ) -> None:
        self._delimiter = delimiter
        self._loose_ends = profile.loose_ends
        self._admission = admission
        #: Where the block begins in the input.
        self.start = 0
        #: What came in earlier chunks.
        self.held = bytearray()
        self.block = b""

    def feed(self, data: bytes, position: int) -> tuple[Found, int]:
        """Look at ``data`` from ``position`` on.

        ``DATA``: a body follows at the position returned; ``OPEN`` or
        ``CLOSE``: none does, the part's delimiter has been read as well.
        """
        if self.held:
            return self._feed_more(data, position)
        found, end, after = self._find_end(data, position, position)
        self._check_room(end - position)
        if found is not Found.MORE:
            self.block = data[position:end]
            return found, after
        self.held += data[position:]
        return found, len(data)

    def _feed_more(self, data: bytes, position: int) -> tuple[Found, int]:
        text, before = self.held, len(self.held)
        longest = self._delimiter.longest
        # No more than it takes to see that the block is too long.
        text += data[position : position + self._admission.room + longest + 1]
        found, end, after = self._find_end(text, 0, max(0, before - longest))
        self._check_room(end)
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
        newline, size = self._delimiter.newline, len(text)
        if text.startswith(newline, begin):
            return Found.DATA, begin, begin + len(newline)
        # What ends the block is near, as a rule: looking for both ends through
        # all of the text, again for each part, would be quadratic.
        window = again + _WINDOW
        while True:
            found, end, after = self._look(text, again, min(window, size))
            if found is not Found.MORE or window >= size:
                break
            window += window - again
        if found is Found.MORE:
            # The last bytes may be a part of what ends the block.
            end = size - self._delimiter.longest
        return found, end, after

    def _look(
        self, text: bytes | bytearray, again: int, stop: int
    ) -> tuple[Found, int, int]:
        """The first end of the block between ``again`` and ``stop``."""
        blank = self._delimiter.blank
        end = text.find(blank, again, stop)
        if self._loose_ends:
            line = self._delimiter.line
            stop = end if end >= 0 else stop
            while (hit := text.find(line, again, stop)) >= 0:
                found, after = self._delimiter.classify(text, hit + len(line))
                if found in (Found.OPEN, Found.CLOSE):
                    return found, hit, after
                again = hit + 1
        if end >= 0:
            return Found.DATA, end, end + len(blank)
        return Found.MORE, 0, 0

    def _check_room(self, size: int) -> None:
        if size > self._admission.room:
            self._admission.refuse(self.start)
