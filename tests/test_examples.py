"""Each example runs, as a user would run it, and does what its first line says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.peers import peer
from tests.programs import ROOT, Program, run

LISTEN = ("--listen", "tcp:0:interface=127.0.0.1")


def example(name: str, *arguments: str) -> Program:
    """Start an example with this Python."""
    return run(sys.executable, str(ROOT / "examples" / name), *arguments)


@pytest.mark.parametrize("way", ["await", "callbacks"])
async def test_receive(way: str, tmp_path: Path) -> None:
    server = example("receive.py", str(tmp_path), "tcp:0:interface=127.0.0.1")
    match = re.search(r"port=(\d+)|on (\d+)", await server.spoke)
    assert match, server.printed
    url = f"http://127.0.0.1:{match[1] or match[2]}/{way}"
    for name in ("test_examples.py", "test_examples (1).py"):
        curl = run(peer("curl"), "-sS", "-F", f"a.py=@{__file__}", "-F", "b=1", url)
        answer = await curl.ended
        assert answer == ("saved\n" if way == "await" else "2 parts\n")
        assert (tmp_path / name).read_bytes() == Path(__file__).read_bytes()
    await server.stop()


async def test_upload(tmp_path: Path) -> None:
    source, folder = tmp_path / "some.bin", tmp_path / "folder"
    source.write_bytes(bytes(range(256)) * 4096)
    server = run(sys.executable, "-m", "txmultipart", "serve", str(folder), *LISTEN)
    url = (await server.spoke).split()[2]
    client = example("upload.py", url, str(source))
    printed = await client.ended
    assert client.clean
    assert printed.count('"stored": "some') == 2
    sent, total = re.findall(r"(\d+) of (\d+)", printed)[-1]
    assert sent == total
    stored = sorted(path.name for path in folder.iterdir())
    assert stored == ["some (1).bin", "some.bin"]
    assert all(p.read_bytes() == source.read_bytes() for p in folder.iterdir())
    await server.stop()
