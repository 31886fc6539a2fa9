"""BodyPart: one part of a multipart body that is being received."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure

from txmultipart.body.charsets import check_encoding, known_codec
from txmultipart.body.coded_sink import CodedSink, decoders
from txmultipart.body.coder_chain import feed_all, finish_all
from txmultipart.body.content_ids import content_id
from txmultipart.body.content_range import ContentRange, content_range
from txmultipart.body.decision import Decide
from txmultipart.body.file_sink import FileSink
from txmultipart.body.incoming import Incoming
from txmultipart.body.progress import ProgressCallback
from txmultipart.body.sinks import MemorySink
from txmultipart.errors import LimitExceeded, MalformedMultipart, MisuseError
from txmultipart.limits import Limits
from txmultipart.sansio.codings import Coder
from txmultipart.sansio.headers import PartHeaders
from txmultipart.sansio.profiles import FORM_DATA

if TYPE_CHECKING:
    from txmultipart.body.reader import MultipartReader

#: Makes the reader of a nested multipart; the reader of the part gives it.
Nested = Callable[
    ["BodyPart", Decide | None, ProgressCallback | None], "MultipartReader"
]


class Memory:
    """What may still be held in memory of one body, all its parts together.

    Of a body without an end each part has one of its own, with all in it.
    """

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
    is skipped, and reading on raises ``MisuseError``. ``limits`` are what bounds it:
    those of the reader, or what was decided about this part.

    A part may be encoded: its Content-Transfer-Encoding and Content-Encoding say
    how. Bytes are given as they were sent unless decoding is asked for;
    ``text``, ``json`` and ``form`` decode by themselves, except that in a form
    a transfer coding is left alone (RFC 7578 section 4.7). Whatever is decoded
    is bounded by ``max_ratio``; a coding that nobody here knows, or that is
    damaged, is ``MalformedMultipart``.
    """

    _kind = "part"

    def __init__(
        self, headers: PartHeaders, limits: Limits, memory: Memory, nested: Nested
    ) -> None:
        super().__init__(limits)
        self.headers = headers
        self._skipped = False
        #: The charset of a field that declares none (RFC 7578 section 4.6).
        self._default_charset: str | None = None
        #: What is read of it, and of what is nested in it, counts here.
        self._memory = memory
        self._nested = nested

    def __repr__(self) -> str:
        said = {"name": self.name, "filename": self.filename}
        names = "".join(f" {k}={v!r}" for k, v in said.items() if v is not None)
        kind = self.content_type or "without a type"
        return f"<{type(self).__name__}{names} {kind}, {self.state.value}>"

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
    def content_id(self) -> str | None:
        """The Content-ID without its angle brackets, or None; see ``content_ids``."""
        return content_id(self.headers)

    @property
    def content_range(self) -> ContentRange | None:
        """Which bytes of a whole these are (Content-Range), or None.

        Raises ``MalformedMultipart`` if that is not a range of bytes.
        """
        return content_range(self.headers)

    @property
    def is_multipart(self) -> bool:
        """Whether the part is a multipart body itself."""
        return (self.content_type or "").startswith("multipart/")

    # Bytes ----------------------------------------------------------------------------

    def read(self, *, decode: bool = False) -> Deferred[bytes]:
        """All that is left, bounded by ``max_field_size`` and ``max_memory``."""
        return self._read(self._all_codings if decode else list)

    def write_to(self, consumer: IConsumer, *, decode: bool = False) -> Deferred[int]:
        """Write all that is left to ``consumer``; see ``ByteStream.write_to``.

        With ``decode`` it is decoded on the way, and the number of bytes is that
        after decoding. A consumer that pauses is given nothing until it resumes,
        however much a piece that came before may still decode to.
        """
        return self._write(consumer, self._all_codings if decode else list)

    def save(
        self, path: str | os.PathLike[str], *, decode: bool = False
    ) -> Deferred[int]:
        """Write all that is left to a new file; see ``Incoming.save``."""
        return self.write_to(FileSink(path), decode=decode)

    def decode(self, data: bytes) -> bytes:
        """Decode what ``read`` gave: all of it. Raises what ``read`` would fail with."""
        sink = MemorySink(self._bound, limit=self._read_limit)
        coders = self._all_codings()
        for piece in chain(feed_all(coders, data), finish_all(coders)):
            sink.write(piece)
        return sink.getvalue()

    def _all_codings(self) -> list[Coder]:
        return decoders(self.headers, self.limits)

    def _codings(self) -> list[Coder]:
        """Those that were meant: in a form a transfer coding is not."""
        transfer = self.headers.profile is not FORM_DATA
        return decoders(self.headers, self.limits, transfer=transfer)

    def _write(
        self, consumer: IConsumer, codings: Callable[[], list[Coder]]
    ) -> Deferred[int]:
        self._check_unread()
        try:
            coders = codings()
        except MalformedMultipart:
            return fail(Failure())
        if not coders:
            return super().write_to(consumer)
        sink = CodedSink(consumer, coders)
        return super().write_to(sink).addCallback(lambda _: sink.size)

    def _read(self, codings: Callable[[], list[Coder]]) -> Deferred[bytes]:
        sink = MemorySink(self._bound, limit=self._read_limit)
        done = self._write(sink, codings)
        return done.addCallback(lambda _: self._charge(sink.getvalue()))

    def _charge(self, data: bytes) -> bytes:
        self._memory.spend(len(data))
        return data

    # What the bytes mean ----------------------------------------------------------------

    def text(self, encoding: str | None = None) -> Deferred[str]:
        """All that is left as text.

        It is read in ``encoding``, the declared charset, that of the form's
        ``_charset_`` field, or UTF-8. Fails with ``MalformedMultipart`` if that
        is not what it is. Raises ``MisuseError`` for an ``encoding`` that Python
        does not know.
        """
        if encoding is not None:
            check_encoding(encoding)
        return self._read(self._codings).addCallback(self._decode_text, encoding)

    def _decode_text(self, data: bytes, encoding: str | None) -> str:
        try:
            return data.decode(encoding or known_codec(self._text_charset))
        except (ValueError, LookupError):
            charset = encoding or "the charset that it declares"
            message = f"a part is not text in {charset}"
            raise MalformedMultipart(message, code="bad-charset") from None

    @property
    def _text_charset(self) -> str:
        plain = self.content_type in (None, "text/plain")
        return self.charset or (self._default_charset if plain else None) or "utf-8"

    def json(self) -> Deferred[Any]:
        """All that is left as JSON. Fails with ``MalformedMultipart`` if it is none."""
        return self.text().addCallback(_parse_json)

    def form(self) -> Deferred[list[tuple[str, str]]]:
        """All that is left as ``application/x-www-form-urlencoded`` pairs, in order.

        At most ``max_parts`` of them: each costs as much as a part does.
        """
        return self.text().addCallback(self._parse_form)

    def _parse_form(self, text: str) -> list[tuple[str, str]]:
        bound = self.limits.max_parts
        if text.count("&") >= bound:
            raise LimitExceeded("max_parts", bound)
        return parse_qsl(text, keep_blank_values=True)

    def parts(
        self,
        *,
        decide: Decide | None = None,
        progress: ProgressCallback | None = None,
    ) -> MultipartReader:
        """A reader of the parts of this part, which is a multipart itself.

        It is decoded as ``text`` would be. ``decide`` is asked about its parts;
        the reader of this part hands its own on unless one is given, as what must
        not get in must not get in wrapped up either. ``progress`` tells of this
        nested body alone; that of the reader goes on telling of the whole.

        Raises what ``MultipartReader`` raises, ``MalformedMultipart`` for a coding
        that nobody here knows, and ``LimitExceeded`` when it is nested deeper
        than ``max_depth``; ``MisuseError`` if the part was read already.
        """
        self._check_unread()
        coders, reader = self._codings(), self._nested(self, decide, progress)
        # What breaks the part breaks the reader, which tells whoever reads.
        self._write(reader, lambda: coders).addErrback(lambda _: None)
        return reader

    def _skip(self) -> None:
        """The reader goes on to the next part: nobody can read this one any more."""
        self._skipped = True
        self._kept.clear()
        self.fail(
            Failure(MisuseError("the part was skipped: a later one was asked for"))
        )

    def _check_free(self) -> None:
        super()._check_free()
        if self._skipped:
            raise MisuseError("the part was skipped: a later one was asked for")


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedMultipart("a part is not JSON", code="bad-json") from None
