"""The README is true: its programs run, its tables match the code."""

from __future__ import annotations

import re
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import txmultipart
from tests.peers import peer
from tests.programs import ROOT, Program, run
from txmultipart import Limits, MultipartError, UploadAborted

README = (ROOT / "README.md").read_text()


def program(name: str) -> str:
    """The text of a program in the README."""
    match = re.search(rf"<!-- program: {name} -->\n```python\n(.*?)```", README, re.S)
    assert match, name
    return match[1]


async def serve(name: str, folder: Path) -> tuple[str, Program]:
    """Run a server of the README in ``folder``: its URL, and the process."""
    text = program(name)
    assert text.count('"tcp:8080"') == 1
    (folder / name).write_text(
        text.replace('"tcp:8080"', '"tcp:0:interface=127.0.0.1"')
    )
    process = run(sys.executable, name, cwd=folder)
    port = re.search(r"\bon (\d+)", await process.spoke)
    assert port, process.printed
    return f"http://127.0.0.1:{port[1]}/", process


async def test_client_sends_to_server(tmp_path: Path) -> None:
    video = bytes(range(256)) * 4000
    (tmp_path / "holiday.mp4").write_bytes(video)
    url, server = await serve("server.py", tmp_path)
    text = program("client.py").replace("http://127.0.0.1:8080/", url)
    (tmp_path / "client.py").write_text(text)
    printed = await run(sys.executable, "client.py", cwd=tmp_path).ended
    assert printed.endswith("200 thank you\n\n")
    assert re.search(r"(\d+) of \1 bytes", printed)
    assert (tmp_path / "holiday (1).mp4").read_bytes() == video
    await server.stop()


async def test_album(tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.jpg").write_bytes(b"%d" % number * 100_000)
    url, server = await serve("server.py", tmp_path)
    text = program("album.py").replace("http://127.0.0.1:8080/", url)
    (tmp_path / "album.py").write_text(text)
    printed = await run(sys.executable, "album.py", cwd=tmp_path).ended
    assert printed == "(b'HTTP', 2, 0) thank you\n\n" * 5
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    await server.stop()


async def test_klein_app(tmp_path: Path) -> None:
    url, server = await serve("klein_app.py", tmp_path)
    curl = peer("curl")
    form = run(curl, "-sS", "-F", "a=1", "-F", "b=2", url + "form")
    assert await form.ended == "a, b"
    raw = run(curl, "-sS", "-T", str(ROOT / "README.md"), url + "raw")
    assert await raw.ended == str(len(README.encode()))
    await server.stop()


def test_limits_are_those_of_the_table() -> None:
    rows = dict(re.findall(r"^\| `(max_\w+)` \| ([\d,]+) \|$", README, re.M))
    assert rows == {f.name: f"{f.default:,}" for f in fields(Limits)}


def test_errors_are_those_of_the_table() -> None:
    """Every error of ours that is exported stands in the table, with its status."""
    rows = re.findall(
        r"^\| (`[A-Z]\w+`(?:, `\w+`)*) \| ([\d, ]+|–|as decided) \|", README, re.M
    )
    told = {
        name: status for names, status in rows for name in re.findall(r"\w+", names)
    }
    exported = [getattr(txmultipart, name) for name in txmultipart.__all__]
    errors = [e for e in exported if isinstance(e, type) and issubclass(e, Exception)]
    assert set(told) == {e.__name__ for e in errors} - {"MultipartError"}
    for error in errors:
        if issubclass(error, MultipartError) and error is not MultipartError:
            status = told[error.__name__]
            assert str(error.http_status) in status or status == "as decided"
    assert told[UploadAborted.__name__] == "–"


@pytest.mark.parametrize("name", re.findall(r"^\* `(\w+)`", README, re.M))
def test_names_of_the_tour_are_public(name: str) -> None:
    assert name in txmultipart.__all__ or name == "txmultipart"
