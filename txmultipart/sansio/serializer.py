"""MultipartSerializer: events in, bytes out; and lengths without bytes.

It takes the events that the parser gives, so that what one writes the other
reads. Delimiter, header block and line breaks are all it adds (RFC 2046
section 5.1.1).
"""

from __future__ import annotations

from collections.abc import Iterable

from txmultipart.errors import MisuseError
from txmultipart.sansio.boundary import make_boundary, validated_boundary
from txmultipart.sansio.events import (
    EndOfMultipart,
    Event,
    PartBegin,
    PartData,
    PartEnd,
)
from txmultipart.sansio.headers import PartHeaders
from txmultipart.sansio.octets import octets

CRLF = b"\r\n"

#: What may come next, by whether a part is under way.
_NEXT = {False: (PartBegin, EndOfMultipart), True: (PartData, PartEnd)}


class MultipartSerializer:
    """Turns the events of one multipart body into its bytes.

    ``boundary`` is made up when it is not given. With ``close_boundary=False``
    nothing is written for ``EndOfMultipart``, as endless bodies want it.
    Raises ``MisuseError`` for a boundary that RFC 2046 does not allow.
    """

    def __init__(
        self, boundary: str | bytes | None = None, *, close_boundary: bool = True
    ) -> None:
        self.boundary = (
            make_boundary() if boundary is None else validated_boundary(boundary)
        )
        self._delimiter = b"--" + self.boundary.encode("ascii")
        self._close = self._delimiter + b"--" + CRLF if close_boundary else b""
        self._in_part = False
        self._ended = False

    def send(self, event: Event) -> bytes:
        """The bytes of ``event``. Raises ``MisuseError`` for one out of its order.

        And for a ``PartData`` of anything but bytes, which leaves the order as it was.
        The content of a part is not searched for the boundary; a boundary of
        128 random bits does not occur in it.
        """
        if self._ended or not isinstance(event, _NEXT[self._in_part]):
            raise MisuseError(f"{type(event).__name__} is not what comes next")
        if isinstance(event, PartData):
            data = event.data
            return data if type(data) is bytes else octets(data, "PartData has bytes")
        if isinstance(event, PartEnd):
            self._in_part = False
            return CRLF
        if isinstance(event, PartBegin):
            self._in_part = True
            return self._head(event.headers)
        self._ended = True
        return self._close

    def _head(self, headers: PartHeaders) -> bytes:
        lines = [self._delimiter]
        lines += [name + b": " + value for name, value in headers.raw]
        return CRLF.join(lines) + CRLF + CRLF

    def length(self, parts: Iterable[tuple[PartHeaders, int]]) -> int:
        """How many bytes a body of these parts has: headers, and bytes of content, of each."""
        total = len(self._close)
        for headers, size in parts:
            total += len(self._head(headers)) + size + len(CRLF)
        return total
