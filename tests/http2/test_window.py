"""Credit, as numbers."""

from __future__ import annotations

import pytest

from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.window import Budget, StreamWindow, connection_lump

OPTIONS = HTTP2Options(
    first_window=100, largest_window=1000, windows_together=2000, max_streams=5
)


@pytest.mark.parametrize(("part", "least"), [(2, 50), (4, 25)])
def test_a_lump_is_due_when_it_is_large_enough(part: int, least: int) -> None:
    window = StreamWindow(OPTIONS, Budget(OPTIONS))
    window.consumed(least - 1)
    assert window.due(part=part) == 0
    window.consumed(1)
    assert window.due(part=part) == least + 300
    assert window.due(part=part) == 0


def test_a_window_grows_fourfold_to_a_bound() -> None:
    window = StreamWindow(OPTIONS, Budget(OPTIONS))
    sizes = []
    for _ in range(4):
        window.consumed(window.size)
        window.due(part=2)
        sizes.append(window.size)
    assert sizes == [400, 1000, 1000, 1000]


def test_what_is_given_back_is_what_was_consumed_and_the_growth() -> None:
    budget = Budget(OPTIONS)
    window = StreamWindow(OPTIONS, budget)
    window.consumed(70)
    assert window.due(part=2) == 70 + 300
    assert budget.granted == window.size == 400


def test_growth_leaves_room_for_streams_to_come() -> None:
    budget = Budget(OPTIONS)
    windows = [StreamWindow(OPTIONS, budget) for _ in range(3)]
    for window in windows * 3:
        window.consumed(window.size)
        window.due(part=2)
    assert sum(window.size for window in windows) == budget.granted
    assert budget.granted + 2 * 100 <= 2000
    more = [StreamWindow(OPTIONS, budget) for _ in range(2)]
    assert budget.granted <= 2000
    for window in windows + more:
        window.close()
        window.close()
    assert budget.granted == 0


def test_a_first_window_may_be_larger_than_the_largest() -> None:
    options = HTTP2Options(first_window=100, largest_window=50)
    window = StreamWindow(options, Budget(options))
    window.consumed(100)
    assert window.due(part=2) == 100


@pytest.mark.parametrize(
    ("left", "lump"), [(100, 0), (76, 0), (75, 25), (0, 100), (120, 0)]
)
def test_the_window_of_a_connection(left: int, lump: int) -> None:
    assert connection_lump(100, left) == lump
