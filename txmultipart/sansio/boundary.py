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

# RFC 2046 section 5.1.1: 1 to 70 bchars, the last of them not a space.
_BCHARS = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")

# RFC 9110 section 5.6.2: what may stand in a parameter without quotes.
_TOKEN = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+")

# A delimiter line can hold neither controls nor anything beyond ASCII.
_USABLE = bytes(range(0x20, 0x7F))


def make_boundary() -> str:
    """A fresh boundary with 128 random bits, that needs no quotes."""
    return "txm-" + secrets.token_hex(16)


def declared_boundary(value: bytes | str, limits: Limits) -> bytes:
    """The boundary that a peer declared, as bytes, if it can be used at all.

    Raises ``NotMultipart`` for an empty one or one with control or non-ASCII
    characters, ``LimitExceeded`` for one that is too long.
    """
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    raw = value if type(value) is bytes else bytes(value)
    if len(raw) > limits.max_boundary_length:
        raise LimitExceeded("max_boundary_length", limits.max_boundary_length)
    if not raw or raw.translate(None, _USABLE):
        raise NotMultipart("the boundary is empty or not ASCII", code="bad-boundary")
    return raw


def validated_boundary(value: str | bytes) -> str:
    """``value``, a boundary that we are about to write, if RFC 2046 allows it.

    Raises ``MisuseError`` otherwise.
    """
    value = value.decode("latin-1") if isinstance(value, bytes) else value
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
