"""What every chain of coders does: bytes through one coder after the other.

Nothing is made before it is asked for, so a little that becomes much never
stands in memory as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain

from txmultipart.sansio.codings import MAX_PIECE, Coder


def feed_all(coders: Sequence[Coder], data: bytes) -> Iterator[bytes]:
    """``data`` through one coder after the other."""
    if not coders:
        yield data
        return
    for piece in coders[0].feed(data):
        yield from feed_all(coders[1:], piece)


def feed_live(coders: Sequence[Coder], data: bytes) -> Iterator[bytes]:
    """The same, with nothing held back that can be given, in few pieces."""
    flushed = _each_through_the_rest(coders, lambda coder: coder.flush())
    return _joined(chain(feed_all(coders, data), flushed))


def finish_all(coders: Sequence[Coder]) -> Iterator[bytes]:
    """What the coders still hold, each through those after it."""
    return _each_through_the_rest(coders, lambda coder: coder.finish())


def _each_through_the_rest(
    coders: Sequence[Coder], what: Callable[[Coder], Iterator[bytes]]
) -> Iterator[bytes]:
    for index, coder in enumerate(coders):
        for piece in what(coder):
            yield from feed_all(coders[index + 1 :], piece)


def _joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """As few pieces as can be without any being too large."""
    held = b""
    for piece in pieces:
        if len(held) + len(piece) > MAX_PIECE:
            yield held
            held = b""
        held += piece
    if held:
        yield held
