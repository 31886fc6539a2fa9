"""PartsSource: parts one after the other, with what stands between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.iweb import UNKNOWN_LENGTH

from txmultipart.body.payload import Payload
from txmultipart.body.sources import checked, is_live
from txmultipart.errors import MisuseError, PayloadError
from txmultipart.interfaces import Source
from txmultipart.sansio.events import EndOfMultipart, PartBegin, PartEnd
from txmultipart.sansio.serializer import MultipartSerializer


class PartsSource:
    """The parts of a writer, one after the other, with what stands between them."""

    def __init__(
        self, parts: Iterable[Payload], serializer: MultipartSerializer
    ) -> None:
        self.part: Payload | None = None
        self._parts = enumerate(parts, 1)
        self._serializer = serializer
        self._source: Source | None = None
        self._number = 0
        self._sent = 0  # of the part under way
        self._promised: int | str = UNKNOWN_LENGTH  # of the same
        self._ended = False

    @property
    def live(self) -> bool:
        """Whether the pieces of the part under way are to leave at once."""
        return is_live(self._source)

    def read(self) -> bytes | Deferred[bytes]:
        """The next bytes of the body."""
        source = self._source
        if source is None:
            return self._begin_next()
        with naming(self._number):
            piece = source.read()
        if self._source is not source:
            source.close()  # closed from within, when it could not close itself
        if isinstance(piece, Deferred):
            return piece.addCallbacks(self._content, self._broke)
        return self._content(piece)

    def _begin_next(self) -> bytes | Deferred[bytes]:
        number, part = next(self._parts, (0, None))
        if part is not None:
            return self._begin(number, part)
        self._number, self.part = 0, None
        if self._ended:
            return b""
        self._ended = True
        return self._serializer.send(EndOfMultipart())

    def _begin(self, number: int, part: Payload) -> bytes:
        self._number, self.part, self._sent = number, part, 0
        with naming(number):
            self._source = part.open()
            # Once: a nested body counts all that is in it for this.
            self._promised = part.promised
        return self._serializer.send(PartBegin(part.part_headers()))

    def _content(self, piece: bytes) -> bytes:
        if not isinstance(piece, bytes):
            with naming(self._number):
                piece = checked(piece)
        self._sent += len(piece)
        self._check_length(at_end=not piece)
        if piece:
            return piece
        self.close()
        return self._serializer.send(PartEnd())

    def _check_length(self, *, at_end: bool) -> None:
        """A part whose size was promised has that size, even if its file changed."""
        promised = self._promised
        if not isinstance(promised, int):
            return
        if self._sent > promised or (at_end and self._sent < promised):
            word = "fewer" if at_end else "more"
            raise PayloadError(
                f"{promised} bytes were promised, and the source gave {word}",
                code="wrong-length",
                part=self._number,
            )

    def _broke(self, failure: Any) -> Any:
        with naming(self._number):
            failure.raiseException()

    def close(self) -> None:
        """Let go of the part under way."""
        source, self._source = self._source, None
        if source is not None:
            source.close()


@contextmanager
def naming(number: int) -> Iterator[None]:
    """Have an error from within say which part it was: ours, and others by a note."""
    try:
        yield
    except (MisuseError, PayloadError) as error:
        error.part = error.part or number
        raise
    except Exception as error:
        error.add_note(f"It broke part {number} of a body that was being sent.")
        raise
