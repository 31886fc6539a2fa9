"""BodyMachine: where in a multipart body the next byte stands, and what it does there.

States, and what moves the machine from one to the next::

    state     where the next byte stands        input → next state
    PREAMBLE  before the first delimiter        open → HEADERS   close → EPILOGUE
              (a field there, in REPLACE)       → HEADERS
    HEADERS   in a part's header block          body → BODY      length → COUNTED
                                                length 0 → BETWEEN
                                                open → HEADERS   close → EPILOGUE
    BODY      in content, up to a delimiter     open → HEADERS   close → EPILOGUE
    COUNTED   in content, up to its length      done → BETWEEN
    BETWEEN   behind such a part                open → HEADERS   close → EPILOGUE
    EPILOGUE  behind the close delimiter
    FAILED    an error was raised

``open`` and ``close`` are delimiter lines; where a profile has loose ends, the end of
the input is a close as well. HEADERS meets one only where a part
may consist of headers alone; COUNTED and BETWEEN exist for x-mixed-replace only.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from txmultipart.errors import (
    LimitExceeded,
    MalformedMultipart,
    MultipartError,
    NotMultipart,
)
from txmultipart.limits import ENDLESS, Limits
from txmultipart.sansio.admission import Admission, Budget
from txmultipart.sansio.boundary import declared_boundary
from txmultipart.sansio.delimiter import (
    CLOSE,
    DATA,
    MORE,
    OPEN,
    Delimiter,
    DelimiterScanner,
    Found,
)
from txmultipart.sansio.events import END, PART_END, Event, PartBegin, PartData
from txmultipart.sansio.header_block import HeaderBlockReader
from txmultipart.sansio.preamble import PreambleReader
from txmultipart.sansio.profiles import FORM_DATA, Anomaly, Profile


class State(IntEnum):
    """Where in a body the parser is; see the table above."""

    PREAMBLE = 0
    HEADERS = 1
    BODY = 2
    COUNTED = 3
    BETWEEN = 4
    EPILOGUE = 5
    FAILED = 6


# To look up a member of an Enum in its class is slow.
PREAMBLE, HEADERS, BODY, COUNTED, BETWEEN, EPILOGUE, FAILED = State

#: Records of what was tolerated that are kept for one body.
MAX_ANOMALIES = 100

#: Content that is not looked at by the machine at all, at most: Python counts faster up to here.
MOST_PLAIN = (1 << 30) - 1

#: Where nobody gave any, for all but endless bodies.
DEFAULT_LIMITS = Limits()


class BodyMachine:
    """The states of one body. ``MultipartParser`` drives it, and nobody else.

    ``boundary`` is empty if it is to be read off the body.
    """

    # What begins like this for every body and is rarely used: to set it for each
    # would take as long as to parse a small one. What is used often is set, as an
    # attribute that the class has as well is slow.
    _error: MultipartError | None = None
    _opening: PreambleReader | None = None
    _length = 0  # what is left of a part in COUNTED
    _epilogue = 0
    _junk = False  # whether there was more than line breaks in it
    # The readers of the states; the delimiter is known when its first line is.
    _delimiter: Delimiter
    _blocks: HeaderBlockReader
    _scanner: DelimiterScanner
    _unusual: int  # the chunk that ends here was searched for small parts
    _part_start: int
    _part_left: int  # before max_part_size is passed

    def __init__(
        self,
        boundary: bytes | str,
        *,
        profile: Profile = FORM_DATA,
        limits: Limits | None = None,
        budget: Budget | None = None,
    ) -> None:
        if limits is None:
            limits = ENDLESS if profile.endless else DEFAULT_LIMITS
        sniffed = profile.endless and not boundary
        self._boundary = b"" if sniffed else declared_boundary(boundary, limits)
        self.profile = profile
        self.limits = limits
        self.state = PREAMBLE
        #: What was tolerated, in order, at most ``MAX_ANOMALIES`` records.
        self.anomalies: list[Anomaly] = []
        self._events: list[Event] = []
        self._admission = Admission(profile, limits, budget)
        self._usable = True  # no error was raised, and the end was not told
        self._hurries = False  # whether the short ways are open
        self._end = 0  # the offset behind the chunk under way
        # So many bytes could come if they were content, and so many still can.
        self._granted = self._plain = 0

    @property
    def received(self) -> int:
        """Bytes received so far."""
        return self._end + self._granted - self._plain

    def _run(self, data: bytes) -> None:
        self._base = self._end
        self._end += len(data)
        position, end = 0, len(data)
        while position < end:
            if self._hurries:
                position = self._hurry(data, position)
                if position == end:
                    break
            position = _STEPS[self.state](self, data, position)
        # Parts as small as the chunks are rarely go on for a whole one.
        if self.state is BODY and self._part_start < self._base:
            room = min(self._part_left, self.limits.max_body_size - self._end)
            room -= len(self._scanner.held)
            self._granted = self._plain = min(room, MOST_PLAIN)

    def _hurry(self, data: bytes, position: int) -> int:
        """Where there is a shorter way, take it from ``position``; how far it led."""
        return position

    def _settle(self) -> None:
        """Account for the content that the parser passed on by itself."""
        passed = self._granted - self._plain
        self._granted = self._plain = 0
        self._end += passed
        self._part_left -= passed

    def _meet(self, found: Found, position: int) -> None:
        """A delimiter line, one that opens a part or closes the body, ends at ``position``."""
        if found is CLOSE:
            self._events.append(END)
            self.state = EPILOGUE
        else:
            self._blocks.start = self._base + position
            self.state = HEADERS

    def _tolerate(self, code: str, offset: int) -> None:
        if len(self.anomalies) < MAX_ANOMALIES:
            self.anomalies.append(Anomaly(code, offset))

    def _ends_loosely(self) -> bool:
        """Whether the input may end here for want of better."""
        if not self.profile.loose_ends or self.state is PREAMBLE:
            return False
        if self.state is HEADERS:
            return not self._blocks.held.strip(b"\r\n")
        held, line = self._scanner.held, self._delimiter.line
        ended = held.startswith(line) and not held[len(line) :].strip()
        return ended or self.state is BETWEEN

    # One step for each state: takes bytes from ``position`` on, tells how far ------

    def _find_delimiter(self, data: bytes, position: int) -> int:
        """PREAMBLE and BETWEEN."""
        if self._base + position == 0:
            dash = b"--" + self._boundary
            if data.startswith(dash + b"\r\n") and not self.profile.endless:
                # There is no preamble, as a rule.
                delimiter = Delimiter(dash, b"\r\n", padding=self.profile.padding)
                return self._open(delimiter, OPEN, len(dash) + 2)
        if self._opening is None:
            start = self._base + position
            self._opening = PreambleReader(
                self._boundary, self.profile, self.limits, start
            )
        opening = self._opening
        found, position = opening.feed(data, position)
        if opening.delimiter is None or found is MORE:
            return position
        for code in opening.anomalies(found):
            self._tolerate(code, opening.offset)
        self._opening = None
        # One that was read off the body holds for all of it.
        self._boundary = self._boundary or self._sniffed(opening)
        if found is not DATA:
            return self._open(opening.delimiter, found, position)
        # There is no first delimiter; a header line has been read already.
        self._open(opening.delimiter, OPEN, position - len(opening.held))
        self._blocks.held += opening.held
        return position

    def _open(self, delimiter: Delimiter, found: Found, position: int) -> int:
        """The first delimiter line, or one in BETWEEN, ends at ``position``."""
        if self.state is PREAMBLE:
            self._delimiter = delimiter
            self._hurries = self.profile.plain
            self._unusual = -1
            self._scanner = DelimiterScanner(delimiter)
            self._blocks = HeaderBlockReader(delimiter, self.profile, self._admission)
        self._meet(found, position)
        return position

    def _sniffed(self, opening: PreambleReader) -> bytes:
        """The boundary of a first line; that it was not declared is no excuse."""
        assert opening.delimiter is not None
        dash, offset = opening.delimiter.dash, opening.offset
        try:
            return declared_boundary(dash[2:], self.limits, offset)
        except NotMultipart as error:
            message, code = error.message, error.code
            raise MalformedMultipart(message, code=code, offset=offset) from None

    def _read_headers(self, data: bytes, position: int) -> int:
        """HEADERS."""
        blocks = self._blocks
        found, position = blocks.feed(data, position)
        if found is MORE:
            return position
        begin = self._admit(blocks.block, blocks.start)
        blocks.block = b""  # ``held`` does not count it
        if found is DATA:
            self._begin_content(begin, position)
        else:
            self._events.append(PART_END)
            self._meet(found, position)
        return position

    def _admit(self, block: bytes, offset: int) -> PartBegin:
        begin = self._admission.admit(block, self._delimiter.newline, offset)
        if begin.headers.anomalies:
            for code, where in begin.headers.anomalies:
                self._tolerate(code, offset + where)
        self._events.append(begin)
        return begin

    def _begin_content(self, begin: PartBegin, position: int) -> None:
        self._part_start = self._base + position
        self._part_left = self.limits.max_part_size
        length = begin.headers.content_length if self.profile.endless else None
        if length is None:
            self._scanner.begin_line()
            self.state = BODY
        else:
            self._length = length
            self.state = COUNTED if length else self._end_counted()

    def _read_body(self, data: bytes, position: int) -> int:
        """BODY."""
        pieces: list[bytes] = []
        found, position = self._scanner.scan(data, position, pieces)
        for piece in pieces:
            self._content(piece)
        if found is not MORE:
            self._end_content()
            self._meet(found, position)
        return position

    def _end_content(self) -> None:
        if self._scanner.false_starts:
            self._scanner.false_starts = 0
            self._tolerate("boundary-prefix", self._part_start)
        self._events.append(PART_END)

    def _content(self, piece: bytes) -> None:
        room = self._part_left
        self._part_left -= len(piece)
        if room:
            self._events.append(PartData(piece[:room]))
        if len(piece) > room:
            bound = self.limits.max_part_size
            offset = self._part_start + bound
            raise LimitExceeded("max_part_size", bound, offset=offset)

    def _read_counted(self, data: bytes, position: int) -> int:
        """COUNTED."""
        piece = data[position : position + self._length]
        self._length -= len(piece)
        self._content(piece)
        position += len(piece)
        if not self._length:
            self.state = self._end_counted()
        return position

    def _end_counted(self) -> State:
        self._events.append(PART_END)
        return BETWEEN

    def _skip_epilogue(self, data: bytes, position: int) -> int:
        """EPILOGUE."""
        bound = self.limits.max_epilogue
        rest = data[position : position + bound - self._epilogue]
        if not self._junk and (text := rest.lstrip(b"\r\n")):
            self._meet_epilogue(self._base + position + len(rest) - len(text))
        self._epilogue += len(rest)
        position += len(rest)
        if position < len(data):
            raise LimitExceeded("max_epilogue", bound, offset=self._base + position)
        return position

    def _meet_epilogue(self, offset: int) -> None:
        self._junk = True
        if not self.profile.surroundings:
            message = "there are bytes after the close delimiter"
            raise MalformedMultipart(message, code="epilogue", offset=offset)
        self._tolerate("epilogue", offset)


_Step = Callable[[BodyMachine, bytes, int], int]
_STEPS: tuple[_Step, ...] = (  # in the order of State
    BodyMachine._find_delimiter,
    BodyMachine._read_headers,
    BodyMachine._read_body,
    BodyMachine._read_counted,
    BodyMachine._find_delimiter,
    BodyMachine._skip_epilogue,
)
