"""A server to be put under pressure, as a child: ``python -m tests.http2.pressured``.

``GET /`` is a word, ``GET /big`` 400 MB. ``PUT /take`` drops a body and tells its size,
``PUT /stall`` never takes any, ``PUT /some`` stops after 256 KiB. The arguments are a
folder, the site's timeout, and perhaps ``asyncio`` for another reactor.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.internet import asyncioreactor

if sys.argv[3:] == ["asyncio"]:
    asyncioreactor.install()

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from twisted.web.static import File
from zope.interface import implementer

from txmultipart import StreamingSite, get_body
from txmultipart.body.sinks import Sink
from txmultipart.interfaces import IStreamingResource

BIG = 400_000_000
SOME = 256 << 10


class Dropping(Sink):
    """Drops what comes, and stops after ``most`` bytes."""

    def __init__(self, most: int | None) -> None:
        super().__init__()
        self.most, self.size = most, 0

    def write(self, data: bytes) -> None:
        self.size += len(data)
        if self.most is not None and self.size >= self.most:
            self.producer.pauseProducing()


@implementer(IStreamingResource)
class Uploads(Resource):
    """Takes bodies, or some of them."""

    isLeaf = True

    def __init__(self, most: int | None) -> None:
        super().__init__()
        self.most = most

    def render_PUT(self, request: Any) -> int:
        if self.most == 0:
            get_body(request)
            return NOT_DONE_YET
        written = get_body(request).write_to(Dropping(self.most))
        written.addCallback(self.answer, request)
        written.addErrback(lambda failure: None)  # the client has gone
        return NOT_DONE_YET

    def answer(self, size: int, request: Any) -> None:
        request.write(b"%d" % size)
        request.finish()


class Word(Resource):
    """Says hello."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return b"hello"


def main(folder: Path, timeout: float) -> None:
    """Serve until the process is ended."""
    big = folder / "big"
    with big.open("wb") as file:
        file.truncate(BIG)
    root = Resource()
    root.putChild(b"", Word())
    root.putChild(b"big", File(str(big)))
    for name, most in ((b"take", None), (b"stall", 0), (b"some", SOME)):
        root.putChild(name, Uploads(most))
    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    port = endpoint.listen(StreamingSite(root, timeout=timeout))
    port.addCallback(
        lambda port: print(f"http://127.0.0.1:{port.getHost().port}/", flush=True)
    )
    reactor.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
