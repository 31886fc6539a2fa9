"""Applies codings to what is sent, piece by piece.

Which codings is what the part's headers say: Content-Encoding (RFC 9110 section
8.4), which is applied first, and Content-Transfer-Encoding (RFC 2045 section 6).
"""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.defer import Deferred
from twisted.web.iweb import UNKNOWN_LENGTH

from txmultipart.body.coder_chain import feed_all, feed_live, finish_all
from txmultipart.body.sources import checked, is_live
from txmultipart.errors import MisuseError
from txmultipart.interfaces import Source
from txmultipart.sansio.codings import (
    Coder,
    content_encoder,
    encoded_length,
    transfer_encoder,
)
from txmultipart.sansio.headers import PartHeaders


def encoders(headers: PartHeaders) -> list[Coder]:
    """What applies the codings that ``headers`` declare, in the order of applying.

    Raises ``MisuseError`` for a coding that nobody here knows.
    """
    content, transfer = _declared(headers)
    found = [content_encoder(content)] if content else []
    return found + ([transfer_encoder(transfer)] if transfer else [])


def coded_length(headers: PartHeaders, size: int | str) -> int | str:
    """What ``size`` bytes come to with the codings that ``headers`` declare.

    ``UNKNOWN_LENGTH`` if that depends on the bytes. Raises what ``encoders`` raises.
    """
    encoders(headers)
    for name in _declared(headers):
        if name and isinstance(size, int):
            coded = encoded_length(name, size)
            size = UNKNOWN_LENGTH if coded is None else coded
    return size


def _declared(headers: PartHeaders) -> tuple[str, str]:
    """Content-Encoding and Content-Transfer-Encoding; empty where there is none."""
    # Lines of one name are one list (RFC 9110 section 5.2). The second is no list.
    transfer = headers.get_all(b"content-transfer-encoding")
    if len(transfer) > 1:
        raise MisuseError("a part has one Content-Transfer-Encoding at most")
    return ", ".join(headers.get_all(b"content-encoding")), "".join(transfer)


class CodedSource:
    """A source, with codings applied to what it gives.

    A coder may hold back what it is fed. Where the source is live, all coders are
    flushed behind each piece, so that it leaves at once; see ``LivePayload``.
    """

    def __init__(self, source: Source, coders: list[Coder]) -> None:
        # A coder works long on each block, in the reactor's thread.
        getattr(source, "take_turns", _nothing)()
        self._source = source
        self._coders = coders
        self._pieces: Iterator[bytes] = iter(())
        self._ended = False
        self._closed = False

    @property
    def live(self) -> bool:
        """Whether each piece is to leave at once."""
        return is_live(self._source)

    def read(self) -> bytes | Deferred[bytes]:
        """The next piece, at most 64 KiB."""
        # A loop: many pieces in a row may be held back.
        while not (piece := next(self._pieces, b"")) and not self._ended:
            raw = self._source.read()
            if isinstance(raw, Deferred):
                return Deferred.fromCoroutine(self._read_later(raw))
            self._code(raw)
        return piece

    async def _read_later(self, first: Deferred[bytes]) -> bytes:
        raw: bytes | Deferred[bytes] = first
        while not self._closed:
            self._code(await raw if isinstance(raw, Deferred) else raw)
            if (piece := next(self._pieces, b"")) or self._ended:
                return piece
            raw = self._source.read()
        self.close()  # again: closed from within, it could not close itself
        return b""

    def _code(self, raw: bytes) -> None:
        if self._closed:
            return  # while it was waited for; the coders may be in the middle of a piece
        raw = checked(raw)
        self._ended = not raw
        if not raw:
            self._pieces = finish_all(self._coders)
        else:
            feed = feed_live if self.live else feed_all
            self._pieces = feed(self._coders, raw)

    def close(self) -> None:
        """Let go of the source."""
        self._pieces, self._ended, self._closed = iter(()), True, True
        self._source.close()


def _nothing() -> None:
    """What a source does that gives little at once anyway."""
