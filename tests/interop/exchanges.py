"""Exchanges: what was tried with which program that others wrote, for the README's table.

A test says what it exchanges by ``@exchange("node", "client", "HTTP/2", "…")``: the
peer, what we are, the protocol, and what goes over. A run with ``TXMULTIPART_EXCHANGES``
set writes what became of each to the file of that name, as JSON, and
``python -m tests.interop.exchanges FILE`` puts it into the README.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Generator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.peers import peer
from tests.programs import ROOT

MARKER = "exchange(peer, role, protocol, what): for the table of the README"

README = ROOT / "README.md"

START, END = "<!-- exchanges -->\n", "<!-- end of exchanges -->\n"

HEAD = (
    "| peer | version | we are | protocol | what was exchanged | passed |\n"
    "| --- | --- | --- | --- | --- | --- |\n"
)

#: How programs are asked for their version; all else is a package from PyPI.
PROGRAMS = {
    "Apache httpd": ("apache2", "-v"),
    "Chromium": ("chromium", "--version"),
    "curl": ("curl", "--version"),
    "ffmpeg": ("ffmpeg", "-version"),
    "Go net/http": ("go", "version"),
    "nginx": ("nginx", "-v"),
    "node http2": ("node", "--version"),
}

#: Those that are installed for a test alone, and what they are installed as.
PINNED = {"alexa_client on hyper": "1.5.1 on 0.7.0", "hyper": "0.7.0"}


class Exchange(NamedTuple):
    """One line of the table, but for the version and whether it passed."""

    peer: str
    role: str
    protocol: str
    what: str


def exchange(*words: str) -> pytest.MarkDecorator:
    """Say what a test exchanges; see ``Exchange``. A test may have several."""
    return pytest.mark.exchange(*Exchange(*words))


def marked(test: Any) -> list[Exchange]:
    """What the function ``test`` was marked with."""
    marks = getattr(test, "pytestmark", [])
    return [Exchange(*mark.args) for mark in marks if mark.name == "exchange"]


def declared() -> set[Exchange]:
    """What all tests of this folder say, without running them."""
    modules = sorted(Path(__file__).parent.glob("test_*.py"))
    tests = [
        test
        for path in modules
        for test in vars(importlib.import_module(f"tests.interop.{path.stem}")).values()
        if callable(test)
    ]
    return {found for test in tests for found in marked(test)}


def version_of(name: str) -> str:
    """That of a peer, as it is installed here."""
    if name in PINNED:
        return PINNED[name]
    if name not in PROGRAMS:
        try:
            return version(name)
        except PackageNotFoundError:
            return "–"
    program, option = PROGRAMS[name]
    out = subprocess.run([peer(program), option], capture_output=True, check=False)
    found = re.search(rb"\d+\.\d+(\.\d+)*", out.stdout + out.stderr)
    return found[0].decode() if found else "–"


class Recorder:
    """A pytest plugin that keeps what became of each exchange, and writes it at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._passed: dict[Exchange, bool] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """An exchange has passed if each phase of each of its tests has."""
        report: Any = yield
        for mark in item.iter_markers("exchange"):
            found = Exchange(*mark.args)
            self._passed[found] = self._passed.get(found, True) and report.passed
        return report

    def pytest_sessionfinish(self) -> None:
        """Write them."""
        rows = [
            (*found[:1], version_of(found.peer), *found[1:], passed)
            for found, passed in sorted(self._passed.items())
        ]
        self._path.write_text(json.dumps(rows, ensure_ascii=False, indent=1))


def configure(config: pytest.Config) -> None:
    """Register the marker, and record if that was asked for."""
    config.addinivalue_line("markers", MARKER)
    path = os.environ.get("TXMULTIPART_EXCHANGES")
    if path:
        config.pluginmanager.register(Recorder(Path(path)), "exchanges")


def table(rows: list[tuple[str, str, str, str, str, bool]]) -> str:
    """The table, as it stands in the README."""
    lines = [
        "| " + " | ".join((*row[:5], "yes" if row[5] else "**no**")) + " |"
        for row in rows
    ]
    return HEAD + "\n".join(lines) + "\n"


def told(text: str) -> set[Exchange]:
    """The exchanges in the README's ``text``, if they have passed."""
    block = text.partition(START)[2].partition(END)[0]
    rows = [line.strip("| ").split(" | ") for line in block.splitlines()[2:]]
    return {Exchange(r[0], *r[2:5]) for r in rows if r[-1] == "yes"}


def amiss(noted: set[Exchange], said: set[Exchange]) -> list[str]:
    """Why what a run has ``noted`` is not the table of what all tests have ``said``."""
    reasons = {"no run of": said - noted, "no test says": noted - said}
    return [
        f"{reason}: {', '.join(found)}"
        for reason, lacking in reasons.items()
        for found in sorted(lacking)
    ]


def main(path: str, readme: Path = README) -> None:
    """Put the rows in the file ``path`` into the README, if none is missing."""
    text = readme.read_text()
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    rows = json.loads(Path(path).read_text())
    reasons = amiss({Exchange(row[0], *row[2:5]) for row in rows}, declared())
    if reasons:
        sys.exit("\n".join(("the README is as it was", *reasons)))
    readme.write_text(before + start + table(rows) + end + after)


if __name__ == "__main__":
    main(sys.argv[1])
