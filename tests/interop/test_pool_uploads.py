"""A gigabyte to each server that others wrote, and to ours, in a flat memory."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from twisted.internet import reactor

from tests import guard
from tests.interop.each import each_server
from tests.interop.memory import SLOW_SERVER, MiB, sparse
from tests.interop.pool_client import arrived, upload
from tests.interop.servers import START, Start
from tests.interop.servers.keys import keys_in
from tests.interop.servers.ours import start_ours
from tests.interop.servers.program import launch
from tests.interop.servers.server import Server, Sum, Transport, told

#: What the memory of a client may grow by, the machinery of TLS included.
ROOM = 24 * MiB

#: What is encrypted takes all the ways that what is in the clear does, and one more.
SIZES: dict[Transport, int] = {"tls": 1024 * MiB, "h2c": 64 * MiB}


async def ours(reactor: Any, folder: Path, documents: Path) -> Server:
    """Our own, like the others."""
    return await start_ours(reactor, folder)


ALL: dict[str, Start] = {**START, "txmultipart": ours}

#: Seconds for one test: some servers store all of it on a disk, which may be busy.
PATIENCE = 240.0


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "TIME_LIMIT", PATIENCE)


server = each_server(ALL)


class Content(NamedTuple):
    """What is sent, and what is to arrive."""

    path: Path
    sum: Sum


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[int, Content]]:
    """A file of each size."""
    folder = tmp_path_factory.mktemp("contents")
    made = {size: content_of(folder / f"{size}", size) for size in SIZES.values()}
    yield made
    for content in made.values():
        content.path.unlink()


def content_of(path: Path, size: int) -> Content:
    """A file that takes little room; each of its mebibytes begins with its number."""
    with sparse(path, size).open("r+b") as file:
        for start in range(0, size, MiB):
            file.seek(start)
            file.write(b"%d" % start)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256")
    return Content(path, Sum(digest.hexdigest(), size))


@pytest.mark.parametrize("transport", SIZES)
async def test_an_upload_in_constant_memory(
    server: Server, transport: Transport, contents: dict[int, Content]
) -> None:
    content = contents[SIZES[transport]]
    # Ours takes one name as a path, the others what is in this folder.
    path = transport if server.name == "txmultipart" else f"upload/{transport}"
    outcome = await upload(server, transport, path, content.path)
    print(outcome)
    assert outcome.version == 2
    assert outcome.status in (200, 201, 204)
    assert outcome.growth <= ROOM
    assert await arrived(server, path, outcome) == content.sum


async def test_a_server_that_is_slow(
    tmp_path: Path, contents: dict[int, Content]
) -> None:
    """Nothing piles up between a quick file and one who takes 20 MB a second."""
    child = launch(reactor, tmp_path, sys.executable, "-c", SLOW_SERVER)
    url = (await child.spoke).strip()
    server = Server("slow", "", keys_in(tmp_path), url, url, told, [child])
    content = contents[SIZES["h2c"]]
    outcome = await upload(server, "h2c", "x", content.path)
    await server.stop()
    assert outcome.answer == str(content.sum.size)
    assert outcome.growth <= ROOM
