"""Payload: the content of one part, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer

from txmultipart.body.checked_headers import (
    CheckedHeaders,
    HeadersGiven,
    header_pairs,
)
from txmultipart.body.coded_source import CodedSource, coded_length, encoders
from txmultipart.errors import MisuseError, PayloadError
from txmultipart.interfaces import IPayload, Source
from txmultipart.sansio.headers import PartHeaders
from txmultipart.sansio.parameters import form_parameter, is_token, quoted_parameter

DEFAULT_TYPE = "application/octet-stream"


@implementer(IPayload)
class Payload:
    """The content of one part, and its headers.

    ``make`` gives a fresh source of ``length`` bytes, if that is known; with
    ``replayable=False`` it is called once only. The codings that the headers
    declare are applied while sending, unless the content is ``encoded`` already.
    """

    #: What this was made of, if that can be taken once only.
    origin: object = None

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
        self.headers: Headers = CheckedHeaders()
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
        """Bytes of content before any coding, or ``UNKNOWN_LENGTH``.

        Set it to promise that the source gives so many.
        """
        return self._size

    @size.setter
    def size(self, size: int | str) -> None:
        self._size = size

    @property
    def length(self) -> int | str:
        """Bytes of content as it is sent, or ``UNKNOWN_LENGTH``.

        To set it is to set ``size``: where there is a coding, another number is then
        read than was set. Raises ``MisuseError`` if the headers declare a coding that
        is not known.
        """
        return (
            self.size if self.encoded else coded_length(self.part_headers(), self.size)
        )

    @length.setter
    def length(self, size: int | str) -> None:
        self.size = size

    @property
    def promised(self) -> int | str:
        """Bytes that are sent or the body fails: ``length``, or else what is declared.

        Declared is the Content-Length among the headers.
        """
        length, declared = self.length, self.part_headers().content_length
        return length if isinstance(length, int) or declared is None else declared

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
        self.check_headers()

    def check_headers(self) -> None:
        """Raise ``MisuseError`` for a coding nobody knows, or a Content-Length not true."""
        length, declared = self.length, self.part_headers().content_length
        if declared is not None and isinstance(length, int) and declared != length:
            raise MisuseError("a part has another length than its headers declare")

    def give_up(self) -> None:
        """The body that this is a part of has ended, or its request has failed.

        Called whether or not this was opened; does nothing to content that lies still.
        """

    def one_shots(self) -> Iterable[object]:
        """What is taken up when this is sent, and cannot be had again."""
        if not self.replayable:
            yield self if self.origin is None else self.origin

    def set_content_disposition(self, disposition: str, **params: str) -> None:
        """Set Content-Disposition, for instance ``"form-data", name="a", filename="b"``.

        Parameters of ``form-data`` are escaped as browsers do it, others with
        quoted pairs. Raises ``MisuseError`` for what no escaping can carry, and if
        ``disposition`` or the name of a parameter is no token.
        """
        if not is_token(disposition):
            raise MisuseError("a disposition is one token, such as form-data")
        form = disposition == "form-data"
        escape = form_parameter if form else quoted_parameter
        items = [disposition, *(escape(n, v) for n, v in params.items())]
        self.headers.setRawHeaders("Content-Disposition", ["; ".join(items)])

    def update_headers(self, headers: HeadersGiven) -> None:
        """Replace headers by those given: a mapping, pairs, or Twisted's Headers.

        Raises ``MisuseError``, and replaces none, if one of them cannot be sent.
        """
        checked = PartHeaders(header_pairs(headers)).raw
        for name, _ in checked:
            self.headers.removeHeader(name)
        for name, value in checked:
            self.headers.addRawHeader(name, value)

    def part_headers(self) -> PartHeaders:
        """The headers as they are written. Raises ``MisuseError`` for one that cannot be.

        Twisted's own ``Headers``, if they are put in the place of ``headers``, have made
        spaces of CR and LF before.
        """
        raw = self.headers.getAllRawHeaders()
        # Content-Disposition first, as browsers write it; nothing hangs on it.
        return PartHeaders(
            sorted(
                ((name, value) for name, values in raw for value in values),
                key=lambda pair: pair[0].lower() != b"content-disposition",
            )
        )

    def __repr__(self) -> str:
        disposition = self.headers.getRawHeaders("Content-Disposition", [""])[0]
        kind = self.headers.getRawHeaders("Content-Type", ["no type"])[0]
        words = [type(self).__name__, kind, disposition, f"size {self.size}"]
        return f"<{', '.join(word for word in words if word)}>"


class DelegatingPayload(Payload):
    """Content that is asked, each time, how long it is and whether it can be sent again.

    ``content`` has ``length`` and ``replayable``; ``make`` gives a source of it.
    """

    def __init__(self, content: Any, make: Callable[[], Source], **options: Any):
        super().__init__(make, **options)
        self.content = content

    @property
    def size(self) -> int | str:
        """Bytes of content before any coding, or ``UNKNOWN_LENGTH``."""
        length = self.content.length if self._size == UNKNOWN_LENGTH else self._size
        return length if isinstance(length, int) else UNKNOWN_LENGTH

    @size.setter
    def size(self, size: int | str) -> None:
        self._size = size

    @property
    def replayable(self) -> bool:
        """Whether the content can be sent again, after an attempt."""
        return bool(getattr(self.content, "replayable", False))

    def give_up(self) -> None:
        """Tell the content, if it can be told."""
        getattr(self.content, "give_up", _nobody)()

    def one_shots(self) -> Iterable[object]:
        """Those of the content, if it has any to tell of."""
        if isinstance(self.content, Payload):
            yield from self.content.one_shots()
        else:
            yield from super().one_shots()


def _nobody() -> None:
    """There is nobody to be told."""
