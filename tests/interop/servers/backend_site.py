"""Our server behind those that only pass requests on; a program: it prints its port.

It serves as any of them does: the sum of what is sent to any path, 413 in the middle of
what is too long below ``limited/``, and the documents, which are in its first argument.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IListeningPort
from twisted.python import log
from twisted.python.failure import Failure
from twisted.web.server import NOT_DONE_YET
from twisted.web.static import File
from zope.interface import implementer

from tests.interop.servers.server import LIMIT
from txmultipart import (
    HashSink,
    LimitExceeded,
    StreamingSite,
    UploadAborted,
    get_body,
)
from txmultipart.body.sinks import LimitSink, TeeSink
from txmultipart.interfaces import IStreamingResource

UNLIMITED = 1 << 40


@implementer(IStreamingResource)
class Backend(File):
    """The documents, and the sums of what is sent."""

    def getChild(self, path: bytes, request: Any) -> Any:
        """Uploads go to any path."""
        if request.method in (b"PUT", b"POST"):
            return self
        return super().getChild(path, request)

    def render_PUT(self, request: Any) -> int:
        """Answer with the sum of the body, or with 413."""
        answered = Deferred.fromCoroutine(self._take(request))
        answered.addErrback(lambda failure: failure.trap(UploadAborted))
        answered.addErrback(_log)
        return NOT_DONE_YET

    render_POST = render_PUT

    async def _take(self, request: Any) -> None:
        digest = HashSink()
        limited = request.path.startswith(b"/limited/")
        limit = LimitSink(LIMIT if limited else UNLIMITED, limit="max_body_size")
        try:
            await get_body(request).write_to(TeeSink(limit, digest))
        except LimitExceeded as error:
            request.setResponseCode(error.http_status)
            request.write(b"%s\n" % str(error).encode())
        else:
            request.write(b"%s %d\n" % (digest.hexdigest().encode(), digest.size))
        request.finish()


def _log(failure: Failure) -> None:
    log.err(failure)


def main() -> None:
    """Serve until somebody ends it."""
    from twisted.internet import reactor

    def tell(port: IListeningPort) -> None:
        address: Any = port.getHost()
        print(address.port, flush=True)

    log.startLogging(sys.stderr, setStdout=False)
    endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
    endpoint.listen(StreamingSite(Backend(os.path.abspath(sys.argv[1])))).addCallback(
        tell
    )
    reactor.run()


if __name__ == "__main__":
    main()
