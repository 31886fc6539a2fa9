"""What every chain of coders does: bytes through one coder after the other.

Nothing is made before it is asked for, so a little that becomes much never
stands in memory as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from txmultipart.sansio.codings import Coder


def feed_all(coders: Sequence[Coder], data: bytes) -> Iterator[bytes]:
    """``data`` through one coder after the other."""
    if not coders:
        yield data
        return
    for piece in coders[0].feed(data):
        yield from feed_all(coders[1:], piece)


def finish_all(coders: Sequence[Coder]) -> Iterator[bytes]:
    """What the coders still hold, each through those after it."""
    for index, coder in enumerate(coders):
        for piece in coder.finish():
            yield from feed_all(coders[index + 1 :], piece)
