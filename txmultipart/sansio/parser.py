"""MultipartParser: bytes in, events out. No I/O, no clock, no Twisted.

What comes out is a function of the bytes alone, never of how they were cut: the
events, the events before an error, the error and its offset.
"""

from __future__ import annotations

from txmultipart.errors import (
    LimitExceeded,
    MisuseError,
    MultipartError,
    TruncatedMultipart,
)
from txmultipart.limits import ENDLESS, Limits
from txmultipart.sansio.admission import Budget
from txmultipart.sansio.boundary import declared_boundary
from txmultipart.sansio.delimiter import MAX_PADDING, Found
from txmultipart.sansio.events import Event, PartData
from txmultipart.sansio.machine import BodyMachine, State
from txmultipart.sansio.profiles import FORM_DATA, Profile

_WHERE = {
    State.PREAMBLE: "before the first delimiter",
    State.HEADERS: "in the headers of a part",
    State.BODY: "in a part, before a close delimiter",
    State.BETWEEN: "behind a part, before a close delimiter",
    State.COUNTED: "in a part, before its declared length",
}

_DEFAULT_LIMITS = Limits()


class MultipartParser(BodyMachine):
    """Turns the bytes of one multipart body into events.

    ``boundary`` is the parameter of the Content-Type, without quotes; with the
    profile ``REPLACE`` it may be empty and is then read off the body. Feed with
    ``receive_data``, and call ``receive_eof`` when the input has ended: only
    then is it known to be whole.

    ``limits`` are ``ENDLESS`` by default for ``REPLACE``, and ``Limits()`` for
    the others. A parser of a nested multipart is given the ``budget`` of the one
    around it.

    Raises ``NotMultipart`` for a boundary that cannot be used, ``LimitExceeded``
    for one that is too long.
    """

    def __init__(
        self,
        boundary: bytes | str,
        *,
        profile: Profile = FORM_DATA,
        limits: Limits | None = None,
        budget: Budget | None = None,
    ) -> None:
        limits = limits or (ENDLESS if profile.endless else _DEFAULT_LIMITS)
        sniffed = profile.endless and not boundary
        raw = b"" if sniffed else declared_boundary(boundary, limits)
        super().__init__(raw, profile, limits, budget)
        self._error: MultipartError | None = None
        self._eof = False

    @property
    def parts(self) -> int:
        """How many parts have begun so far."""
        return self._admission.parts

    @property
    def budget(self) -> Budget:
        """What may still come, to be shared with nested multiparts."""
        return self._admission.budget

    def receive_data(self, data: bytes | bytearray | memoryview) -> list[Event]:
        """The events that ``data``, the next bytes of the body, completes.

        Raises ``MalformedMultipart`` or ``LimitExceeded``; the events before
        the error can then be had from ``take_events``. Every later call raises
        the same error. Raises ``MisuseError`` after ``receive_eof``.
        """
        size = len(data)
        if 0 < size <= self._plain and type(data) is bytes:
            end = self._delimiter.content_end(data)
            if end == size and not self._scanner.held:
                self._plain -= size
                self._part_left -= size
                self.received += size
                return [PartData(data)]
            if end > 0 and self._scanner.is_refuted(data):
                return self._take_seam(data, end)
        self._check_usable()
        data = bytes(data)
        room = self.limits.max_body_size - self.received
        try:
            self._run(data[:room])
            if len(data) > room:
                bound = self.limits.max_body_size
                raise LimitExceeded("max_body_size", bound, offset=bound)
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
        self._eof = True
        self._plain = 0
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
        """How many bytes are kept between two calls, never more than ``most_held``."""
        if self._opening is not None:
            return len(self._opening.held)
        if self.state is State.PREAMBLE:
            return 0
        return len(self._blocks.held) + len(self._scanner.held)

    @property
    def most_held(self) -> int:
        """The bound on the bytes kept: one header block, and one delimiter line."""
        boundary = len(self._boundary) or self.limits.max_boundary_length
        delimiter = len(b"\r\n--") + boundary + len(b"--") + MAX_PADDING
        return self.limits.max_header_bytes + delimiter

    def _take_seam(self, data: bytes, end: int) -> list[Event]:
        """Content: what was held, and ``data`` up to ``end``; the rest of it is held."""
        held, self._scanner.held = self._scanner.held, data[end:]
        self._plain -= len(data)
        self._part_left -= len(held) + end
        self.received += len(data)
        return (
            [PartData(held), PartData(data[:end])] if held else [PartData(data[:end])]
        )

    def _check_usable(self) -> None:
        if self._error is not None:
            raise self._error.with_traceback(None)
        if self._eof:
            raise MisuseError("the end of the input was told before", code="after-eof")

    def _failed(self, error: MultipartError) -> MultipartError:
        self.state, self._error = State.FAILED, error
        error.part = self.parts
        return error
