"""Fetch media from another Matrix server (MSC3916), in constant memory.

python examples/matrix/client.py URL FILE
"""

import sys

from twisted.internet.task import react

from txmultipart import FileSink, Limits, MultipartReader
from txmultipart.treq import client

MAX_SIZE = 50 << 20


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


async def main(reactor, url, path):
    response = await client(reactor).get(url, unbuffered=True)
    if response.code != 200:
        raise SystemExit(f"{response.code}: {await response.text()}")
    about, headers, location = await fetch(response, FileSink(path))
    if headers is None:
        raise SystemExit("there are no media in the answer")
    print(about, headers.content_type, location)


if __name__ == "__main__":
    react(main, sys.argv[1:])
