"""Payload: the content of one part, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer

from txmultipart.body.coded_source import CodedSource, coded_length, encoders
from txmultipart.errors import MisuseError, PayloadError
from txmultipart.interfaces import IPayload, Source
from txmultipart.sansio.headers import PartHeaders
from txmultipart.sansio.parameters import form_parameter, quoted_parameter

DEFAULT_TYPE = "application/octet-stream"


@implementer(IPayload)
class Payload:
    """The content of one part, and its headers.

    ``make`` gives a fresh source of ``length`` bytes, if that is known; with
    ``replayable=False`` it is called once only. The codings that the headers
    declare are applied while sending, unless the content is ``encoded`` already.
    """

    #: Whether the headers were made for this very content, also those of a form.
    described = False

    def __init__(
        self,
        make: Callable[[], Source],
        *,
        length: int | str = UNKNOWN_LENGTH,
        content_type: str | None = DEFAULT_TYPE,
        filename: str | None = None,
        replayable: bool = False,
        encoded: bool = False,
    ) -> None:
        self.headers = Headers()
        self.filename = filename
        self.encoded = encoded
        self._size = length
        self._replayable = replayable
        self._make = make
        self._opened = False
        if content_type is not None:
            self.headers.setRawHeaders("Content-Type", [content_type])

    @property
    def size(self) -> int | str:
        """Bytes of content before any coding, or ``UNKNOWN_LENGTH``."""
        return self._size

    @property
    def length(self) -> int | str:
        """Bytes of content as it is sent, or ``UNKNOWN_LENGTH``.

        Set it to promise that the source gives so many, before any coding. Raises
        ``MisuseError`` if the headers declare a coding that is not known.
        """
        return (
            self.size if self.encoded else coded_length(self.part_headers(), self.size)
        )

    @length.setter
    def length(self, size: int | str) -> None:
        self._size = size

    @property
    def replayable(self) -> bool:
        """Whether the content can be sent again, after an attempt."""
        return self._replayable

    def open(self) -> Source:
        """A fresh source, codings applied. Raises what ``check`` raises."""
        self.check()
        coders = [] if self.encoded else encoders(self.part_headers())
        self._opened = True
        source = self._make()
        return CodedSource(source, coders) if coders else source

    def check(self) -> None:
        """Find out now what would otherwise break the body in its middle.

        Raises ``PayloadError`` if the content can be sent only once, and it was;
        ``MisuseError`` for headers that are not true.
        """
        if self._opened and not self.replayable:
            raise PayloadError(
                "this content can be sent only once, and it was", code="consumed"
            )
        length, declared = self.length, self.part_headers().content_length
        if declared is not None and isinstance(length, int) and declared != length:
            raise MisuseError("a part has another length than its headers declare")

    def set_content_disposition(self, disposition: str, **params: str) -> None:
        """Set Content-Disposition, for instance ``"form-data", name="a", filename="b"``.

        Parameters of ``form-data`` are escaped as browsers do it, others with
        quoted pairs. Raises ``MisuseError`` for what no escaping can carry.
        """
        form = disposition == "form-data"
        escape = form_parameter if form else quoted_parameter
        items = [disposition, *(escape(n, v) for n, v in params.items())]
        self.headers.setRawHeaders("Content-Disposition", ["; ".join(items)])

    def update_headers(self, headers: Any) -> None:
        """Replace headers by those given: a mapping, pairs, or Twisted's Headers."""
        if headers is None:
            return
        pairs = (
            ((name, v) for name, vs in headers.getAllRawHeaders() for v in vs)
            if isinstance(headers, Headers)
            else headers
        )
        checked = PartHeaders(pairs).raw
        for name, _ in checked:
            self.headers.removeHeader(name)
        for name, value in checked:
            self.headers.addRawHeader(name, value)

    def part_headers(self) -> PartHeaders:
        """The headers as they are written. Raises ``MisuseError`` for CR, LF or NUL in one."""
        raw = self.headers.getAllRawHeaders()
        # Content-Disposition first, as browsers write it; nothing hangs on it.
        return PartHeaders(
            sorted(
                ((name, value) for name, values in raw for value in values),
                key=lambda pair: pair[0].lower() != b"content-disposition",
            )
        )


class DelegatingPayload(Payload):
    """Content that is asked, each time, how long it is and whether it can be sent again.

    ``content`` has ``length`` and ``replayable``; ``make`` gives a source of it.
    """

    described = True

    def __init__(self, content: Any, make: Callable[[], Source], **options: Any):
        super().__init__(make, **options)
        self.content = content

    @property
    def size(self) -> int | str:
        """Bytes of content before any coding, or ``UNKNOWN_LENGTH``."""
        length = self.content.length if self._size == UNKNOWN_LENGTH else self._size
        return length if isinstance(length, int) else UNKNOWN_LENGTH

    @property
    def replayable(self) -> bool:
        """Whether the content can be sent again, after an attempt."""
        return bool(getattr(self.content, "replayable", False))
