"""Fetch media from another Matrix server (MSC3916), in constant memory.

python examples/matrix/client.py URL FILE
"""

import sys

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from txmultipart import BodyReader, FileSink, Limits, MultipartReader
from txmultipart.treq import client

MAX_SIZE = 50 << 20
MAX_TIME = 300  # seconds


async def fetch(response, sink):
    """The JSON object, the headers of the media, and where they are if not here."""
    about = headers = location = None
    limits = Limits(max_part_size=MAX_SIZE, max_parts=2)
    async with MultipartReader.from_response(response, limits=limits) as reader:
        async for part in reader:
            if about is None:
                about = await part.json()
                continue
            headers, location = part.headers, part.headers.get("Location")
            if location is None:
                await part.write_to(sink)
    return about, headers, location


async def get(http, url, path):
    response = await http.get(url, unbuffered=True)
    if response.code != 200:
        beginning = await BodyReader.from_response(response).read_chunk()
        sys.exit(f"{response.code}: {beginning[:500]}")
    return await fetch(response, FileSink(path))


async def main(reactor, url, path):
    http = client(reactor)
    getting = Deferred.fromCoroutine(get(http, url, path))
    getting.addTimeout(MAX_TIME, reactor, lambda *_: sys.exit("it takes too long"))
    about, headers, location = await getting
    await http.pool.closeCachedConnections()
    if headers is None:
        sys.exit("there are no media in the answer")
    print(about, headers.content_type, location)


if __name__ == "__main__":
    react(main, sys.argv[1:] if len(sys.argv) == 3 else sys.exit(__doc__))
