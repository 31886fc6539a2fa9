"""Read parts by lines, in chunks, with a protocol; and drop the others.

python examples/lines.py URL

``examples/answers.py`` gives such an answer at /lines.
"""

import sys

import treq
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.task import react

from txmultipart import MultipartReader


class Counter(Protocol):
    def __init__(self):
        self.size, self.done = 0, Deferred()

    def dataReceived(self, data):
        self.size += len(data)

    def connectionLost(self, reason):
        self.done.callback(self.size)


async def main(reactor, url):
    reader = MultipartReader.from_response(await treq.get(url, unbuffered=True))
    part = await reader.next_part()
    while line := await part.readline():
        print("line:", line.decode().strip())
    part = await reader.next_part()
    while chunk := await part.read_chunk():
        print(f"chunk: {len(chunk)} bytes")
    (await reader.next_part()).deliverBody(counter := Counter())
    print(f"protocol: {await counter.done} bytes")
    print(f"dropped: {await reader.for_each(lambda part: part.discard())} parts")


react(main, sys.argv[1:] if len(sys.argv) == 2 else sys.exit(__doc__))
