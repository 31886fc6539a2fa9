"""curl against ``txmultipart serve`` as a child process: every way it has to send."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.app.serving import (
    announced_url,
    child,
    is_temporary,
    serving_child,
    until,
)
from tests.interop.exchanges import exchange
from tests.interop.memory import (
    SLOW_SERVER,
    TREQ_CLIENT,
    MiB,
    peak,
    reset_peak,
    sparse,
)
from tests.peers import peer

#: How much more than when idle a process may hold while it moves a file of any size.
GROWTH = 24 * MiB

HUGE = 1024 * MiB


class Server(NamedTuple):
    """A child that serves."""

    process: subprocess.Popen[str]
    url: str
    folder: Path

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "inbox"
    with serving_child(folder) as (process, url):
        yield Server(process, url, folder)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Where curl runs: a folder with a few files."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"content of a")
    (folder / "b.bin").write_bytes(bytes(range(256)) * 4096)
    (folder / 'q"\\.txt').write_bytes(b"quoted")
    return folder


def curl(here: Path, *arguments: str, given: bytes | None = None) -> Any:
    """Run curl in ``here``, and return its answer taken apart."""
    command = [peer("curl"), "-sS", "--fail-with-body", "--max-time", "300", *arguments]
    ended = subprocess.run(command, cwd=here, input=given, capture_output=True)
    assert ended.returncode == 0, (ended.stderr, ended.stdout)
    return json.loads(ended.stdout)["parts"]


class Case(NamedTuple):
    """What curl is told, and the name, filename and content of what arrives."""

    arguments: list[str]
    parts: list[tuple[str, str | None, bytes]]
    given: bytes | None = None


A, B = b"content of a", bytes(range(256)) * 4096

FORMS = {
    "a field": Case(["-F", "x=1"], [("x", None, b"1")]),
    "text that looks like a file": Case(
        ["--form-string", "x=@a.txt;type=a/b"], [("x", None, b"@a.txt;type=a/b")]
    ),
    "a file": Case(["-F", "f=@a.txt"], [("f", "a.txt", A)]),
    "a large file": Case(["-F", "f=@b.bin"], [("f", "b.bin", B)]),
    "many": Case(
        ["-F", "x=1", "-F", "f=@a.txt", "-F", "g=@b.bin", "-F", "y=2"],
        [("x", None, b"1"), ("f", "a.txt", A), ("g", "b.bin", B), ("y", None, b"2")],
    ),
    "several of one field": Case(
        ["-F", "f=@a.txt,b.bin"], [("", "a.txt", A), ("", "b.bin", B)]
    ),
    "the content of a file": Case(["-F", "f=<a.txt"], [("f", None, A)]),
    "a type": Case(["-F", "f=@a.txt;type=image/png"], [("f", "a.txt", A)]),
    "another name": Case(["-F", "f=@a.txt;filename=c d.txt"], [("f", "c d.txt", A)]),
    "a name in quotes": Case(
        ["-F", 'f=@a.txt;filename="c;d.txt"'], [("f", "c;d.txt", A)]
    ),
    "a type and a name": Case(["-F", "f=@a.txt;type=a/b;filename=c"], [("f", "c", A)]),
    "a field with a type": Case(
        ["-F", "x={};type=application/json"], [("x", None, b"{}")]
    ),
    "a header of its own": Case(
        ["-F", 'f=@a.txt;headers="X-Mine: 1"'], [("f", "a.txt", A)]
    ),
    "a quote in a name": Case(["-F", 'f=@a.txt;filename="c\\"d"'], [("f", 'c"d', A)]),
    "a quote in a name, escaped": Case(
        ["--form-escape", "-F", 'f=@a.txt;filename="c\\"d"'], [("f", 'c"d', A)]
    ),
    "a name in UTF-8": Case(
        ["-F", "f=@a.txt;filename=nämé.txt"], [("f", "nämé.txt", A)]
    ),
    "from a pipe": Case(
        ["-F", "f=@-;filename=p.txt"], [("f", "p.txt", b"given")], b"given"
    ),
    "in chunks": Case(
        ["-H", "Transfer-Encoding: chunked", "-F", "f=@b.bin"], [("f", "b.bin", B)]
    ),
    "asking for leave": Case(
        ["-H", "Expect: 100-continue", "-F", "f=@b.bin"], [("f", "b.bin", B)]
    ),
    "without asking": Case(["-H", "Expect:", "-F", "f=@b.bin"], [("f", "b.bin", B)]),
    "in old HTTP": Case(["--http1.0", "-F", "f=@b.bin"], [("f", "b.bin", B)]),
}


@exchange("curl", "server", "HTTP/1.1", "every kind of form that curl sends")
@pytest.mark.parametrize("case", FORMS.values(), ids=FORMS.keys())
def test_forms(case: Case, server: Server, here: Path) -> None:
    parts = curl(here, *case.arguments, server.url, given=case.given)
    seen = [(part["name"] or "", part["filename"]) for part in parts]
    assert seen == [(name, filename) for name, filename, _ in case.parts]
    sums = [(part["size"], part["sha256"]) for part in parts]
    expected = [content for _, _, content in case.parts]
    assert sums == [(len(each), hashlib.sha256(each).hexdigest()) for each in expected]
    stored = {part["stored"] for part in parts if part["filename"]}
    assert set(server.files()) == stored


PUTS = {
    "a file": Case(["-T", "a.txt"], [("", "a.txt", A)]),
    "a large file": Case(["-T", "b.bin"], [("", "b.bin", B)]),
    "from a pipe": Case(["-T", "-"], [("", "p.bin", B)], B),
    "nothing from a pipe": Case(["-T", "-"], [("", "p.bin", b"")], b""),
    "from a pipe, as it comes": Case(["-T", "."], [("", "p.bin", B)], B),
    "data": Case(["-X", "PUT", "--data-binary", "@b.bin"], [("", "p.bin", B)]),
    "in old HTTP": Case(["--http1.0", "-T", "b.bin"], [("", "b.bin", B)]),
    "asking for leave": Case(
        ["-H", "Expect: 100-continue", "-T", "b.bin"], [("", "b.bin", B)]
    ),
}


@pytest.mark.parametrize("case", PUTS.values(), ids=PUTS.keys())
def test_puts(case: Case, server: Server, here: Path) -> None:
    ((_, name, content),) = case.parts
    assert name is not None
    (stored,) = curl(here, *case.arguments, server.url + name, given=case.given)
    assert stored["filename"] == stored["stored"] == name
    assert stored["size"] == len(content)
    assert server.files() == {name: content}


def test_again_on_one_connection(server: Server, here: Path) -> None:
    command = [peer("curl"), "-sSv", "-F", "f=@a.txt", server.url, server.url]
    ended = subprocess.run(command, cwd=here, capture_output=True, text=True)
    assert ended.stdout.count('"stored"') == 2
    assert "Re-using existing connection" in ended.stderr
    assert set(server.files()) == {"a.txt", "a (1).txt"}


@pytest.mark.parametrize("way", [["-F", "f=@b.bin"], ["-T", "b.bin"]], ids=["F", "T"])
def test_killed_in_the_middle(way: list[str], server: Server, here: Path) -> None:
    line = [peer("curl"), "-s", "--limit-rate", "64k", *way, server.url]
    with child(*line, cwd=here) as sender:
        until(lambda: any(map(is_temporary, server.folder.iterdir())), sender)
        sender.kill()
    until(lambda: not server.files(), server.process)
    assert curl(here, "-T", "a.txt", server.url)


@exchange(
    "curl", "server", "HTTP/1.1", "a refusal before the upload, `Expect: 100-continue`"
)
def test_a_refusal_before_the_upload(tmp_path: Path) -> None:
    big = sparse(tmp_path / "big", HUGE)
    with serving_child(tmp_path / "inbox", "--max-size", "1000") as (_, url):
        line = [
            peer("curl"),
            "-sS",
            "-T",
            str(big),
            "-w",
            "%{http_code} %{size_upload}",
        ]
        answer = subprocess.check_output([*line, url], text=True)
    assert '"limit-exceeded"' in answer
    code, sent = answer.splitlines()[-1].split()
    assert (code, sent) == ("413", "0")


def test_a_refusal_in_the_middle(tmp_path: Path) -> None:
    big = sparse(tmp_path / "big", HUGE)
    with serving_child(tmp_path / "inbox", "--max-size", "1000") as (_, url):
        line = [peer("curl"), "-sS", "-F", f"f=@{big}", "-w", "%{http_code}"]
        answer = subprocess.run([*line, url], text=True, capture_output=True).stdout
    assert '"limit-exceeded"' in answer
    assert answer.endswith("413")


# Memory -------------------------------------------------------------------------------


def growth(process: subprocess.Popen[str], upload: Callable[[], object]) -> int:
    """By how much ``upload`` makes the peak of ``process`` grow, in bytes."""
    reset_peak(process.pid)
    idle = peak(process.pid)
    upload()
    return told(peak(process.pid) - idle)


def told(grown: int) -> int:
    """Print it, for ``pytest -s``, and give it back."""
    print(f"grew by {grown / MiB:.1f} MiB")
    return grown


@exchange(
    "curl", "server", "HTTP/1.1", "a huge form and a huge PUT, in constant memory"
)
@pytest.mark.parametrize("way", ["-F", "-T"])
def test_the_memory_of_the_server(way: str, server: Server, tmp_path: Path) -> None:
    big = sparse(tmp_path / "big.bin", HUGE)
    curl(tmp_path, "-T", "-", server.url + "warm", given=b"up")
    value = f"f=@{big}" if way == "-F" else str(big)
    grown = growth(server.process, lambda: curl(tmp_path, way, value, server.url))
    stored = server.folder / "big.bin"
    assert stored.stat().st_size == HUGE
    assert grown < GROWTH
    stored.unlink()


def test_the_memory_of_a_server_that_is_slow(tmp_path: Path) -> None:
    size = 256 * MiB
    big = sparse(tmp_path / "big.bin", size)
    with child(sys.executable, "-c", SLOW_SERVER) as process:
        url = announced_url(process)
        line = [peer("curl"), "-sS", "-T", str(big), url]

        def upload() -> None:
            assert subprocess.check_output(line) == b"%d" % size

        grown = growth(process, upload)
    assert grown < GROWTH


def test_the_memory_of_a_client(server: Server, tmp_path: Path) -> None:
    big = sparse(tmp_path / "big.bin", HUGE)
    with child(sys.executable, "-c", TREQ_CLIENT, server.url, str(big)) as client:
        out, err = client.communicate(timeout=300)
    assert out, err
    code, grown = map(int, out.split())
    told(grown)
    assert code == 201
    assert grown < GROWTH
    (server.folder / "big.bin").unlink()
