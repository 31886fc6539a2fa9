"""Parsing speed, side by side in one run with five packages from PyPI.

    python -m benchmarks.parser [--quick]

For each body and each size of chunk the parsers take turns; the median of each is
given in MB per second of CPU time, which is what a busy machine disturbs least, and
ours as a multiple of the fastest of the others. Every parser
reads name and filename of each part, and what it found is compared with what is
there: one that fails or finds something else is left out of that row, with a note.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from statistics import median
from time import process_time
from typing import NamedTuple

from benchmarks import peers
from benchmarks.peers import PEERS, Driver, Parts

ALL = {"txmultipart": peers.txmultipart, **PEERS}
BOUNDARY = b"----WebKitFormBoundary7MA4YWxkTrZu0gW9"


class Body(NamedTuple):
    """One body, what is in it, and how much faster than the best we want to be."""

    label: str
    content: bytes
    parts: Parts
    goal: float


def body(label: str, goal: float, parts: list[tuple[str, str | None, bytes]]) -> Body:
    """Put a body together as a browser does it."""
    pieces = []
    for name, filename, data in parts:
        head = b'Content-Disposition: form-data; name="%s"' % name.encode()
        if filename is not None:
            head += b'; filename="%s"' % filename.encode()
            head += b"\r\nContent-Type: application/octet-stream"
        pieces.append(b"--%s\r\n%s\r\n\r\n%s\r\n" % (BOUNDARY, head, data))
    content = b"".join(pieces) + b"--%s--\r\n" % BOUNDARY
    return Body(label, content, [(n, f, len(d)) for n, f, d in parts], goal)


def bodies(size: int) -> list[Body]:
    """The bodies; ``size`` is that of the large ones."""
    rng = random.Random(2046)

    def upload(label: str, goal: float, data: bytes) -> Body:
        return body(label, goal, [("file", "upload.bin", data)])

    def fields(label: str, count: int) -> Body:
        each = [(f"field{n}", None, b"value of %d" % n) for n in range(count)]
        return body(label, 2.0, each)

    near = b"\r\n--" + BOUNDARY[:-1]
    small = size // 4
    parts = [(f"f{n}", f"{n}.bin", rng.randbytes(16384)) for n in range(512)]
    return [
        upload("upload, random bytes", 1.1, rng.randbytes(size)),
        fields("form, 2 fields", 2),
        fields("form, 100 fields", 100),
        body("512 files of 16 KiB", 1.2, parts),
        upload("all CR", 0.9, b"\r" * small),
        upload("all CRLF", 0.9, b"\r\n" * (small // 2)),
        upload("near-boundary", 0.9, near * (small // len(near))),
        upload("all dashes", 0.9, b"-" * small),
        upload("CR, then x", 0.9, b"\r" + b"x" * small),
    ]


def cut(content: bytes, size: int) -> list[bytes]:
    """``content`` as a transport would deliver it."""
    return [content[i : i + size] for i in range(0, len(content), size)]


def rate(driver: Driver, chunks: list[bytes], repeat: int) -> float:
    """MB/s of ``repeat`` runs in a row."""
    started = process_time()
    for _ in range(repeat):
        driver(BOUNDARY, chunks)
    seconds = process_time() - started
    return sum(map(len, chunks)) * repeat / seconds / 1e6


def works(driver: Driver, item: Body, chunks: list[bytes]) -> bool:
    """Whether ``driver`` finds what is there."""
    peers.expect_names([name or "" for name, _, _ in item.parts])
    try:
        return driver(BOUNDARY, chunks) == item.parts
    except Exception:
        return False


def row(item: Body, size: int, rounds: int) -> tuple[list[str], float]:
    """The cells of one row, and our multiple of the best."""
    chunks = cut(item.content, size)
    drivers = {name: make() for name, make in ALL.items()}
    working = {n: d for n, d in drivers.items() if works(d, item, chunks)}
    # Enough bytes that one turn is not over at once.
    repeat = max(1, 200_000 // len(item.content))
    rates: dict[str, list[float]] = {name: [] for name in working}
    for _ in range(rounds):
        for name, driver in working.items():
            rates[name].append(rate(driver, chunks, repeat))
    medians = {name: median(values) for name, values in rates.items()}
    ours = medians["txmultipart"]
    ratio = ours / max(v for n, v in medians.items() if n != "txmultipart")
    cells = [f"{medians[n]:,.0f}" if n in medians else "wrong" for n in drivers]
    return cells, ratio


def main(quick: bool, show: Callable[[str], None] = print) -> None:
    """Print the table."""
    versions = ", ".join(f"{name} {version(name)}" for name in PEERS)
    show(f"{datetime.now(UTC):%Y-%m-%d}, Python {sys.version.split()[0]}, {versions}\n")
    show(f"| MB/s, by chunk | txmultipart | {' | '.join(PEERS)} | ratio | goal |")
    show("| --- |" + " ---: |" * (len(PEERS) + 3))
    for item in bodies((4 if quick else 32) << 20):
        for size in (16 << 10, 64 << 10):
            cells, ratio = row(item, size, 3 if quick else 9)
            label = f"{item.label}, {size >> 10} KiB"
            show(f"| {label} | {' | '.join(cells)} | {ratio:.2f} | {item.goal} |")


if __name__ == "__main__":
    main("--quick" in sys.argv)
