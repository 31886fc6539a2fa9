"""BodyMachine: where in a multipart body the next byte stands, and what it does there.

States, and what moves the machine from one to the next::

    state     where the next byte stands        input → next state
    PREAMBLE  before the first delimiter        open → HEADERS   close → EPILOGUE
    HEADERS   in a part's header block          body → BODY      length → COUNTED
                                                open → HEADERS   close → EPILOGUE
    BODY      in content, up to a delimiter     open → HEADERS   close → EPILOGUE
    COUNTED   in content, up to its length      done → BETWEEN
    BETWEEN   behind such a part                open → HEADERS   close → EPILOGUE
    EPILOGUE  behind the close delimiter
    FAILED    an error was raised

``open`` and ``close`` are delimiter lines. HEADERS meets one only where a part
may consist of headers alone; COUNTED and BETWEEN exist for x-mixed-replace only.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from txmultipart.errors import LimitExceeded, MalformedMultipart, NotMultipart
from txmultipart.limits import Limits
from txmultipart.sansio.admission import Admission, Budget
from txmultipart.sansio.boundary import declared_boundary
from txmultipart.sansio.delimiter import Delimiter, DelimiterScanner, Found
from txmultipart.sansio.events import EndOfMultipart, Event, PartBegin, PartData
from txmultipart.sansio.header_block import HeaderBlockReader
from txmultipart.sansio.preamble import PreambleReader
from txmultipart.sansio.profiles import Anomaly, Profile
from txmultipart.sansio.shortcut import (
    PART_END,
    small_parts,
    usual_opening,
    usual_parts,
)


class State(IntEnum):
    """Where in a body the parser is; see the table above."""

    PREAMBLE = 0
    HEADERS = 1
    BODY = 2
    COUNTED = 3
    BETWEEN = 4
    EPILOGUE = 5
    FAILED = 6


#: Records of what was tolerated that are kept for one body.
MAX_ANOMALIES = 100


class BodyMachine:
    """The states of one body. ``MultipartParser`` drives it, and nobody else.

    ``boundary`` is empty if it is to be read off the body.
    """

    def __init__(
        self,
        boundary: bytes,
        profile: Profile,
        limits: Limits,
        budget: Budget | None = None,
    ) -> None:
        self.profile = profile
        self.limits = limits
        self.state = State.PREAMBLE
        #: Bytes received so far.
        self.received = 0
        #: What was tolerated, in order, at most ``MAX_ANOMALIES`` records.
        self.anomalies: list[Anomaly] = []
        self._boundary = boundary
        self._events: list[Event] = []
        self._base = 0  # the offset of the first byte of the chunk under way
        self._unusual = -1  # the chunk that ends here was searched for small parts
        self._admission = Admission(profile, limits, budget)
        # The readers of the states; the delimiter is known when its first line is.
        self._opening: PreambleReader | None = None
        self._delimiter: Delimiter
        self._blocks: HeaderBlockReader
        self._scanner: DelimiterScanner
        self._plain = 0  # up to so many bytes may be content and nothing else
        self._part_start = 0
        self._part_left = 0  # before max_part_size is passed
        self._length = 0  # what is left of a part in COUNTED
        self._epilogue = 0
        self._junk = False  # whether there was more than line breaks in it

    def _run(self, data: bytes) -> None:
        self._base = self.received
        self.received += len(data)
        position, end = 0, len(data)
        while position < end:
            if self._may_hurry(end):
                position = self._hurry(data, position)
                if position == end:
                    break
            position = _STEPS[self.state](self, data, position)
        self._plain = 0
        # Parts as small as the chunks are rarely go on for a whole one.
        if self.state is State.BODY and self._part_start < self._base:
            room = min(self._part_left, self.limits.max_body_size - self.received)
            self._plain = room - len(self._scanner.held)

    def _may_hurry(self, size: int) -> bool:
        """Whether the short way may be tried: nothing is held, and no limit near."""
        if self.state is State.HEADERS:
            held, room = len(self._blocks.held), self.limits.max_part_size
        elif self.state is State.BODY:
            held, room = len(self._scanner.held), self._part_left
        else:
            return False
        if held or size > room or not self.profile.plain:
            return False
        return not self._scanner.false_starts

    def _meet(self, found: Found, position: int) -> None:
        """A delimiter line, one that opens a part or closes the body, ends at ``position``."""
        if found is Found.CLOSE:
            self._events.append(EndOfMultipart())
            self.state = State.EPILOGUE
        else:
            self._blocks.start = self._base + position
            self.state = State.HEADERS

    def _tolerate(self, code: str, offset: int) -> None:
        if len(self.anomalies) < MAX_ANOMALIES:
            self.anomalies.append(Anomaly(code, offset))

    def _ends_loosely(self) -> bool:
        """Whether the input may end here for want of better."""
        if not self.profile.loose_ends or self.state is State.PREAMBLE:
            return False
        if self.state is State.HEADERS:
            return not self._blocks.held.strip(b"\r\n")
        held, line = self._scanner.held, self._delimiter.line
        ended = held.startswith(line) and not held[len(line) :].strip()
        return ended or self.state is State.BETWEEN

    # One step for each state: takes bytes from ``position`` on, tells how far ------

    def _find_delimiter(self, data: bytes, position: int) -> int:
        """PREAMBLE and BETWEEN."""
        if self._base + position == 0:
            delimiter = usual_opening(self._boundary, data, self.profile)
            if delimiter is not None:
                return self._open(delimiter, Found.OPEN, len(delimiter.dash) + 2)
        if self._opening is None:
            start = self._base + position
            self._opening = PreambleReader(
                self._boundary, self.profile, self.limits, start
            )
        opening = self._opening
        found, position = opening.feed(data, position)
        if opening.delimiter is None or found is Found.MORE:
            return position
        for code in opening.anomalies(found):
            self._tolerate(code, opening.offset)
        self._opening = None
        if found is not Found.DATA:
            return self._open(opening.delimiter, found, position)
        # There is no first delimiter; a header line has been read already.
        self._open(opening.delimiter, Found.OPEN, position - len(opening.held))
        self._blocks.held += opening.held
        return position

    def _open(self, delimiter: Delimiter, found: Found, position: int) -> int:
        """The first delimiter line, or one in BETWEEN, ends at ``position``."""
        if self.state is State.PREAMBLE:
            # One that was read off the body holds for all of it.
            self._boundary = self._boundary or self._sniffed(delimiter)
            self._delimiter = delimiter
            self._scanner = DelimiterScanner(delimiter)
            self._blocks = HeaderBlockReader(delimiter, self.profile, self._admission)
        self._meet(found, position)
        return position

    def _sniffed(self, delimiter: Delimiter) -> bytes:
        """The boundary of a first line; that it was not declared is no excuse."""
        try:
            return declared_boundary(delimiter.dash[2:], self.limits)
        except NotMultipart as error:
            raise MalformedMultipart(error.message, code=error.code) from None

    def _read_headers(self, data: bytes, position: int) -> int:
        """HEADERS."""
        blocks = self._blocks
        found, position = blocks.feed(data, position)
        if found is Found.MORE:
            return position
        begin = self._admit(blocks.block, blocks.start)
        if found is Found.DATA:
            self._begin_content(begin, position)
        else:
            self._events.append(PART_END)
            self._meet(found, position)
        return position

    def _hurry(self, data: bytes, position: int) -> int:
        """Take the short way, from HEADERS or BODY; how far it leads."""
        way = self._base, self._delimiter, self._admission, self._events
        if self.state is State.HEADERS and self.received != self._unusual:
            position, closed = small_parts(data, position, *way)
            self._unusual = self.received  # what is left of the chunk is not so small
            if closed:
                self._meet(Found.CLOSE, position + len(self._delimiter.close))
                return position + len(self._delimiter.close)
        in_content = self.state is State.BODY
        position, found, began = usual_parts(data, position, in_content, *way)
        if began >= 0:
            self._part_start = self._base + began
            self._part_left = self.limits.max_part_size
        if found is Found.OPEN:
            self._meet(found, position)
            return position
        self.state = State.BODY
        return self._take_rest(data, position) if found is Found.MORE else position

    def _take_rest(self, data: bytes, position: int) -> int:
        """All that is left of ``data`` is content, but for what may begin a delimiter."""
        cut = self._delimiter.beginning(data, position)
        self._scanner.held = data[cut:]
        if cut > position:
            self._content(data[position:cut])
        return len(data)

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
            self.state = State.BODY
        else:
            self._length = length
            self.state = State.COUNTED if length else self._end_counted()

    def _read_body(self, data: bytes, position: int) -> int:
        """BODY."""
        pieces: list[bytes] = []
        found, position = self._scanner.scan(data, position, pieces)
        for piece in pieces:
            self._content(piece)
        if found is not Found.MORE:
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
        return State.BETWEEN

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
