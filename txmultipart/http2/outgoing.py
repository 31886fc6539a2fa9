"""Fields on their way out: checked before h2 sees them, since what it refuses to send
it has half encoded by then, and the tables of the two sides would differ ever after.
"""

from __future__ import annotations

from collections.abc import Iterable

from txmultipart.http2.errors import UnsendableFields
from txmultipart.http2.fields import OF_CONNECTION, TOKEN, VALUE, Field

#: What says how a message is framed, routed, guarded or kept has to come before its
#: body, and so has what could be mistaken for that (RFC 9110 section 6.5.1).
NOT_BEHIND = frozenset(
    b"""
    age authorization cache-control connection content-encoding content-length
    content-range content-type cookie date expect expires host keep-alive location
    max-forwards pragma proxy-authenticate proxy-authorization proxy-connection range
    retry-after set-cookie te trailer transfer-encoding upgrade vary www-authenticate
    """.split()
)

#: What a field counts beside its bytes (section 6.5.2).
_FIELD = 32


def trailer_fields(fields: Iterable[Field]) -> list[Field]:
    """What may follow a body, ready to be sent; ``UnsendableFields`` if it may not."""
    made = regular_fields(fields)
    for name, _ in made:
        if name in NOT_BEHIND:
            raise UnsendableFields(f"{name!r} cannot follow a body")
    return made


def block_size(block: Iterable[Field]) -> int:
    """How large that is, as section 6.5.2 counts it."""
    return sum(len(name) + len(value) + _FIELD for name, value in block)


def regular_fields(fields: Iterable[Field]) -> list[Field]:
    """Fields as HTTP/1.1 has them, without those that are for one connection."""
    made = [(name.lower(), value.strip(b" \t")) for name, value in fields]
    dropped = OF_CONNECTION | _named_by_connection(made)
    for name, value in made:
        if not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
            raise UnsendableFields(f"a field cannot be sent: {name!r}")
    return [field for field in made if field[0] not in dropped and _is_sent(*field)]


def _named_by_connection(fields: list[Field]) -> set[bytes]:
    # RFC 9110 section 7.6.1
    values = [value for name, value in fields if name == b"connection"]
    return {name.strip(b" \t").lower() for name in b",".join(values).split(b",")}


def _is_sent(name: bytes, value: bytes) -> bool:
    return name != b"te" or value.lower() == b"trailers"  # Section 8.2.2
