"""The short ways through a body: everything that is usual, with as little as can be done.

The parser takes a short way as far as it leads, and the long way, which knows
all that may happen, from there on. Wherever something is unusual or cut off by
the end of the chunk, the short ways stop before it. The same bytes, cut
otherwise, go the long way, and the law that cuts do not matter holds them
together.
"""

from __future__ import annotations

from txmultipart.sansio.admission import Admission
from txmultipart.sansio.delimiter import Delimiter, Found
from txmultipart.sansio.events import Event, PartData, PartEnd
from txmultipart.sansio.profiles import Profile

#: How near the next delimiter has to be for its part to count as small.
SMALL = 4096

PART_END = PartEnd()


def usual_opening(boundary: bytes, data: bytes, profile: Profile) -> Delimiter | None:
    """The delimiter, if ``data`` begins with a whole line of it."""
    dash = b"--" + boundary
    if profile.endless or not data.startswith(dash + b"\r\n"):
        return None
    return Delimiter(dash, b"\r\n", padding=profile.padding)


def small_parts(
    data: bytes,
    position: int,
    base: int,
    delimiter: Delimiter,
    admission: Admission,
    events: list[Event],
) -> tuple[int, bool]:
    """Parts that are small and whole: the fields of a form. From header block to header block.

    Adds their events, and returns how far that led and whether the last of them
    is followed by the close delimiter, which begins there.
    """
    dash, newline = delimiter.dash, delimiter.newline
    if data.find(dash, position, position + SMALL) < 0:
        return position, False
    close = data.find(delimiter.close, position)
    rest = data[position : close if close >= 0 else len(data)]
    parts = rest.split(delimiter.open)
    # Every occurrence of the boundary has to be a plain delimiter line.
    if rest.count(dash) != len(parts) - 1:
        return position, False
    if close < 0:
        parts.pop()  # its end is yet to come
    blank, width, admit = delimiter.blank, len(delimiter.open), admission.admit
    for part in parts:
        block, found, content = part.partition(blank)
        if not found or block.startswith(newline):
            return position, False
        events.append(admit(block, newline, base + position))
        if content:
            events.append(PartData(content))
        events.append(PART_END)
        position += len(part) + width
    return (close, True) if close >= 0 else (position, False)


def usual_parts(
    data: bytes,
    position: int,
    in_content: bool,
    base: int,
    delimiter: Delimiter,
    admission: Admission,
    events: list[Event],
) -> tuple[int, Found, int]:
    """Parts of any size, from ``position``, which is in a header block or in content.

    Adds their events, and returns how far that led, what is there, and where
    the last part's content began, or -1. ``OPEN``: a header block is there;
    ``DATA``: content; ``MORE``: content, with no delimiter in the rest of
    ``data``. ``base`` is the offset of ``data``, no content in which may pass
    a limit.
    """
    find, starts = data.find, data.startswith
    dash, newline, blank = delimiter.dash, delimiter.newline, delimiter.blank
    width, size, began = len(newline), len(dash), -1
    while True:
        if not in_content:
            end = find(blank, position)
            block = data[position:end]
            content = end + len(blank)
            if end < 0 or starts(newline, position) or dash in block:
                break
            # An empty part may lack a line break of its own: leave that alone.
            if starts(dash, content) or len(data) - content < size:
                break
            events.append(admission.admit(block, newline, base + position))
            position, began, in_content = content, content, True
        hit = find(dash, position)
        if hit < 0:
            return position, Found.MORE, began
        line, after = hit - width, hit + size
        if line < position or not starts(newline, line) or not starts(newline, after):
            break
        if line > position:
            events.append(PartData(data[position:line]))
        events.append(PART_END)
        position, in_content = after + width, False
    return position, Found.DATA if in_content else Found.OPEN, began
