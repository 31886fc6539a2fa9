"""Pick one part of a multipart answer by its file name, and skip all others unread.

python examples/pick.py URL NAME

``examples/answers.py`` gives an answer with c.bin in it at /mixed.
"""

import sys

import treq
from twisted.internet.task import react

from txmultipart import MultipartReader


async def main(reactor, url, name):
    response = await treq.get(url, unbuffered=True)
    async for part in MultipartReader.from_response(response):
        if part.filename == name:
            as_sent = await part.read()
            print(f"{len(as_sent)} bytes were sent, {len(part.decode(as_sent))} meant")
            break
    else:
        sys.exit(f"there is no {name}")


react(main, sys.argv[1:] if len(sys.argv) == 3 else sys.exit(__doc__))
