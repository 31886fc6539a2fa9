"""Limits: every bound on what a peer may make us do, and why it is that large."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields, replace

KiB = 1 << 10
MiB = 1 << 20
GiB = 1 << 30

#: For a bound that is really meant to be absent. It is still a number.
UNLIMITED = sys.maxsize


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Every bound on one multipart body; all are on by default.

    Sizes are in bytes. Passing a bound raises ``LimitExceeded``, whose
    ``limit`` is the name of the field here. Bytes that nobody reads count as
    much as those that somebody does. ``dataclasses.replace`` makes variants;
    ``ValueError`` for anything but whole numbers from 0 on.

    Two bounds are not here, as nothing would be gained by another value:
    ``delimiter.MAX_PADDING`` and ``machine.MAX_ANOMALIES``.
    """

    #: RFC 2046 allows 70. A few senders use more, and what is searched for in
    #: every byte of the body should stay small.
    max_boundary_length: int = 200

    #: One header line of a part. A name of a file of 255 characters takes at most
    #: 1020 bytes in UTF-8 and three times that when it is percent-encoded.
    max_header_line: int = 8 * KiB

    #: Browsers send two or three per part, mail and SOAP gateways up to ten.
    max_headers: int = 32

    #: One part's header block: what must be held before anything can be decided.
    max_header_bytes: int = 16 * KiB

    #: All header blocks together: ``max_parts`` parts with 1 KiB each.
    max_total_header_bytes: int = 1 * MiB

    #: More than any form made by a person, and each part costs a few objects.
    max_parts: int = 1000

    #: One part, on its way to a disk rather than to memory: a disk image or a
    #: long video fits, a runaway sender does not fill a large disk.
    max_part_size: int = 16 * GiB

    #: The whole body, delimiters and all.
    max_body_size: int = 64 * GiB

    #: What ``read``, ``text``, ``json`` and ``form`` may hold of one part.
    max_field_size: int = 1 * MiB

    #: What they may hold of all parts of one body together.
    max_memory: int = 8 * MiB

    #: multipart inside multipart. Forms need 2, mail-like bodies 3.
    max_depth: int = 4

    #: Bytes before the first delimiter; RFC 2046 calls them the preamble and
    #: wants them ignored, so there is no reason to take many.
    max_preamble: int = 16 * KiB

    #: Bytes after the close delimiter, for the same reason.
    max_epilogue: int = 16 * KiB

    #: Decoded bytes per encoded byte of a compressed part, counted from the
    #: first MiB on. Text and logs stay under 50, a bomb gives about 1000.
    max_ratio: int = 200

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or value < 0:
                raise ValueError(f"{field.name} must be a whole number, 0 or more")

    def narrowed(self, other: Limits) -> Limits:
        """Of each two bounds the smaller."""
        pairs = ((f.name, getattr(self, f.name), getattr(other, f.name)) for f in _ALL)
        return Limits(**{name: min(ours, theirs) for name, ours, theirs in pairs})

    def endless(self) -> Limits:
        """These, without the bounds that a body without an end passes some day.

        Those on one part stay. ``max_memory`` is the reader's to apply: it then
        counts for each part by itself.
        """
        return replace(
            self,
            max_parts=UNLIMITED,
            max_body_size=UNLIMITED,
            max_total_header_bytes=UNLIMITED,
        )


_ALL = fields(Limits)

#: For a multipart/x-mixed-replace that we asked for: it has no end. A body that
#: somebody sends us is never given these by its own Content-Type.
ENDLESS = Limits().endless()
