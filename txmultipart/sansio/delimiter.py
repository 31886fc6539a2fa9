"""Finds delimiter lines in bytes that may be cut anywhere (RFC 2046 section 5.1.1).

A delimiter line is a line break, two dashes, the boundary, and then either a
line break (a part follows) or two dashes (none does). A line that only begins
like one is data. This is the hot loop of the package, so:

1. What is searched for is ``--boundary`` without the line break before it:
   CPython's search slows down twentyfold for a needle that begins like the
   data does, and much data is full of line breaks.
2. A chunk without a delimiter is passed on as the object it is.
3. Chunks are never joined. Only a possible beginning of a delimiter at the end
   of a chunk is held back, at most ``Delimiter.longest`` bytes of it.
"""

from __future__ import annotations

from enum import Enum

#: White space that may stand between a delimiter and its line break. RFC 2046
#: sets no bound; we need one, as these bytes are held back.
MAX_PADDING = 128


class Found(Enum):
    """What stands behind ``--boundary`` at the start of a line."""

    OPEN = "a line break: a part follows"
    CLOSE = "two dashes: no part follows"
    MORE = "not enough bytes to tell"
    DATA = "something else: the line is no delimiter"


# To look up a member of an Enum in its class is slow.
OPEN, CLOSE, MORE, DATA = Found.OPEN, Found.CLOSE, Found.MORE, Found.DATA

#: From this length on CPython searches in another way, without the weakness named above.
LONG = 30_000


class Delimiter:
    """What a delimiter line of one body looks like."""

    __slots__ = (
        "blank",
        "close",
        "dash",
        "first",
        "line",
        "longest",
        "newline",
        "open",
        "padding",
        "tail",
    )

    def __init__(self, dash: bytes, newline: bytes, *, padding: bool) -> None:
        self.dash = dash
        self.newline = newline
        #: The byte that a delimiter line begins with.
        self.first = newline[0]
        self.blank = newline + newline
        self.line = newline + dash
        self.open = self.line + newline
        self.close = self.line + b"--"
        self.padding = padding
        self.longest = len(self.line) + 2 + (MAX_PADDING if padding else 0)
        #: Behind this index, which counts from the end, a line may have begun.
        self.tail = 1 - len(self.line)

    def beginning(self, data: bytes, position: int) -> int:
        """Where, behind ``position``, a delimiter may begin at the end of ``data``.

        A boundary holds no line break, so only the last one can begin it. The
        length of ``data`` if there is none.
        """
        end = len(data)
        cut = data.rfind(self.first, max(position, end - len(self.line) + 1))
        return cut if cut >= 0 and self.line.startswith(data[cut:]) else end

    def classify(self, data: bytes | bytearray, position: int) -> tuple[Found, int]:
        """What stands at ``position``, just behind the dashes and the boundary.

        The second value is where the next line, or the epilogue, begins.
        """
        if data.startswith(self.newline, position):
            return OPEN, position + len(self.newline)
        if data.startswith(b"--", position):
            return CLOSE, position + 2
        if len(data) == position + 1 and data.endswith(b"-"):
            return MORE, len(data)
        if self.padding:
            blank = data[position : position + MAX_PADDING]
            position += len(blank) - len(blank.lstrip(b" \t"))
            if data.startswith(self.newline, position):
                return OPEN, position + len(self.newline)
        if self.newline.startswith(data[position : position + 2]):
            return MORE, len(data)
        return DATA, position


