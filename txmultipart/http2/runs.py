"""Runs: frames of one kind in a row, to be looked at as one.

A body comes in frames of 16 KiB, four or sixteen to a read. Whoever takes a body may
answer with two WINDOW_UPDATE frames for each 4 KiB of it. Each frame costs h2 some 20
microseconds, however little it says.
"""

from __future__ import annotations

from struct import Struct

from txmultipart.http2.frames import HEADER, Kind, frame

#: A whole WINDOW_UPDATE frame (section 6.9): what is the same in all, the number of the
#: stream, the increment.
_UPDATE = Struct(">5sLL")
UPDATE_SIZE = _UPDATE.size
_SAME = frame(Kind.WINDOW_UPDATE, 0, 0, bytes(4))[:5]

#: What a window, and so what is added to it, must stay below (section 6.9.1).
_TOO_MUCH = 1 << 31


def find_run(data: bytes, place: int, limit: int) -> tuple[int, list[memoryview], int]:
    """The stream, the bodies and the end of the plain whole DATA frames at ``place``.

    Plain: no flags, some bytes, and no reserved bit. All are of one stream.
    """
    view, pieces, size = memoryview(data), [], len(data)
    unpack, width = HEADER.unpack_from, HEADER.size
    first = 0
    while size - place >= width:
        high, low, kind, flags, stream_id = unpack(data, place)
        end = place + width + (high << 8 | low)
        if kind or flags or end > size or not width < end - place <= limit + width:
            break
        if stream_id != (first or stream_id) or not 0 < stream_id < 1 << 31:
            break
        first = stream_id
        pieces.append(view[place + width : end])
        place = end
    return first, pieces, place


def find_updates(data: bytes, place: int) -> tuple[dict[int, int], int]:
    """What the whole WINDOW_UPDATE frames at ``place`` add to each window; how many.

    The first that is not right, or that makes it too much, is not among them.
    """
    added: dict[int, int] = {}
    count = 0
    end = len(data) - (len(data) - place) % _UPDATE.size
    for same, stream_id, increment in _UPDATE.iter_unpack(memoryview(data)[place:end]):
        total = added.get(stream_id, 0) + increment
        if same != _SAME or stream_id >> 31 or not 0 < increment <= total < _TOO_MUCH:
            break
        added[stream_id] = total
        count += 1
    return added, count
