"""The benchmarks run, on little data, and what they measure does what it should."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import check_output

import pytest

from benchmarks import memory, uploads
from benchmarks.round_trip import ROUND_TRIP, far
from benchmarks.uploads import Receiver
from tests.peers import missing, peer
from tests.programs import ROOT

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc and /dev/shm")

SIZE = 300_000

#: Each with the program that it needs, and a kind of upload that only few can do.
RECEIVERS = {
    "txmultipart": ("curl", "h2-tls"),
    "bare Twisted": ("curl", "http1-tls"),
    "aiohttp": ("curl", "http1-tls"),
    "hypercorn": ("curl", "h2-tls"),
    "Go net/http": ("go", "h2-tls"),
    "Go net/http, buffered": ("go", "http1"),
    "node busboy": ("node", "h2-tls"),
}


class Setting:
    """A folder with sources and keys, one source of SIZE, and who can be run."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder, self.source = folder, source
        self.receivers = {r.name: r for r in uploads.receivers(folder)}

    def receiver(self, name: str) -> Receiver:
        """That one, or skip."""
        peer(RECEIVERS[name][0])
        if name not in self.receivers:
            missing("Debian's node-busboy is not installed")
        return self.receivers[name]


@pytest.fixture(scope="module")
def setting() -> Iterator[Setting]:
    with uploads.sources([SIZE]) as (folder, (source,)):
        yield Setting(folder, source)


@linux
@pytest.mark.parametrize("name", RECEIVERS)
def test_a_receiver_writes_what_is_uploaded(name: str, setting: Setting) -> None:
    peer("curl")
    kind = RECEIVERS[name][1]
    receiver = setting.receiver(name)
    with uploads.running(receiver, kind, setting.folder) as (pid, url):
        before = uploads.cpu(pid)
        assert uploads.upload(url, kind, setting.source) > 0
        assert uploads.cpu(pid) > before
    written = (setting.folder / "upload.bin").read_bytes()
    assert setting.source.read_bytes() in written
    assert name == "bare Twisted" or len(written) == SIZE


@linux
def test_uploads_prints_a_row_for_each(
    setting: Setting, capsys: pytest.CaptureFixture[str]
) -> None:
    peer("curl")
    some = [setting.receivers["txmultipart"], setting.receivers["bare Twisted"]]
    uploads.table("http1", some, 1, setting.folder, setting.source)
    rows = capsys.readouterr().out.splitlines()
    assert [row.split(" | ")[1] for row in rows] == ["txmultipart", "bare Twisted"]
    assert rows[0].endswith(" | 1.00 |")


@linux
def test_a_far_line_takes_its_time(setting: Setting) -> None:
    peer("curl")
    bare = setting.receivers["bare Twisted"]
    with (
        uploads.running(bare, "http1", setting.folder) as (_, url),
        far(int(url.rstrip("/").rpartition(":")[2]), ROUND_TRIP) as port,
    ):
        seconds = uploads.upload(f"http://127.0.0.1:{port}/", "http1", setting.source)
    assert seconds > ROUND_TRIP


@linux
def test_memory_prints_a_row_for_each(capsys: pytest.CaptureFixture[str]) -> None:
    peer("curl")
    memory.main(1 << 20)
    rows = capsys.readouterr().out.splitlines()[4:]
    assert len(rows) == 5
    for row in rows:
        assert re.fullmatch(r"\| .+ \| [0-9]+ \| [0-9.]+ \|", row)


#: In a child, since one of the parsers leaves an event loop behind.
PARSERS = """
from benchmarks import parser
for item in parser.bodies(1 << 16):
    if len(item.content) < 1 << 20:
        cells, ratio = parser.row(item, 1 << 14, 1)
        print(item.label, *cells, ratio, sep=" | ")
"""


def test_parsers_find_what_is_there() -> None:
    pytest.importorskip("streaming_form_data")
    rows = check_output([sys.executable, "-c", PARSERS], cwd=ROOT, text=True)
    assert rows.count("\n") == 8
    assert "wrong" not in rows
