"""How much memory an upload takes: a stock twisted.web Site, and txmultipart.

    python benchmarks/memory.py [MEGABYTES]

Uploads files of that size (512 by default, the stock site's needs twelve times
as much memory) with curl over loopback, and prints by how much the peak resident
memory of the receiving process grew. Linux only. Needs curl and free disk space
for three such files.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

STOCK = """
import sys
from twisted.internet import endpoints, reactor
from twisted.web import resource, server

class Form(resource.Resource):
    isLeaf = True
    def render_POST(self, request):
        return b"%d" % len(request.args[b"file"][0])
    def render_PUT(self, request):
        return b"%d" % len(request.content.read())

endpoint = endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1")
endpoint.listen(server.Site(Form())).addCallback(
    lambda port: print(f"http://127.0.0.1:{port.getHost().port}/", flush=True))
reactor.run()
"""

SLOW = """
import sys
from twisted.internet import endpoints, reactor, task
from twisted.web import resource
from txmultipart import MultipartResource, StreamingSite, get_body, streaming

RATE = 20_000_000

async def take_slowly(stream):
    size = 0
    async for chunk in stream:
        size += len(chunk)
        await task.deferLater(reactor, len(chunk) / RATE)
    return size

class Slow(MultipartResource):
    isLeaf = True
    async def render_multipart(self, request, reader):
        return b"%d" % sum([await take_slowly(part) async for part in reader])

endpoint = endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1")
endpoint.listen(StreamingSite(Slow())).addCallback(
    lambda port: print(f"http://127.0.0.1:{port.getHost().port}/", flush=True))
reactor.run()
"""


class Case(NamedTuple):
    """One row: who receives, and what curl is told."""

    label: str
    command: list[str]
    curl: tuple[str, str]


@contextmanager
def server(command: list[str]) -> Iterator[tuple[str, int]]:
    """A receiving process: its URL and its pid."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = re.search(r"http://\S+", process.stdout.readline())
        assert url
        try:
            yield url[0], process.pid
        finally:
            process.terminate()


def peak(pid: int) -> float:
    """The peak resident memory of ``pid`` in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert match
    return int(match[1]) / 1024


def upload(*arguments: str, content: bytes = b"") -> None:
    """Run curl with ``content`` as its standard input."""
    command = ["curl", "-sSf", "-o", "/dev/null", *arguments]
    subprocess.run(command, input=content, check=True)


def growth(case: Case) -> tuple[float, float]:
    """Upload once: MiB before it, and MiB more at the peak."""
    with server(case.command) as (url, pid):
        # A first small upload has everything imported and warm.
        upload("-F", "file=@-;filename=small.bin", url, content=b"x")
        before = peak(pid)
        upload(*case.curl, url)
        return before, peak(pid) - before


def main(size: int) -> None:
    """Print the table."""
    python = [sys.executable, "-c"]
    with tempfile.TemporaryDirectory(prefix="txmultipart-") as folder:
        file = Path(folder) / "upload.bin"
        with file.open("wb") as output:
            output.truncate(size)
        serve = [sys.executable, "-m", "txmultipart", "serve", f"{folder}/inbox"]
        serve += ["--listen", "tcp:0:interface=127.0.0.1"]
        form, put = ("-F", f"file=@{file}"), ("-T", str(file))
        cases = (
            Case("twisted.web Site, request.args, curl -F", [*python, STOCK], form),
            Case("twisted.web Site, request.content, curl -T", [*python, STOCK], put),
            Case("txmultipart serve, curl -F", serve, form),
            Case("txmultipart serve, curl -T", serve, put),
            Case("StreamingSite, takes 20 MB/s, curl -F", [*python, SLOW], form),
        )
        print(f"{datetime.now(UTC):%Y-%m-%d}, one upload of {size >> 20} MiB each\n")
        print("| receiver | idle, MiB | upload adds, MiB |\n| --- | ---: | ---: |")
        for case in cases:
            before, more = growth(case)
            print(f"| {case.label} | {before:.0f} | {more:,.1f} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1] if len(sys.argv) > 1 else 512) << 20)
