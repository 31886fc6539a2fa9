"""At hand: what of a file can be had at once, and the file as it was where it cannot."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import pytest

from txmultipart.body import at_hand as module
from txmultipart.body.at_hand import at_hand


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"abcde")
    return path


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every system of files has all at hand, also those that cannot be asked."""
    monkeypatch.setattr(module, "_NO_WAIT", 0)


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("buffering", [0, -1])
def test_a_file_is_read_from_where_it_stands(path: Path, buffering: int) -> None:
    with path.open("rb", buffering=buffering) as file:
        assert file.read(1) == b"a"
        assert at_hand(file, 2) == b"bc"
        assert file.tell() == 3
        assert file.read(1) == b"d"
        assert at_hand(file, 2) == b"e"
        assert at_hand(file, 2) == b""
        path.write_bytes(b"abcdefg")
        assert at_hand(file, 9) == b"fg"


@pytest.mark.usefixtures("memory")
def test_no_more_than_so_much_at_once(path: Path) -> None:
    path.write_bytes(b"a" * module.MOST + b"b")
    with path.open("rb") as file:
        assert at_hand(file, 1 << 30) == b"a" * module.MOST
        assert at_hand(file, 1 << 30) == b"b"


def test_what_lies_on_the_disk_is_not_waited_for(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_now(*_: Any) -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "preadv", not_now)
    with path.open("rb") as file:
        assert file.read(2) == b"ab"
        assert at_hand(file, 2) is None
        assert file.read() == b"cde"


@pytest.mark.usefixtures("memory")
def test_of_what_is_no_plain_file_nobody_knows(path: Path) -> None:
    assert at_hand(io.BytesIO(b"abc"), 2) is None
    with path.open("r+b") as file:
        assert at_hand(file, 2) is None
    assert at_hand(file, 2) is None


@pytest.mark.usefixtures("memory")
def test_a_pipe_and_a_closed_file_are_left_to_others(path: Path) -> None:
    reader, writer = os.pipe()
    with open(reader, "rb") as pipe, open(writer, "wb"):
        assert at_hand(pipe, 2) is None
    assert at_hand(pipe, 2) is None


def test_where_the_system_cannot_be_asked(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_NO_WAIT", None)
    with path.open("rb") as file:
        assert at_hand(file, 2) is None
