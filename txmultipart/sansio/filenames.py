"""What a filename from the wire may become on a disk of ours."""

from __future__ import annotations

import re

# NTFS, FAT and shells give these a meaning; ``\0`` and controls have none anywhere.
# The bidirectional controls turn "exe.txt" round on the screen (Unicode TR 36).
_UNSAFE = re.compile(
    '[\x00-\x1f\x7f-\x9f"*:<>?|\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]'
)

# Device names on Windows, with any extension (Microsoft, "Naming Files").
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(\.|$)", re.I)

#: Bytes in UTF-8. Most file systems allow 255; a counter and a temporary
#: suffix must still fit.
MAX_LENGTH = 200


def safe_filename(filename: str) -> str:
    """The last component of ``filename``, fit to name a file; never empty.

    Both ``/`` and ``\\`` separate components, since either may be the
    sender's. Unsafe characters become ``_``, dots and spaces at the ends go,
    reserved names get a ``_`` in front, and an overlong name keeps its
    extension. What is left of nothing is called ``unnamed``.
    """
    last = re.split(r"[/\\]", filename)[-1]
    # A lone surrogate cannot be encoded, hence not stored.
    last = last.encode("utf-8", "replace").decode("utf-8")
    name = _shorten(_trim(_UNSAFE.sub("_", last)))
    # Cutting may have brought a dot or a space, or such a name, to the end.
    return _trim(name) or "unnamed"


def _trim(name: str) -> str:
    name = name.strip(". ")
    return "_" + name if _RESERVED.match(name) else name


def _shorten(name: str) -> str:
    if len(name.encode()) <= MAX_LENGTH:
        return name
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension.encode()) > 20:
        stem, dot, extension = name, "", ""
    room = MAX_LENGTH - len((dot + extension).encode())
    stem = stem.encode()[:room].decode("utf-8", "ignore").rstrip(". ")
    return stem + dot + extension
