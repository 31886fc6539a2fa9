"""What an upload costs the server: curl -F to a file, side by side with other servers.

    python -m benchmarks.uploads [MEGABYTES] [ROUNDS] [NAME…]

Each round every server gets every kind of upload once, from curl over loopback, and
writes it to a file on a disk in memory. Printed are medians over the rounds: CPU
seconds of the server's process per GB (10^9 bytes), MB/s, and the ratio of the CPU
to ours. Linux only. Needs curl, PyPI's hypercorn, multipart, aiohttp and trustme, and,
for the rows that have them, Go, and node with busboy (Debian's, or that in NODE_PATH).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import NamedTuple

import trustme

HERE = Path(__file__).parent / "receivers"
# Not every node looks where Debian keeps its packages.
NODE = ["env", f"NODE_PATH={os.environ.get('NODE_PATH', '/usr/share/nodejs')}", "node"]
KINDS = ("http1", "http1-tls", "h2c", "h2-tls")
CURL = {
    "http1": ["--http1.1"],
    "http1-tls": ["--http1.1", "--insecure"],
    "h2c": ["--http2-prior-knowledge"],
    "h2-tls": ["--http2", "--insecure"],
}


class Receiver(NamedTuple):
    """A server: its command, and which kinds of upload it takes."""

    name: str
    command: list[str]
    kinds: tuple[str, ...]


def receivers(folder: Path) -> Iterator[Receiver]:
    """Those that can be run here."""
    python = sys.executable
    yield Receiver("txmultipart", [python, str(HERE / "ours.py")], KINDS)
    yield Receiver("bare Twisted", [python, str(HERE / "bare.py")], KINDS[:2])
    yield Receiver("aiohttp", [python, str(HERE / "aiohttp_app.py")], KINDS[:2])
    yield Receiver("hypercorn", [python, str(HERE / "hypercorn_app.py")], KINDS)
    if shutil.which("go"):
        program = folder / "go-server"
        build = ["go", "build", "-o", str(program), str(HERE / "server.go")]
        subprocess.run(build, check=True, env={**os.environ, "GO111MODULE": "off"})
        kinds = ("http1", "http1-tls", "h2-tls")
        yield Receiver("Go net/http", [str(program)], kinds)
        buffered = ["env", "BUFFER=262144", str(program)]
        yield Receiver("Go net/http, buffered", buffered, kinds)
    if shutil.which("node") and _has_busboy():
        yield Receiver("node busboy", [*NODE, str(HERE / "node.js")], KINDS)


def _has_busboy() -> bool:
    test = [*NODE, "-e", "require('busboy')"]
    return not subprocess.run(test, capture_output=True, check=False).returncode


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(receiver: Receiver, kind: str, folder: Path) -> Iterator[tuple[int, str]]:
    """A server that listens: its pid and its URL."""
    port = free_port()
    secure = kind.endswith("-tls")
    pem = [str(folder / "certificate.pem"), str(folder / "key.pem")] if secure else []
    command = [*receiver.command, str(port), str(folder), *pem]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
    environment["PROTOCOL"] = kind.removesuffix("-tls")
    with subprocess.Popen(command, env=environment) as process:
        try:
            _wait(port)
            yield process.pid, f"http{'s' * secure}://127.0.0.1:{port}/"
        finally:
            process.kill()


def _wait(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.05)
    raise RuntimeError("a server does not listen")


def cpu(pid: int) -> float:
    """CPU seconds that a process has used, with all its threads."""
    # The clock that clock_getcpuclockid(3) gives, for which Python has no name. It
    # counts nanoseconds, where /proc counts hundredths of a second.
    return time.clock_gettime(~pid << 3 | 2)


def upload(url: str, kind: str, path: Path) -> float:
    """One upload by curl; seconds. The server has to answer how much it has written."""
    started = time.perf_counter()
    command = ["curl", "-sSf", *CURL[kind], "-F", f"file=@{path}", "-H", "Expect:", url]
    done = subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - started
    if int(done.stdout) != path.stat().st_size:
        raise RuntimeError(f"{url} got {done.stdout!r} bytes")
    return seconds


def measure(
    receiver: Receiver, kind: str, folder: Path, path: Path
) -> tuple[float, float]:
    """CPU seconds per GB and MB/s of one upload to a warm server."""
    size = path.stat().st_size
    with running(receiver, kind, folder) as (pid, url):
        upload(url, kind, folder / "small.bin")
        before = cpu(pid)
        seconds = upload(url, kind, path)
        used = cpu(pid) - before
    (folder / "upload.bin").unlink(missing_ok=True)
    return used / size * 1e9, size / seconds / 1e6


@contextmanager
def sources(sizes: Iterable[int]) -> Iterator[tuple[Path, list[Path]]]:
    """A folder on a disk in memory, with keys, and a file of each size."""
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="txmultipart-") as name:
        folder = Path(name)
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "authority.pem"))
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        certificate.cert_chain_pems[0].write_to_path(str(folder / "certificate.pem"))
        certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
        (folder / "small.bin").write_bytes(b"x" * 100_000)
        files, some = [], os.urandom(1 << 20)
        for size in sizes:
            path = folder / f"{size}.bin"
            path.write_bytes((some * (size // len(some) + 1))[:size])
            files.append(path)
        yield folder, files


def main(size: int, rounds: int, names: list[str]) -> None:
    """Print a table for each kind of upload."""
    with sources([size << 20]) as (folder, (path,)):
        chosen = [r for r in receivers(folder) if not names or r.name in names]
        print(f"{datetime.now(UTC):%Y-%m-%d}, {size} MiB, medians of {rounds}\n")
        print("| upload | server | CPU s/GB | MB/s | ours / theirs, CPU |")
        print("| --- | --- | ---: | ---: | ---: |")
        for kind in KINDS:
            table(kind, [r for r in chosen if kind in r.kinds], rounds, folder, path)


def table(
    kind: str, receivers: list[Receiver], rounds: int, folder: Path, path: Path
) -> None:
    """Print the rows of one kind of upload."""
    found: dict[str, list[tuple[float, float]]] = {r.name: [] for r in receivers}
    for _ in range(rounds):
        for receiver in receivers:
            found[receiver.name].append(measure(receiver, kind, folder, path))
    ours = [used for used, _ in found.get("txmultipart", ())]
    for name, figures in found.items():
        used, rate = (median(column) for column in zip(*figures, strict=True))
        ratio = f"{median(ours) / used:.2f}" if ours else ""
        print(f"| {kind} | {name} | {used:.2f} | {rate:,.0f} | {ratio} |", flush=True)


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 512,
        int(sys.argv[2]) if len(sys.argv) > 2 else 5,
        sys.argv[3:],
    )
