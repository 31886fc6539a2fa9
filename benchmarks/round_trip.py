"""How long an upload takes on a far line: curl -F over HTTP/2, side by side.

    python -m benchmarks.round_trip [ROUNDS [NAME…]]

curl and the servers of ``benchmarks.uploads`` talk through ``benchmarks.delay``, 20 ms
for a round trip. In each round every server takes a file of 5 MB and one of 50 MB, each
on a new connection. Printed are the seconds from the start of curl to its end: medians.
It needs what ``benchmarks.uploads`` needs.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.uploads import Receiver, receivers, running, sources, upload

ROUND_TRIP = 0.020
SIZES = (5_000_000, 50_000_000)
KINDS = ("h2c", "h2-tls")


@contextmanager
def far(port: int, round_trip: float) -> Iterator[int]:
    """A port through which ``port`` is far away."""
    line = [sys.executable, "-m", "benchmarks.delay", str(port), str(round_trip / 2)]
    root = Path(__file__).parents[1]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def seconds(
    receiver: Receiver, kind: str, folder: Path, files: list[Path]
) -> list[float]:
    """How long each of the files takes."""
    with running(receiver, kind, folder) as (_, url):
        base, port = url.rstrip("/").rsplit(":", 1)
        upload(url, kind, folder / "small.bin")
        with far(int(port), ROUND_TRIP) as near:
            return [upload(f"{base}:{near}/", kind, path) for path in files]


def table(
    kind: str, able: list[Receiver], rounds: int, folder: Path, files: list[Path]
) -> None:
    """Print the rows of one kind of upload."""
    found: dict[str, list[list[float]]] = {receiver.name: [] for receiver in able}
    for _ in range(rounds):
        for receiver in able:
            found[receiver.name].append(seconds(receiver, kind, folder, files))
    for name, rows in found.items():
        medians = (median(column) for column in zip(*rows, strict=True))
        cells = " | ".join(f"{each:.2f}" for each in medians)
        print(f"| {kind} | {name} | {cells} |", flush=True)


def main(rounds: int, names: list[str]) -> None:
    """Print the table."""
    with sources(SIZES) as (folder, files):
        chosen = [r for r in receivers(folder) if not names or r.name in names]
        heads = " | ".join(f"{size / 1e6:.0f} MB, s" for size in SIZES)
        print(f"{datetime.now(UTC):%Y-%m-%d}, 20 ms, medians of {rounds}\n")
        print(f"| upload | server | {heads} |")
        print("| --- | --- |" + " ---: |" * len(SIZES))
        for kind in KINDS:
            able = [receiver for receiver in chosen if kind in receiver.kinds]
            table(kind, able, rounds, folder, files)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2:])
