"""How fast a file is sent as a form, and at what cost, side by side with other clients.

    python -m benchmarks.clients [MEGABYTES] [ROUNDS]

Each round every client sends the file once to the same kind of server, over loopback:
to Go's net/http on TLS and over HTTP/1.1, to nghttpd in the clear (h2c). Go's takes forms
in two ways: as it does by itself, reading parts in pieces of 4 KiB and storing them, which
over HTTP/2 makes two WINDOW_UPDATE frames of each piece; and dropping what it gets in
large blocks, so that it is not what is measured. It says how much it got. The file is in
the temporary folder, and was read before. Printed are medians over the rounds: MB/s, the
ratio of ours to theirs, and CPU seconds of the client's process per GB (10^9 bytes).
Linux only. Needs Go and nghttpd, and PyPI's httpx, treq and trustme.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.uploads import Receiver, running, sources

HERE = Path(__file__).parent / "senders"


class Sender(NamedTuple):
    """A client, and which kinds of upload it makes."""

    name: str
    program: str
    kinds: tuple[str, ...]


SENDERS = (
    Sender("txmultipart", "ours.py", ("h2-tls", "h2c", "http1")),
    Sender("httpx", "httpx_client.py", ("h2-tls", "h2c", "http1")),
    Sender("treq files=", "treq_files.py", ("http1",)),
)


def servers(folder: Path) -> list[Receiver]:
    """Who receives which kinds of upload."""
    program = folder / "go-server"
    source = HERE.parent / "receivers" / "server.go"
    build = ["go", "build", "-o", str(program), str(source)]
    subprocess.run(build, check=True, env={**os.environ, "GO111MODULE": "off"})
    (folder / "index.html").write_text("thanks")
    # Its port and its documents are the last two arguments, in the order of the others.
    nghttpd = ["sh", "-c", 'exec nghttpd --no-tls -d "$2" "$1"', "nghttpd"]
    draining = ["env", f"DRAIN={256 << 10}", str(program)]
    kinds = ("h2-tls", "http1")
    return [
        Receiver("Go net/http", [str(program)], kinds),
        Receiver("Go net/http, drops", draining, kinds),
        Receiver("nghttpd", nghttpd, ("h2c",)),
    ]


def send(
    sender: Sender, kind: str, url: str, path: Path, authority: Path
) -> tuple[float, float]:
    """One upload: MB/s, and CPU seconds of the client per GB."""
    program = str(HERE / sender.program)
    command = [sys.executable, program, kind, url, str(path), str(authority)]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    done = subprocess.run(
        command, check=True, env=environment, capture_output=True, text=True
    )
    seconds, used, told = map(float, done.stdout.split())
    size = path.stat().st_size
    if kind != "h2c" and not size <= told < size + 1000:  # with what is around it
        raise RuntimeError(f"{url} got {told:.0f} bytes from {sender.name}")
    return size / seconds / 1e6, used / size * 1e9


def table(kind: str, server: Receiver, rounds: int, folder: Path, path: Path) -> None:
    """Print the rows of one kind of upload."""
    senders = [sender for sender in SENDERS if kind in sender.kinds]
    found: dict[str, list[tuple[float, float]]] = {s.name: [] for s in senders}
    for _ in range(rounds):
        for sender in senders:
            with running(server, kind, folder) as (_, url):
                authority = folder / "authority.pem"
                found[sender.name].append(send(sender, kind, url, path, authority))
    ours = median(rate for rate, _ in found["txmultipart"])
    for name, figures in found.items():
        rate, used = (median(column) for column in zip(*figures, strict=True))
        row = f"| {kind}, {server.name} | {name} | {rate:,.0f} | {ours / rate:.2f} |"
        print(f"{row} {used:.2f} |", flush=True)


@contextmanager
def on_disk(path: Path) -> Iterator[Path]:
    """The file, moved to where files mostly are: not all systems of files are alike."""
    with tempfile.TemporaryDirectory(prefix="txmultipart-") as folder:
        moved = Path(shutil.move(path, folder))
        moved.read_bytes()
        yield moved


def main(size: int, rounds: int) -> None:
    """Print the table."""
    with sources([size << 20]) as (folder, (made,)), on_disk(made) as path:
        print(f"{datetime.now(UTC):%Y-%m-%d}, {size} MiB, medians of {rounds}\n")
        print("| upload to | client | MB/s | ours / theirs | CPU s/GB |")
        print("| --- | --- | ---: | ---: | ---: |")
        for server in servers(folder):
            for kind in server.kinds:
                table(kind, server, rounds, folder, path)


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 512,
        int(sys.argv[2]) if len(sys.argv) > 2 else 5,
    )
