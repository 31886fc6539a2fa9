"""Server: a program that serves, and what a test has to know of it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from twisted.internet.threads import deferToThread

from tests.interop.servers.keys import Keys
from tests.interop.servers.program import Child

Transport = Literal["tls", "h2c"]
TRANSPORTS: tuple[Transport, ...] = ("tls", "h2c")

#: The most that ``limited/`` takes, in bytes.
LIMIT = 1 << 20


class Sum(NamedTuple):
    """What identifies a body."""

    sha256: str
    size: int


#: Given the path of an upload and the answer to it, says what the server got.
Arrived = Callable[[str, bytes], Awaitable[Sum]]


@dataclass
class Server:
    """A program that serves HTTP/2, over TLS (ALPN) and in the clear (h2c).

    Its paths, without a slash before them:

    - ``upload/NAME`` takes a PUT of any size; ``await arrived(path, answer)`` says what
      it got,
    - ``limited/NAME`` answers 413 to one longer than LIMIT, when ``refuses`` says,
    - ``small`` and ``large`` are the documents it was given.

    More of them stand in the module of each program.
    """

    name: str
    version: str
    keys: Keys
    url_tls: str
    url_h2c: str
    arrived: Arrived
    children: Sequence[Child]
    #: Early: in the middle of the upload. Late: when all of it was sent.
    refuses: Literal["early", "late", "never"] = "early"
    #: What was stored here goes when the server stops.
    stored: Path | None = None

    @property
    def ca(self) -> bytes:
        """The certificate of who vouches for it, as PEM; ``keys.trust`` is its file."""
        return self.keys.trust.read_bytes()

    def url(self, transport: Transport, path: str = "") -> str:
        """Where ``path`` is."""
        return (self.url_tls if transport == "tls" else self.url_h2c) + path

    async def stop(self) -> None:
        """End it; the ends of its logs are printed, and shown if a test failed."""
        for child in self.children:
            await child.end()
            print(child.complaints())
        if self.stored is not None:
            shutil.rmtree(self.stored)


def urls(tls: int, h2c: int) -> tuple[str, str]:
    """Those of two ports."""
    return f"https://127.0.0.1:{tls}/", f"http://127.0.0.1:{h2c}/"


def sum_of(content: bytes) -> Sum:
    """The sum of ``content``."""
    return Sum(hashlib.sha256(content).hexdigest(), len(content))


async def told(path: str, answer: bytes) -> Sum:
    """For a server that answers with the sum."""
    sha256, size = answer.decode().split()
    return Sum(sha256, int(size))


async def echoed(path: str, answer: bytes) -> Sum:
    """For a server that answers with what it got."""
    return sum_of(answer)


def stored_in(folder: Path) -> Arrived:
    """For a server that stores it, under its path in ``folder``."""

    async def arrived(path: str, answer: bytes) -> Sum:
        return await deferToThread(_sum_of_file, folder / path)

    return arrived


def _sum_of_file(path: Path) -> Sum:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return Sum(digest.hexdigest(), path.stat().st_size)
