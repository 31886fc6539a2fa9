"""ComingParts: a multipart whose parts are not known before they are sent.

The next part is asked for when the one before has been sent: so no more than one is
under way, and who takes the body slowly holds back who makes the parts.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.iweb import UNKNOWN_LENGTH

from txmultipart.body.nested import check_nesting, enclose
from txmultipart.body.parts_source import PartsSource, naming
from txmultipart.body.payload import Payload
from txmultipart.body.payloads import payload_of
from txmultipart.body.progress import ProgressCallback
from txmultipart.body.writer import MultipartWriter
from txmultipart.errors import PayloadError
from txmultipart.interfaces import Source
from txmultipart.sansio.events import EndOfMultipart, Event, PartBegin, PartEnd
from txmultipart.sansio.headers import PartHeaders
from txmultipart.sansio.serializer import CRLF, MultipartSerializer


class ComingParts(MultipartWriter):
    """A ``multipart/<subtype>`` body of the parts that ``coming`` gives, as it gives them.

    ``coming`` is an asynchronous iterable, whose awaitables are Deferreds, of anything
    that can be a part. What was appended by hand stands before them. The length is not
    known, and the body can be sent once.

    With ``prompt`` the delimiter of each part is written before there is a part: the
    first one at once, so that an answer's head leaves too, and the others behind the
    part before, to tell whoever reads that it is whole. A body that ends all the same
    then ends with an empty part.
    """

    def __init__(
        self,
        coming: AsyncIterable[Any],
        subtype: str = "mixed",
        boundary: str | None = None,
        *,
        prompt: bool = False,
        close_boundary: bool = True,
        params: Mapping[str, str] | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        super().__init__(
            subtype,
            boundary,
            close_boundary=close_boundary,
            params=params,
            progress=progress,
        )
        self._coming = coming
        self._prompt = prompt
        self._taken = False

    @property
    def length(self) -> str:
        """Nobody knows what is still to come."""
        return UNKNOWN_LENGTH

    @property
    def replayable(self) -> bool:
        """What came does not come again."""
        return False

    def make_source(self) -> Source:
        """The parts, as they come. Raises what ``startProducing`` raises."""
        if self._taken:
            message = "coming parts can be sent only once, and they were"
            raise PayloadError(message, code="consumed")
        check_nesting(self.parts, self._depth)
        self._begin()
        self._taken = True
        serializer: Any = self._serializer()
        opening = b""
        if self._prompt:
            serializer = _Prompt(serializer)
            opening = serializer.open()
        self._source_in_use = _ComingSource(
            self.parts, self._coming, serializer, self._made, opening
        )
        return self._source_in_use

    def _made(self, obj: object) -> Payload:
        payload = payload_of(obj)
        enclose(payload, self)
        return payload


class _Prompt:
    """A serializer that writes each delimiter before there is a part to stand behind it."""

    def __init__(self, serializer: MultipartSerializer) -> None:
        self._serializer = serializer
        self._delimiter = b"--" + serializer.boundary.encode("ascii") + CRLF
        self._written = b""

    def open(self) -> bytes:
        """The first one: whoever waits for the first part has the head till then."""
        self._written = self._delimiter
        return self._delimiter

    def send(self, event: Event) -> bytes:
        """The bytes of ``event``, without those that were written before."""
        if isinstance(event, PartEnd):
            return self._serializer.send(event) + self.open()
        if isinstance(event, EndOfMultipart) and self._written:
            empty = self.send(PartBegin(PartHeaders(())))
            empty += self._serializer.send(PartEnd())
            return empty + self._serializer.send(event)
        written, self._written = self._written, b""
        return self._serializer.send(event).removeprefix(written)


class _ComingSource(PartsSource):
    """The parts that are there already, and then those that come."""

    def __init__(
        self,
        first: list[Payload],
        coming: AsyncIterable[Any],
        serializer: Any,
        make: Callable[[object], Payload],
        opening: bytes,
    ) -> None:
        super().__init__(first, serializer)
        self._opening = opening
        self._coming: AsyncIterator[Any] = aiter(coming)
        self._make = make
        self._left = self._count = len(first)
        self._finding: Deferred[Any] | None = None

    def _begin_next(self) -> bytes | Deferred[bytes]:
        opening, self._opening = self._opening, b""
        if opening:
            return opening
        if self._left or self._ended:
            self._left = max(0, self._left - 1)
            return super()._begin_next()
        self._finding = Deferred.fromCoroutine(self._next())
        return self._finding

    async def _next(self) -> bytes:
        async for obj in self._coming:
            self._finding, self._count = None, self._count + 1
            with naming(self._count):
                return self._begin(self._count, self._make(obj))
        self._finding = None
        end: Any = super()._begin_next()
        return bytes(end)

    def close(self) -> None:
        """Look for no further part, and let go of the one under way."""
        finding, self._finding = self._finding, None
        if finding is not None:
            finding.addErrback(lambda _: b"")
            finding.cancel()
        super().close()
