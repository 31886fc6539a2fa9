"""Read documents that each have their attachments behind them, as pairs.

Some databases answer so: a JSON document, then a multipart of its attachments, and
so on. The next pair is asked for when the one before has been read.

python examples/pairs.py URL

``examples/answers.py`` gives such an answer at /pairs.
"""

import sys

import treq
from twisted.internet.task import react

from txmultipart import MultipartReader


class PairReader(MultipartReader):
    async def next_part(self):
        part = await super().next_part()
        if part is None:
            return None
        document = await part.json()
        attachments = await super().next_part()
        return document, attachments and attachments.parts()


async def show(attachment):
    print(f"  {attachment.filename}: {await attachment.discard()} bytes")


async def main(reactor, url):
    reader = PairReader.from_response(await treq.get(url, unbuffered=True))
    async for document, attachments in reader:
        print(document["_id"])
        if attachments:
            await attachments.for_each(show)


react(main, sys.argv[1:] if len(sys.argv) == 2 else sys.exit(__doc__))
