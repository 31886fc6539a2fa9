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
    limits = Limits(max_part_size=MAX_SIZE, max_parts=2)
    async with MultipartReader.from_response(response, limits=limits) as reader:
        about = await (await reader.next_part()).json()
        media = await reader.next_part()
        location = media.headers.get("Location")
        if location is None:
            await media.write_to(sink)
        return about, media.headers, location


async def main(reactor, url, path):
    response = await client(reactor).get(url, unbuffered=True)
    if response.code != 200:
        raise SystemExit(f"{response.code}: {await response.text()}")
    about, headers, location = await fetch(response, FileSink(path))
    print(about, headers.content_type, location)


if __name__ == "__main__":
    react(main, sys.argv[1:])
