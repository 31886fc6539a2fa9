"""Boundaries: what one may be, how one is made, how one is written in a header.

Reading takes more than writing: real programs use characters that RFC 2046
does not list (``!``, ``$``), so reading only refuses what cannot stand in a
delimiter line at all.
"""

from __future__ import annotations

import re
import secrets

from txmultipart.errors import LimitExceeded, MisuseError, NotMultipart
from txmultipart.limits import Limits
from txmultipart.sansio.octets import octets

# RFC 2046 section 5.1.1: 1 to 70 bchars, the last of them not a space.
_BCHARS = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")

# RFC 9110 section 5.6.2: what may stand in a parameter without quotes.
_TOKEN = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+")

_KIND = "a boundary is str or bytes"

# A delimiter line can hold neither controls nor anything beyond ASCII.
_USABLE = bytes(range(0x20, 0x7F))


def make_boundary() -> str:
    """A fresh boundary with 128 random bits, that needs no quotes."""
    return "txm-" + secrets.token_hex(16)


def declared_boundary(value: bytes | str, limits: Limits, offset: int = 0) -> bytes:
    """The boundary that a peer declared, as bytes, if it can be used at all.

    Its length is that of what was declared: the two dashes that begin each delimiter
    line do not count, and those that some put before it all the same do. One that was
    read off the body, at ``offset``, is given without them.

    Raises ``NotMultipart`` for an empty one or one with control or non-ASCII
    characters, ``LimitExceeded`` for one that is too long, ``MisuseError`` for what
    is neither text nor bytes.
    """
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    raw = value if type(value) is bytes else octets(value, _KIND)
    if len(raw) > limits.max_boundary_length:
        bound = limits.max_boundary_length
        raise LimitExceeded("max_boundary_length", bound, offset=offset)
    if not raw or raw.translate(None, _USABLE):
        raise NotMultipart("the boundary is empty or not ASCII", code="bad-boundary")
    return raw


def validated_boundary(value: str | bytes) -> str:
    """``value``, a boundary that we are about to write, if RFC 2046 allows it.

    Raises ``MisuseError`` otherwise.
    """
    if not isinstance(value, str):
        value = octets(value, _KIND).decode("latin-1")
    if not _BCHARS.fullmatch(value):
        raise MisuseError(
            "a boundary is 1 to 70 of RFC 2046's bchars and ends in no space",
            code="bad-boundary",
        )
    return value


def boundary_parameter(value: str) -> str:
    """``boundary=…`` as it stands in a Content-Type, in quotes only if it needs them.

    Some receivers (Alexa's among them) do not take the quotes off.
    """
    return f"boundary={value}" if _TOKEN.fullmatch(value) else f'boundary="{value}"'