class DelimiterScanner:
    """Splits bytes into content and delimiter lines.

    ``held`` are bytes at the end of what was scanned that may yet turn out to
    begin a delimiter line.
    """

    __slots__ = ("_fresh", "delimiter", "false_starts", "held")

    def __init__(self, delimiter: Delimiter) -> None:
        self.delimiter = delimiter
        self.held = b""
        # The line break at the front of ``held`` belongs to a header block.
        self._fresh = False
        #: How many lines began like a delimiter and were none.
        self.false_starts = 0

    def begin_line(self) -> None:
        """A header block has just ended: its last line break may begin a delimiter.

        An empty part need not have a line break of its own.
        """
        self.held = self.delimiter.newline
        self._fresh = True

    def is_refuted(self, data: bytes) -> bool:
        """Whether ``data`` shows that what is held is content, all of it.

        Only the first byte held is one that can begin a delimiter line.
        """
        held, line = len(self.held), self.delimiter.line
        wanted = line[held : held + len(data)]
        return held < len(line) and not self._fresh and not data.startswith(wanted)

    def scan(
        self, data: bytes, position: int, pieces: list[bytes]
    ) -> tuple[Found, int]:
        """Look at ``data`` from ``position`` on; append the content to ``pieces``.

        Returns ``OPEN`` or ``CLOSE`` and where the line after it begins, or
        ``MORE`` when all of ``data`` was taken.
        """
        delimiter = self.delimiter
        dash = delimiter.dash
        if self.held:
            if self._is_plainly_content(data, position):
                self.held, self._fresh = b"", False
            else:
                found, position = self._scan_seam(data, position, pieces)
                if found is not DATA:
                    return found, position
        width = len(delimiter.newline)
        line = data.find(dash, position + width) - width
        if line >= position and not data.startswith(delimiter.newline, line):
            # The boundary stands amid a line: from here on search for whole
            # lines, or a chunk full of it would make this loop crawl.
            line = data.find(delimiter.line, position)
        while line >= position:
            found, end = delimiter.classify(data, line + width + len(dash))
            if found is not DATA:
                return self._take(found, data, position, line, end, pieces)
            self.false_starts += 1
            line = data.find(delimiter.line, line + 1)
        return self._take_all(data, position, pieces)

    def _is_plainly_content(self, data: bytes, position: int) -> bool:
        """The common case behind a header block: no delimiter right there."""
        dash = self.delimiter.dash
        return (
            self._fresh
            and len(self.held) == len(self.delimiter.newline)
            and len(data) - position >= len(dash)
            and not data.startswith(dash, position)
        )

    def _take(
        self,
        found: Found,
        data: bytes,
        position: int,
        line: int,
        end: int,
        pieces: list[bytes],
    ) -> tuple[Found, int]:
        """A delimiter line, or perhaps one, begins at ``line``."""
        if line > position:
            pieces.append(data[position:line])
        if found is MORE:
            self.held = data[line:]
        return found, end

    def _take_all(
        self, data: bytes, position: int, pieces: list[bytes]
    ) -> tuple[Found, int]:
        """No whole delimiter is in ``data``; one may begin at its end."""
        cut = self.delimiter.beginning(data, position)
        self.held = data[cut:]
        if cut > position:
            pieces.append(data[position:cut])
        return MORE, len(data)

    def _scan_seam(
        self, data: bytes, position: int, pieces: list[bytes]
    ) -> tuple[Found, int]:
        """Decide about ``held`` with the first bytes of ``data``.

        ``DATA`` means that ``held`` is settled and the rest can be scanned alone.
        """
        held = len(self.held)
        seam = self.held + data[position : position + self.delimiter.longest]
        start = len(self.delimiter.newline) if self._fresh else 0
        line, found, end = 0, DATA, held
        while 0 <= line < held:
            found, end = self._match(seam, line)
            if found is not DATA:
                break
            line = seam.find(self.delimiter.first, line + 1, held)
        line = line if found is not DATA else held
        if line > start:
            pieces.append(seam[start:line])
        self._fresh = self._fresh and found is MORE and line == 0
        self.held = seam[line:] if found is MORE else b""
        if found is DATA:
            return found, position
        return found, len(data) if found is MORE else position + end - held

    def _match(self, seam: bytes, line: int) -> tuple[Found, int]:
        whole = self.delimiter.line
        begin = seam[line : line + len(whole)]
        if begin == whole:
            found, end = self.delimiter.classify(seam, line + len(whole))
            self.false_starts += found is DATA
            return found, end
        more = len(begin) < len(whole) and whole.startswith(begin)
        return (MORE if more else DATA), len(seam)
