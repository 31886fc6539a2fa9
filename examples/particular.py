"""Write bodies for servers that are particular about them, and print them.

python examples/particular.py FILE
"""

import sys
from pathlib import Path

from twisted.internet.task import react

from txmultipart import MultipartWriter


def with_lengths(path):
    """A Content-Length in each part, which by itself none has; a boundary of one's own."""
    with MultipartWriter("mixed", "frontier") as body:
        body.append(path)
        body.append("text", {"X-Mood": "fine", "Content-ID": "<text>"})
    for part in body.parts:
        part.headers.setRawHeaders("Content-Length", [str(part.length)])
    return body


def without_end(path):
    """No close delimiter, for whoever goes on writing behind it."""
    body = MultipartWriter("mixed", "frontier", close_boundary=False)
    body.append(path)
    return body


async def main(reactor, path):
    for make in (with_lengths, without_end):
        body = make(Path(path))
        print(f"{body.content_type}, {body.length} bytes")
        # The whole at once, for servers that take no chunked bodies of unknown length.
        print((await body.as_bytes()).decode())


react(main, sys.argv[1:] if len(sys.argv) == 2 else sys.exit(__doc__))
