"""Standard output and error that are closed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.serving import child, command, serving_child
from txmultipart.app.streams import replace_missing

NAMES = ("stdout", "stderr")


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A service as a child: where it puts things, and its URL."""
    folder = tmp_path_factory.mktemp("inbox")
    with serving_child(folder) as (_, url):
        yield folder, url


@pytest.mark.parametrize("name", NAMES)
def test_what_is_missing_goes_nowhere(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, name, None)
    replace_missing()
    stream = getattr(sys, name)
    try:
        assert not os.isatty(stream.fileno())
        stream.write("what no coding knows: \udce9\n")
        stream.flush()
        stream.buffer.write(b"bytes")
        stream.flush()
    finally:
        os.close(stream.fileno())


def test_what_is_there_stays() -> None:
    before = [getattr(sys, name) for name in NAMES]
    replace_missing()
    assert [getattr(sys, name) for name in NAMES] == before


def ran(closing: str, *words: str) -> tuple[str, str, int]:
    """``txmultipart`` by a shell that closes some of its streams."""
    shell = ["sh", "-c", f'exec "$@" {closing}', "sh"]
    with child(*shell, *command(*words)) as process:
        out, err = process.communicate(timeout=60)
    return out, err, process.returncode


CLOSINGS = [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"]


@pytest.mark.parametrize("closing", CLOSINGS)
def test_it_is_sent(closing: str, inbox: tuple[Path, str]) -> None:
    folder, url = inbox
    out, err, code = ran(closing, "send", url + "sent.py", "-T", __file__)
    assert (err, code) == ("", 0)
    assert ('"sent.py"' in out) is (closing == "2>&-")
    (folder / "sent.py").rename(folder.parent / "sent.py")
    content = (folder.parent / "sent.py").read_bytes()
    assert content == Path(__file__).read_bytes()


@pytest.mark.parametrize("closing", CLOSINGS)
def test_it_is_refused(closing: str, inbox: tuple[Path, str]) -> None:
    out, err, code = ran(closing, "send", inbox[1] + "a/b", "-T", __file__)
    assert (out, code) == ("", 22)
    assert err.startswith("txmultipart: the server answered 400 ") is (closing == ">&-")


@pytest.mark.parametrize("closing", CLOSINGS)
@pytest.mark.parametrize(
    "words", [["dance"], ["send", "http://127.0.0.1:1/", "-F", "a=b"]]
)
def test_a_mistake(closing: str, words: list[str]) -> None:
    out, err, code = ran(closing, *words)
    assert (out, code) == ("", 1)
    assert ("txmultipart: " in err) is (closing == ">&-")
    assert "Traceback" not in err
