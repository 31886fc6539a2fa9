"""The line of a terminal that tells how far an upload is."""

from __future__ import annotations

import io

import pytest

from txmultipart.app.progress_line import ProgressLine


@pytest.mark.parametrize(
    ("count", "total", "shown"),
    [
        (500_000, 1_000_000, "\r 50 %  0.5 MB"),
        (1_000_000, 1_000_000, "\r100 %  1.0 MB\n"),
        (5_000_000, None, "\r       5.0 MB"),
        (0, 0, "\r       0.0 MB\n"),
    ],
)
def test_progress(count: int, total: int | None, shown: str) -> None:
    stream = io.StringIO()
    line = ProgressLine(stream)
    line.show(count, total, None)
    assert stream.getvalue() == shown
    line.close()
    assert stream.getvalue() == shown.rstrip("\n") + "\n"


def test_nothing_was_shown() -> None:
    stream = io.StringIO()
    ProgressLine(stream).close()
    assert stream.getvalue() == ""


def test_once_closed_it_stays_closed() -> None:
    stream = io.StringIO()
    line = ProgressLine(stream)
    line.show(1_000_000, None, None)
    line.close()
    line.show(2_000_000, None, None)
    line.close()
    assert stream.getvalue() == "\r       1.0 MB\n"


def test_a_second_attempt_has_a_line_of_its_own() -> None:
    stream = io.StringIO()
    line = ProgressLine(stream)
    for count in (1_000_000, 0, 1_000_000):
        line.show(count, 1_000_000, None)
    assert stream.getvalue() == "\r100 %  1.0 MB\n\r  0 %  0.0 MB\r100 %  1.0 MB\n"
