"""What may be given as bytes: anything that holds them, and nothing that does not.

``bytes`` itself would take a list of numbers, and of a number make so many NULs.
"""

from __future__ import annotations

from txmultipart.errors import MisuseError


def octets(data: object, wanted: str) -> bytes:
    """The bytes of ``data``, a bytearray or memoryview say: a copy, which nobody changes.

    Raises ``MisuseError`` for what holds none; it says ``wanted``, and what came.
    """
    try:
        return bytes(memoryview(data))  # type: ignore[arg-type]
    except TypeError:
        message = f"{wanted}, not {type(data).__name__}"
        raise MisuseError(message, code="not-bytes") from None
