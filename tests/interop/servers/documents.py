"""What the servers have to offer: a small file and a large one."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tests.interop.servers.server import Sum

MiB = 1 << 20

SMALL = b"a small document\n"

#: Mebibytes of the large one, no two of which are alike.
LARGE = 100


def write_documents(folder: Path) -> None:
    """Write ``small`` and ``large`` into ``folder``."""
    (folder / "small").write_bytes(SMALL)
    with (folder / "large").open("wb") as file:
        for number in range(LARGE):
            file.write(_block(number))


def sum_of_large() -> Sum:
    """That of ``large``."""
    digest = hashlib.sha256()
    for number in range(LARGE):
        digest.update(_block(number))
    return Sum(digest.hexdigest(), LARGE * MiB)


def _block(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest() * (MiB // 32)
