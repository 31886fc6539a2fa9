"""BodyPart: one part of a multipart body that is being received."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txmultipart.body.incoming import Incoming
from txmultipart.errors import LimitExceeded, MalformedMultipart, MisuseError
from txmultipart.limits import Limits
from txmultipart.sansio.headers import PartHeaders

if TYPE_CHECKING:
    from txmultipart.body.reader import MultipartReader

# Python has them among its charsets and no sender means them. Decoding the first
# takes a time that grows with the square of the size.
_NOT_CHARSETS = frozenset(
    ("punycode", "idna", "undefined", "unicode-escape", "raw-unicode-escape")
)

#: Makes the reader of a nested multipart; the reader of the part gives it.
Nested = Callable[["BodyPart"], "MultipartReader"]


class Memory:
    """What may still be held in memory of one body, all its parts together."""

    def __init__(self, limits: Limits) -> None:
        self.left = limits.max_memory
        self._bound = limits.max_memory

    def spend(self, size: int) -> None:
        """Raise ``LimitExceeded`` if ``size`` bytes more are too many."""
        self.left -= size
        if self.left < 0:
            raise LimitExceeded("max_memory", self._bound, offset=self._bound)


class BodyPart(Incoming):
    """One part: its headers, and a stream of its bytes.

    It can be read until the reader's next part is asked for; what is left then
    is skipped, and reading on raises ``MisuseError``.
    """

    def __init__(
        self, headers: PartHeaders, limits: Limits, memory: Memory, nested: Nested
    ) -> None:
        super().__init__(limits)
        self.headers = headers
        self.skipped = False
        self._nested = nested
        self._memory = memory

    @property
    def name(self) -> str | None:
        """The field's name, or None."""
        return self.headers.name

    @property
    def filename(self) -> str | None:
        """The file's name as it was sent: data, never a path."""
        return self.headers.filename

    @property
    def safe_filename(self) -> str | None:
        """The file's name made fit for a folder of ours; None if there is none."""
        return self.headers.safe_filename

    @property
    def content_type(self) -> str | None:
        """The declared ``type/subtype``, in lower case, or None."""
        return self.headers.content_type

    @property
    def charset(self) -> str | None:
        """The declared charset, in lower case, or None."""
        return self.headers.charset

    @property
    def is_multipart(self) -> bool:
        """Whether the part is a multipart body itself."""
        return (self.content_type or "").startswith("multipart/")

    def read(self) -> Deferred[bytes]:
        """All that is left, bounded by ``max_field_size`` and ``max_memory``."""
        return super().read().addCallback(self._charge)

    def _charge(self, data: bytes) -> bytes:
        self._memory.spend(len(data))
        return data

    def text(self, encoding: str | None = None) -> Deferred[str]:
        """All that is left as text: in ``encoding``, the declared charset, or UTF-8.

        Fails with ``MalformedMultipart`` if that is not what it is.
        """
        return self.read().addCallback(self._decode_text, encoding)

    def _decode_text(self, data: bytes, encoding: str | None) -> str:
        try:
            return data.decode(encoding or _known(self.charset or "utf-8"))
        except (ValueError, LookupError):
            message = "a part is not text in the charset that it declares"
            raise MalformedMultipart(message, code="bad-charset") from None

    def json(self) -> Deferred[Any]:
        """All that is left as JSON. Fails with ``MalformedMultipart`` if it is none."""
        return self.text().addCallback(_parse_json)

    def form(self) -> Deferred[list[tuple[str, str]]]:
        """All that is left as ``application/x-www-form-urlencoded`` pairs, in order."""
        return self.text().addCallback(parse_qsl, keep_blank_values=True)

    def parts(self) -> MultipartReader:
        """A reader of the parts of this part, which is a multipart itself.

        Raises what ``MultipartReader`` raises, and ``LimitExceeded`` when it is
        nested deeper than ``max_depth``.
        """
        reader = self._nested(self)
        # What breaks the part breaks the reader, which tells whoever reads.
        self.write_to(reader).addErrback(lambda _: None)
        return reader

    def skip(self) -> None:
        """The reader goes on to the next part: nobody can read this one any more."""
        self.skipped = True
        self._kept.clear()
        self.fail(
            Failure(MisuseError("the part was skipped: a later one was asked for"))
        )

    def _check_free(self) -> None:
        super()._check_free()
        if self.skipped:
            raise MisuseError("the part was skipped: a later one was asked for")


def _known(charset: str) -> str:
    """``charset``, or ``LookupError`` if a peer has no business to declare it."""
    if codecs.lookup(charset).name.replace("_", "-") in _NOT_CHARSETS:
        raise LookupError(charset)
    return charset


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedMultipart("a part is not JSON", code="bad-json") from None
