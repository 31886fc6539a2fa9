"""The events of a multipart body, as the parser gives them and the serializer takes them.

A body is, in this order::

    (PartBegin PartData* PartEnd)* EndOfMultipart

How the input was cut shows in nothing but the number and the sizes of the
``PartData`` events of a part; joined, they are always the same.

All but ``PartData`` are frozen, and may be the same objects again and again.
"""

from __future__ import annotations

from dataclasses import dataclass

from txmultipart.sansio.headers import PartHeaders


@dataclass(frozen=True, slots=True)
class PartBegin:
    """A part's header block is complete; its bytes follow.

    One that is like an earlier one may be the same object.
    """

    headers: PartHeaders


@dataclass(slots=True)
class PartData:
    """Some bytes of the part that is under way, as ``bytes``; never empty.

    It is not frozen, so it has no hash: there is one for each piece of a body, and a
    frozen one takes twice as long to make. It is made anew each time, and nothing
    here holds on to it, so whoever gets it may do with it what they like.
    """

    data: bytes

    def __repr__(self) -> str:
        # Events are printed in logs, and bytes of a body do not belong there.
        return f"PartData(<{len(self.data)} bytes>)"


@dataclass(frozen=True, slots=True)
class PartEnd:
    """The delimiter behind the part has been seen: the part is whole."""


@dataclass(frozen=True, slots=True)
class EndOfMultipart:
    """The close delimiter has been seen: no part follows."""


#: Those that say nothing but that they are there: one object is enough of each.
PART_END, END = PartEnd(), EndOfMultipart()

Event = PartBegin | PartData | PartEnd | EndOfMultipart
