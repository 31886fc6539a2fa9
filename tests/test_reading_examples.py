"""Each example that reads runs, as a user would run it, and does what it says."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_twisted
import treq
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue

from tests.programs import ROOT, Program, run
from txmultipart import FormData

LONGEST = 50

LISTEN = "tcp:0:interface=127.0.0.1"

#: A whole device, and the cloud that it talks to; and what the others read.
PROGRAMS = {
    "answers.py": 85,
    "matrix/client.py": 53,
    "voice/client.py": 65,
    "voice/cloud.py": 76,
    "voice/device.py": 97,
}

#: What nobody has to say anything to, and a module.
NEED_NOTHING = {"answers.py", "decide.py", "voice/cloud.py", "voice/device.py"}
NAMES = sorted(
    str(path.relative_to(ROOT / "examples"))
    for path in (ROOT / "examples").rglob("*.py")
)


def example(name: str, *arguments: str) -> Program:
    """An example, running."""
    return run(sys.executable, str(ROOT / "examples" / name), *arguments)


async def printed_by(name: str, *arguments: str) -> str:
    """What an example prints until it ends, as it should, by itself."""
    program = example(name, *arguments)
    printed = await program.ended
    assert program.clean, printed
    return printed


async def address(server: Program) -> str:
    """Where an example that serves is to be reached."""
    match = re.search(r"port=(\d+)|on (\d+)", await server.spoke)
    assert match, server.printed
    return f"http://127.0.0.1:{match[1] or match[2]}"


@pytest_twisted.async_yield_fixture(scope="module")
async def url() -> AsyncIterator[str]:
    """Of the example that answers the others."""
    server = example("answers.py", LISTEN)
    yield await address(server)
    await server.stop()


@pytest.mark.parametrize("name", NAMES)
def test_each_is_short(name: str) -> None:
    longest = PROGRAMS.get(name, LONGEST)
    assert len((ROOT / "examples" / name).read_text().splitlines()) <= longest


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"voice/device.py"}))
def test_each_says_how_it_is_run(name: str) -> None:
    doc = ast.get_docstring(ast.parse((ROOT / "examples" / name).read_text()))
    assert doc is not None
    assert re.search(rf"^(\S.* \| )?python examples/{name} [A-Zh\[]", doc, re.M)


@pytest.mark.parametrize("name", sorted(set(NAMES) - NEED_NOTHING))
async def test_each_says_so_also_when_asked_for_nothing(name: str) -> None:
    path = str(ROOT / "examples" / name)
    out, err, code = await getProcessOutputAndValue(
        sys.executable, [path], {**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert (out, code) == (b"", 1)
    assert err.decode().strip() == ast.get_docstring(ast.parse(Path(path).read_text()))


async def test_answers(url: str) -> None:
    """What it says while somebody listens; the rest is asked for by the others."""
    listener = example("downchannel.py", f"{url}/live")
    while "directive: {'number': 1}\n" not in listener.printed:
        assert not listener.ended.called
        await deferLater(reactor, 0.01)
    await listener.stop()
    nothing = await treq.get(f"{url}/nothing", persistent=False)
    assert await nothing.text() == "there are: /mixed /pairs /lines /live"


async def test_read_answer(url: str, tmp_path: Path) -> None:
    printed = await printed_by("read_answer.py", f"{url}/mixed", str(tmp_path))
    assert printed.splitlines() == [
        "JSON: {'a': [1]}",
        "form: [('b', '2 &')]",
        "text: some text",
        "file: 999 bytes in c.bin",
        "multipart/related:",
        "  text: inner text",
        "  file: 99 bytes in d.bin",
    ]
    assert (tmp_path / "c.bin").read_bytes() == b"c" * 999
    assert (tmp_path / "d.bin").read_bytes() == b"d" * 99


async def test_pairs(url: str) -> None:
    printed = await printed_by("pairs.py", f"{url}/pairs")
    assert printed.splitlines() == [
        "document 1",
        "  a.png: 1 bytes",
        "document 2",
        "  a.png: 2 bytes",
        "  b.png: 2 bytes",
        "document 3",
    ]


async def test_lines(url: str) -> None:
    printed = await printed_by("lines.py", f"{url}/lines")
    said = printed.splitlines()
    assert said[:3] == ["line: one", "line: two", "line: three"]
    assert said[-2:] == ["protocol: 500 bytes", "dropped: 2 parts"]
    sizes = re.findall(r"^chunk: (\d+) bytes$", printed, re.M)
    assert sum(map(int, sizes)) == 1000


async def test_related(url: str, tmp_path: Path) -> None:
    picture = tmp_path / "photo.jpg"
    picture.write_bytes(b"picture" * 100)
    printed = await printed_by("related.py", f"{url}/echo", str(picture))
    page, shown = printed.splitlines()
    assert re.fullmatch(r'<p>Look: <img src="cid:[^"]+">', page)
    assert shown == "photo.jpg: 700 bytes"


async def test_pick(url: str) -> None:
    printed = await printed_by("pick.py", f"{url}/mixed", "../c.bin")
    match = re.fullmatch(r"(\d+) bytes were sent, (\d+) meant\n", printed)
    assert match, printed
    assert int(match[1]) < int(match[2]) == 999


FORMS: dict[str, tuple[str, str, int, str]] = {
    "accepted": ("photo", "image/jpeg", 9, "1 photos, 9 bytes\n"),
    "skipped": ("other", "image/png", 9, "0 photos, 0 bytes\n"),
    "rejected": ("photo", "image/png", 9, '"error": "rejected"'),
    "too large": ("photo", "image/jpeg", 2 << 20, '"limit": "max_part_size"'),
}
STATUS = {"rejected": 415, "too large": 413}


async def test_decide() -> None:
    server = example("decide.py", LISTEN)
    url = await address(server)
    for case, (name, kind, size, expected) in FORMS.items():
        form = FormData()
        form.add_file(name, bytes(size), filename="a", content_type=kind)
        response = await treq.post(
            f"{url}/",
            data=form,
            headers=form.headers,
            persistent=False,
        )
        assert expected in await response.text()
        assert response.code == STATUS.get(case, 200)
    await server.stop()
