"""Memory: a huge part on its way to a disk and through a digest takes none."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from tests.programs import run

MiB, GiB = 1 << 20, 1 << 30

#: Feeds a reader SIZE bytes as fast as it takes them, into a file and a digest.
#: Prints the digest and how much the peak of its memory has grown.
PROGRAM = """
import sys
from twisted.internet.interfaces import IPullProducer
from twisted.internet.task import react
from zope.interface import implementer

from tests.interop.memory import peak, reset_peak
from txmultipart import FileSink, HashSink, MultipartReader, TeeSink

SIZE, PIECE = 1 << 30, bytes(range(256)) * 256


@implementer(IPullProducer)
class Sender:
    def __init__(self, reader):
        self.reader, self.left = reader, SIZE
        reader.write(b"--b\\r\\nContent-Disposition: form-data; name=f\\r\\n\\r\\n")

    def resumeProducing(self):
        if self.left:
            self.left -= len(PIECE)
            self.reader.write(PIECE)
        else:
            self.reader.write(b"\\r\\n--b--\\r\\n")
            self.reader.unregisterProducer()

    def stopProducing(self):
        pass


async def main(reactor, path):
    reader = MultipartReader("multipart/form-data; boundary=b")
    sender = Sender(reader)
    part = await reader.next_part()
    file, digest = FileSink(path, fsync=False), HashSink()
    reset_peak("self")
    idle = peak("self")
    reader.registerProducer(sender, False)
    size = await part.write_to(TeeSink(file, digest))
    assert await reader.next_part() is None
    print(size, digest.hexdigest(), peak("self") - idle)


react(main, sys.argv[1:])
"""


async def test_a_gibibyte_into_a_file_and_a_digest(tmp_path: Path) -> None:
    path = tmp_path / "large"
    child = run(sys.executable, "-c", PROGRAM, str(path))
    size, digest, growth = (await child.ended).split()
    assert int(size) == path.stat().st_size == GiB
    assert int(growth) < 24 * MiB
    with path.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == digest
    path.unlink()
