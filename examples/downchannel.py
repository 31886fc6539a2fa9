"""Listen to a service that sends a part whenever it has something to say, for days.

python examples/downchannel.py URL

``examples/answers.py`` has one that talks at /live.
"""

import sys

import treq
from twisted.internet.task import react

from txmultipart import MultipartReader


async def main(reactor, url):
    response = await treq.get(url, unbuffered=True)
    # No bound on how much comes in all; what one part may have is bounded as ever.
    reader = MultipartReader.from_response(response, endless=True)
    async for part in reader:
        if part.content_type == "application/json":
            print("directive:", await part.json())
        else:
            async for sound in part:  # as it comes, however long it is
                print(f"sound: {len(sound)} bytes", flush=True)


react(main, sys.argv[1:] if len(sys.argv) == 2 else sys.exit(__doc__))
