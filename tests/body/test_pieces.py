"""Pieces: few objects, however small what came was."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from txmultipart.body.pieces import TOGETHER, Pieces


@given(st.lists(st.binary(max_size=3), max_size=3 * TOGETHER))
def test_nothing_is_lost_and_few_objects_hold_it(pieces: list[bytes]) -> None:
    held = Pieces()
    for piece in pieces:
        held.append(piece)
    whole = b"".join(pieces)
    assert (held.size, held.joined()) == (len(whole), whole)
    taken = held.take()
    assert b"".join(taken) == whole
    assert len(taken) <= len(pieces) // TOGETHER + TOGETHER
    assert (held.size, held.take()) == (0, [])
