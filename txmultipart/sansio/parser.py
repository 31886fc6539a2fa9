"""MultipartParser: bytes in, events out. No I/O, no clock, no Twisted.

States, and what moves the parser from one to the next::

    state     where the next byte stands        input → next state
    PREAMBLE  before the first delimiter        open → HEADERS   close → EPILOGUE
    HEADERS   in a part's header block          body → BODY      length → COUNTED
                                                open → HEADERS   close → EPILOGUE
    BODY      in content, up to a delimiter     open → HEADERS   close → EPILOGUE
    COUNTED   in content, up to its length      done → BETWEEN
    BETWEEN   behind such a part                open → HEADERS   close → EPILOGUE
    EPILOGUE  behind the close delimiter
    FAILED    an error was raised; every call raises it again

``open`` and ``close`` are delimiter lines. HEADERS meets one only where a part
may consist of headers alone; COUNTED and BETWEEN exist for x-mixed-replace only.

What comes out is a function of the bytes alone, never of how they were cut:
the events, the events before an error, the error and its offset.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from txmultipart.errors import (
    LimitExceeded,
    MalformedMultipart,
    MultipartError,
    TruncatedMultipart,
)
from txmultipart.limits import Limits
from txmultipart.sansio.boundary import read_boundary
from txmultipart.sansio.delimiter import DelimiterScanner, Found
from txmultipart.sansio.events import (
    EndOfMultipart,
    Event,
    PartBegin,
    PartData,
    PartEnd,
)
from txmultipart.sansio.header_block import HeaderBlockReader
from txmultipart.sansio.headers import PartHeaders
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


_WHERE = {
    State.PREAMBLE: "before the first delimiter",
    State.HEADERS: "in the headers of a part",
    State.BODY: "in a part, before a close delimiter",
    State.COUNTED: "in a part, before its declared length",
}

#: Records of what was tolerated that are kept for one body.
MAX_ANOMALIES = 100

_PART_END = PartEnd()
_DEFAULT_LIMITS = Limits()


class MultipartParser:
    """Turns the bytes of one multipart body into events.

    ``boundary`` is the parameter of the Content-Type, without quotes; with the
    profile ``REPLACE`` it may be empty and is then read off the body. Feed with
    ``receive_data``, and call ``receive_eof`` when the input has ended: only
    then is it known to be whole.

    Raises ``NotMultipart`` for a boundary that cannot be used.
    """

    def __init__(
        self,
        boundary: bytes | str,
        *,
        profile: Profile = FORM_DATA,
        limits: Limits = _DEFAULT_LIMITS,
    ) -> None:
        sniffed = profile.endless and not boundary
        self._boundary = b"" if sniffed else read_boundary(boundary, limits)
        self.profile = profile
        self.limits = limits
        self.state = State.PREAMBLE
        #: Bytes received and parts begun, so far.
        self.received = 0
        self.parts = 0
        #: What was tolerated, in order, at most ``MAX_ANOMALIES`` records.
        self.anomalies: list[Anomaly] = []
        self._events: list[Event] = []
        self._error: MultipartError | None = None
        self._base = 0  # the offset of the first byte of the chunk under way
        self._opening = PreambleReader(self._boundary, profile, limits)
        self._blocks: HeaderBlockReader | None = None
        self._scanner: DelimiterScanner | None = None
        self._pieces: list[bytes] = []
        self._part_start = 0
        self._part_size = 0
        self._length = 0  # what is left of a part in COUNTED
        self._epilogue = 0
        self._junk = False  # whether there was more than line breaks in it

    def receive_data(self, data: bytes) -> list[Event]:
        """The events that ``data``, the next bytes of the body, completes.

        Raises ``MalformedMultipart`` or ``LimitExceeded``; the events before
        the error can then be had from ``take_events``. Every later call raises
        the same error.
        """
        self._check_usable()
        data = data if type(data) is bytes else bytes(data)
        room = self.limits.max_body_size - self.received
        try:
            if len(data) > room and not self.profile.endless:
                self._run(data[:room])
                bound = self.limits.max_body_size
                raise LimitExceeded("max_body_size", bound, offset=bound)
            self._run(data)
        except MultipartError as error:
            raise self._failed(error) from None
        return self.take_events()

    def receive_eof(self) -> list[Event]:
        """The input has ended: the last events, if there are any.

        Raises ``TruncatedMultipart`` unless the close delimiter was seen. With
        ``loose_ends`` an opening delimiter may be the last thing, and an
        endless body may end behind any part; both are recorded.
        """
        self._check_usable()
        if self.state is State.EPILOGUE:
            return []
        if not self._ends_loosely():
            message = f"the body ended {_WHERE[self.state]}"
            raise self._failed(TruncatedMultipart(message, offset=self.received))
        if self.state is State.BODY:
            self._end_content()
        self._tolerate("no-close-delimiter", self.received)
        self._meet(Found.CLOSE, 0)
        return self.take_events()

    def take_events(self) -> list[Event]:
        """The events that no call has returned yet: those right before an error."""
        events, self._events = self._events, []
        return events

    @property
    def held(self) -> int:
        """How many bytes are kept between two calls.

        At most the longest of a header block, a line of the preamble and a
        delimiter line, each with its bound in ``Limits``.
        """
        blocks = len(self._blocks.held) if self._blocks else 0
        scanner = len(self._scanner.held) if self._scanner else 0
        return blocks + scanner + len(self._opening.held)

    # Driving ---------------------------------------------------------------------

    def _check_usable(self) -> None:
        if self._error is not None:
            raise self._error.with_traceback(None)

    def _failed(self, error: MultipartError) -> MultipartError:
        self.state, self._error = State.FAILED, error
        error.part = self.parts
        return error

    def _run(self, data: bytes) -> None:
        self._base = self.received
        self.received += len(data)
        position, end = 0, len(data)
        while position < end:
            position = _STEPS[self.state](self, data, position)

    def _meet(self, found: Found, position: int) -> None:
        """A delimiter line, one that opens a part or closes the body, ends at ``position``."""
        if found is Found.CLOSE:
            self._events.append(EndOfMultipart())
            self.state = State.EPILOGUE
            return
        self.state = State.HEADERS
        assert self._blocks is not None
        self._blocks.begin(self._base + position)

    def _tolerate(self, code: str, offset: int) -> None:
        if len(self.anomalies) < MAX_ANOMALIES:
            self.anomalies.append(Anomaly(code, offset))

    def _ends_loosely(self) -> bool:
        """Whether the input may end here for want of better."""
        if self.state is State.BETWEEN:
            return True
        if not self.profile.loose_ends or not self._blocks or not self._scanner:
            return False
        if self.state is State.HEADERS:
            return not self._blocks.held.strip(b"\r\n")
        held, line = self._scanner.held, self._scanner.delimiter.line
        return held.startswith(line) and not held[len(line) :].strip()

    # One step for each state: takes bytes from ``position`` on, tells how far ------

    def _find_delimiter(self, data: bytes, position: int) -> int:
        """PREAMBLE and BETWEEN."""
        opening = self._opening
        found, position = opening.feed(data, position)
        if found is Found.MORE:
            return position
        delimiter, limits = opening.delimiter, self.limits
        assert delimiter is not None
        # One that was read off the body holds for all of it.
        self._boundary = self._boundary or read_boundary(delimiter.dash[2:], limits)
        self._scanner = self._scanner or DelimiterScanner(delimiter)
        blocks = self._blocks or HeaderBlockReader(delimiter, self.profile, limits)
        self._blocks = blocks
        for code in opening.anomalies(found):
            self._tolerate(code, opening.offset)
        if found is Found.DATA:
            self._meet(Found.OPEN, position - len(opening.held))
            blocks.held += opening.held
        else:
            self._meet(found, position)
        opening.clear()
        return position

    def _read_headers(self, data: bytes, position: int) -> int:
        """HEADERS."""
        assert self._blocks is not None
        found, position = self._blocks.feed(data, position)
        if found is Found.MORE:
            return position
        headers = self._begin_part(position)
        if found is Found.DATA:
            self._begin_content(headers, position)
        else:
            self._events.append(_PART_END)
            self._meet(found, position)
        return position

    def _begin_part(self, position: int) -> PartHeaders:
        assert self._blocks is not None
        self.parts += 1
        bound = self.limits.max_parts
        if self.parts > bound and not self.profile.endless:
            raise LimitExceeded("max_parts", bound, offset=self._base + position)
        headers = self._blocks.headers()
        for code, offset in headers.anomalies:
            self._tolerate(code, self._blocks.start + offset)
        self._events.append(PartBegin(headers))
        return headers

    def _begin_content(self, headers: PartHeaders, position: int) -> None:
        assert self._scanner is not None
        self._part_start, self._part_size = self._base + position, 0
        length = headers.content_length if self.profile.endless else None
        if length is None:
            self._scanner.begin_line()
            self.state = State.BODY
        else:
            self._length = length
            self.state = State.COUNTED if length else self._end_counted(position)

    def _read_body(self, data: bytes, position: int) -> int:
        """BODY."""
        assert self._scanner is not None
        pieces = self._pieces
        found, position = self._scanner.scan(data, position, pieces)
        for piece in pieces:
            self._content(piece)
        pieces.clear()
        if found is not Found.MORE:
            self._end_content()
            self._meet(found, position)
        return position

    def _end_content(self) -> None:
        assert self._scanner is not None
        if self._scanner.false_starts:
            self._scanner.false_starts = 0
            self._tolerate("boundary-prefix", self._part_start)
        self._events.append(_PART_END)

    def _content(self, piece: bytes) -> None:
        bound = self.limits.max_part_size
        room = bound - self._part_size
        self._part_size += len(piece)
        if room:
            self._events.append(PartData(piece[:room]))
        if len(piece) > room:
            offset = self._part_start + bound
            raise LimitExceeded("max_part_size", bound, offset=offset)

    def _read_counted(self, data: bytes, position: int) -> int:
        """COUNTED."""
        piece = data[position : position + self._length]
        self._length -= len(piece)
        self._content(piece)
        position += len(piece)
        if not self._length:
            self.state = self._end_counted(position)
        return position

    def _end_counted(self, position: int) -> State:
        self._events.append(_PART_END)
        start = self._base + position
        self._opening = PreambleReader(self._boundary, self.profile, self.limits, start)
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


_Step = Callable[[MultipartParser, bytes, int], int]
_STEPS: dict[State, _Step] = {
    State.PREAMBLE: MultipartParser._find_delimiter,
    State.HEADERS: MultipartParser._read_headers,
    State.BODY: MultipartParser._read_body,
    State.COUNTED: MultipartParser._read_counted,
    State.BETWEEN: MultipartParser._find_delimiter,
    State.EPILOGUE: MultipartParser._skip_epilogue,
}
