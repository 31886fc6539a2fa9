"""Content-Transfer-Encoding and Content-Encoding: coders for both, by name.

A part of a MIME body may have the first (RFC 2045 section 6) and any message the
second (RFC 9110 section 8.4). Forms have neither (RFC 7578 section 4.7), so
whether to decode is the caller's decision.
"""

from __future__ import annotations

from collections.abc import Callable

from txmultipart.errors import MalformedMultipart, MisuseError
from txmultipart.limits import Limits
from txmultipart.sansio.coder import MAX_PIECE, Coder, IdentityCoder
from txmultipart.sansio.compressors import Format, UnknownCoding, find_format
from txmultipart.sansio.content_codings import ContentDecoder, ContentEncoder
from txmultipart.sansio.transfer_codings import (
    Base64Decoder,
    Base64Encoder,
    QuotedPrintableDecoder,
    QuotedPrintableEncoder,
    base64_length,
)

__all__ = [
    "MAX_CODINGS",
    "MAX_PIECE",
    "Coder",
    "content_decoder",
    "content_encoder",
    "encoded_length",
    "transfer_decoder",
    "transfer_encoder",
]

#: Content codings on top of each other. One is usual, two are somebody's mistake,
#: and each costs a window of memory.
MAX_CODINGS = 3

_DEFAULT_LIMITS = Limits()

_UNCHANGED = frozenset({"7bit", "8bit", "binary", "identity"})

_DECODERS: dict[str, Callable[[], Coder]] = {
    "7bit": IdentityCoder,
    "8bit": IdentityCoder,
    "binary": IdentityCoder,
    "base64": Base64Decoder,
    "quoted-printable": QuotedPrintableDecoder,
}
_ENCODERS: dict[str, Callable[[], Coder]] = {
    "7bit": IdentityCoder,
    "8bit": IdentityCoder,
    "binary": IdentityCoder,
    "base64": Base64Encoder,
    "quoted-printable": QuotedPrintableEncoder,
}


def transfer_decoder(name: str) -> Coder:
    """A coder that undoes the Content-Transfer-Encoding ``name``.

    Raises ``MalformedMultipart`` with the code ``unknown-coding`` and the status
    415 if it is none of RFC 2045's.
    """
    make = _DECODERS.get(_word(name))
    if make is None:
        raise _refusal("the content transfer encoding is not known")
    return make()


def transfer_encoder(name: str) -> Coder:
    """A coder that applies the Content-Transfer-Encoding ``name``.

    Raises ``MisuseError`` with the code ``unknown-coding`` if it is none of RFC
    2045's. ``7bit`` and ``8bit`` do not check that the bytes are such.
    """
    make = _ENCODERS.get(_word(name))
    if make is None:
        message = "the content transfer encoding is not known"
        raise MisuseError(message, code="unknown-coding")
    return make()


def content_decoder(name: str, limits: Limits = _DEFAULT_LIMITS) -> Coder:
    """A coder that undoes the codings a Content-Encoding lists.

    What comes out is bounded by ``limits.max_ratio``. Raises
    ``MalformedMultipart`` with the status 415: ``unknown-coding`` for one that is
    not known, or whose extra is not installed, and ``too-many-codings``.
    """
    try:
        forms = _find_formats(name)
    except UnknownCoding as error:
        raise _refusal(str(error)) from None
    if len(forms) > MAX_CODINGS:
        raise _refusal("there are too many content codings", "too-many-codings")
    return ContentDecoder(forms, limits) if forms else IdentityCoder()


def content_encoder(name: str) -> Coder:
    """A coder that applies the codings a Content-Encoding lists, in that order.

    Raises ``MisuseError``: ``unknown-coding`` for one that is not known, or whose
    extra is not installed, and ``too-many-codings``.
    """
    try:
        forms = _find_formats(name)
    except UnknownCoding as error:
        raise MisuseError(str(error), code="unknown-coding") from None
    if len(forms) > MAX_CODINGS:
        message = "there are too many content codings"
        raise MisuseError(message, code="too-many-codings")
    return ContentEncoder(forms) if forms else IdentityCoder()


def encoded_length(name: str, size: int) -> int | None:
    """How many bytes the encoder of either kind makes of ``size`` bytes.

    None if that depends on the bytes.
    """
    word = _word(name)
    if word == "base64":
        return base64_length(size)
    return size if word in _UNCHANGED else None


def _word(name: str) -> str:
    return name.strip(" \t").lower()


def _find_formats(names: str) -> list[Format]:
    """The formats in a list; ``identity`` and empty elements count for nothing.

    RFC 9110 section 5.6.1.2 has recipients ignore the latter. One more than
    ``MAX_CODINGS`` is looked for, so that a long list is seen to be too long.
    """
    words = [_word(name) for name in names.split(",")]
    words = [word for word in words if word not in ("", "identity")]
    return [find_format(word) for word in words[: MAX_CODINGS + 1]]


def _refusal(message: str, code: str = "unknown-coding") -> MalformedMultipart:
    error = MalformedMultipart(message, code=code)
    error.http_status = 415
    return error
