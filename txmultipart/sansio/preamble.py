"""Finds the first delimiter line, and with it what delimiters of this body look like.

Only this first line tells whether lines end in CRLF or in bare LF, and, for
x-mixed-replace, whether the declared boundary has its dashes already. It is
found line by line, which is slow and does not matter: ``max_preamble`` bounds it.
"""

from __future__ import annotations

from collections.abc import Iterator

from txmultipart.errors import LimitExceeded, MalformedMultipart
from txmultipart.limits import Limits
from txmultipart.sansio.delimiter import MAX_PADDING, Delimiter, Found
from txmultipart.sansio.profiles import Profile

CRLF, LF = b"\r\n", b"\n"


class PreambleReader:
    """Takes bytes until a delimiter line is complete.

    ``boundary`` is what was declared; empty means that the first line which
    begins with two dashes shows it. ``start`` is the offset of the first byte,
    for errors.
    """

    def __init__(
        self, boundary: bytes, profile: Profile, limits: Limits, start: int = 0
    ) -> None:
        self._dashes = tuple(_dashes(boundary, profile))
        self._profile = profile
        self._limit = limits.max_preamble
        # The bound on a boundary does not count the dashes that begin its line.
        sniffed = len(b"--") + limits.max_boundary_length
        self._longest = max(map(len, self._dashes), default=sniffed)
        self._longest += MAX_PADDING + len(CRLF)
        self._start = start
        self._line = bytearray()
        self._skipping = False
        #: Bytes that were skipped, and how many of them were no line breaks.
        self.skipped = 0
        self.junk = 0
        #: Known once a delimiter line was found.
        self.delimiter: Delimiter | None = None

    @property
    def held(self) -> bytes:
        """The line that is under way."""
        return bytes(self._line)

    def feed(self, data: bytes, position: int) -> tuple[Found, int]:
        """Look at ``data`` from ``position`` on.

        Returns ``OPEN`` or ``CLOSE`` and where the next line begins; ``MORE``
        when all of ``data`` was taken; ``DATA`` when there is no first
        delimiter and headers begin at once: ``held`` is their first line.
        """
        while position < len(data):
            end = data.find(LF, position) + 1 or len(data)
            self._line += data[position:end]
            position = end
            found, taken = self._judge()
            if found is not Found.MORE:
                return found, position - len(self._line) + taken
            self._skip_hopeless()
        return Found.MORE, position

    def _judge(self) -> tuple[Found, int]:
        """What the line under way is, as far as can be told."""
        if self._skipping:
            return Found.MORE, 0
        # What is decided here lies within this length, however the line goes on.
        line = bytes(self._line[: self._longest])
        whole = line.endswith(LF)
        newline = CRLF if line.endswith(CRLF) or not whole else LF
        for dash in self._dashes or _sniff(line, whole):
            if line.startswith(dash):
                found, taken = self._delimiter_line(line, dash, newline)
                if found in (Found.OPEN, Found.CLOSE):
                    return found, taken
        if whole and self._is_header(line):
            self.delimiter = self._delimiter(self._dashes[-1], newline)
            return Found.DATA, len(line)
        return Found.MORE, 0

    def _delimiter_line(
        self, line: bytes, dash: bytes, newline: bytes
    ) -> tuple[Found, int]:
        delimiter = self._delimiter(dash, newline)
        found, taken = delimiter.classify(line, len(dash))
        if found is Found.OPEN and newline == LF and not self._profile.bare_lf:
            raise MalformedMultipart(
                "a delimiter line ends in a bare LF", code="bare-lf", offset=self.offset
            )
        self.delimiter = delimiter
        return found, taken

    def _delimiter(self, dash: bytes, newline: bytes) -> Delimiter:
        return Delimiter(dash, newline, padding=self._profile.padding)

    def _is_header(self, line: bytes) -> bool:
        """Some cameras send no first delimiter."""
        endless = self._profile.endless and bool(self._dashes)
        return endless and not self.junk and b":" in line and not line.startswith(b"--")

    def anomalies(self, found: Found) -> list[str]:
        """What was tolerated before and in the delimiter line that was found."""
        # How the line of a close delimiter ends is no matter, and not yet known.
        lines = self.delimiter if found is not Found.CLOSE else None
        bare = lines is not None and lines.newline == LF
        return (
            ["preamble"] * bool(self.junk)
            + ["no-first-delimiter"] * (found is Found.DATA)
            + ["bare-lf"] * bare
        )

    @property
    def offset(self) -> int:
        """Where the line under way begins."""
        return self._start + self.skipped

    def _skip_hopeless(self) -> None:
        """Drop a line that is whole or too long, and so is no delimiter."""
        line = bytes(self._line)
        whole = line.endswith(LF)
        if not self._profile.surroundings and not self._may_open(line):
            raise MalformedMultipart(
                "there are bytes before the first delimiter",
                code="preamble",
                offset=self.offset,
            )
        if whole or self._skipping or len(line) > self._longest:
            self._line.clear()
            self._skipping = not whole
            self.junk += len(line.strip(CRLF))
            self.skipped += len(line)
            if self.skipped > self._limit:
                offset = self._start + self._limit
                raise LimitExceeded("max_preamble", self._limit, offset=offset)

    def _may_open(self, line: bytes) -> bool:
        """Whether a careful sender may have begun its body with ``line``.

        Alexa's SDK begins with a CRLF, so an empty line is taken.
        """
        dash = self._dashes[0]
        begun = line[: len(dash)] == dash and line[len(dash) :] in (b"", b"-", b"\r")
        return begun or dash.startswith(line) or CRLF.startswith(line)


def _dashes(boundary: bytes, profile: Profile) -> Iterator[bytes]:
    """With what a delimiter line may begin, the likelier one last."""
    if boundary:
        yield b"--" + boundary
    if profile.endless and boundary.startswith(b"--") and boundary.strip(b"-"):
        # Declared with its dashes, as many cameras do. Of nothing but dashes,
        # the two could not be told apart.
        yield boundary


def _sniff(line: bytes, whole: bool) -> tuple[bytes, ...]:
    dash = line.rstrip(b" \t\r\n")
    return (dash,) if whole and dash.startswith(b"--") and len(dash) > 2 else ()
