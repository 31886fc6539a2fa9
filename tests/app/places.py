"""A site on a port or two of loopback, with places that redirect, refuse, and take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from tests.app.serving import LOCAL
from txmultipart import StreamingSite, get_body
from txmultipart.app import send
from txmultipart.interfaces import IStreamingResource
from txmultipart.web.answer import answer_call


@implementer(IStreamingResource)
class Taking(Resource):
    """Takes what comes, and notes how, from whom, and how much."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []
        self.sizes: list[int] = []

    def render(self, request: Any) -> int:
        self.requests.append(request)
        return answer_call(request, self._count, request)

    async def _count(self, request: Any) -> bytes:
        self.sizes.append(sum([len(chunk) async for chunk in get_body(request)]))
        return b"%s took %d" % (request.clientproto, self.sizes[-1])

    @property
    def methods(self) -> list[bytes]:
        return [request.method for request in self.requests]


@implementer(IStreamingResource)
class Pointing(Resource):
    """Answers at once, without reading."""

    isLeaf = True

    def __init__(self, code: int, location: str | None, body: bytes) -> None:
        super().__init__()
        self.code, self.location, self.body = code, location, body

    def render(self, request: Any) -> bytes:
        request.setResponseCode(self.code)
        if self.location is not None:
            request.setHeader("Location", self.location)
        return self.body


def _reactor() -> Any:
    return reactor


class Breaking(Resource):
    """Begins an answer, and closes the connection in its middle."""

    isLeaf = True

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code

    def render(self, request: Any) -> int:
        request.setResponseCode(self.code)
        request.setHeader("Content-Length", "100")
        request.write(b"so far so good")
        request.notifyFinish().addErrback(lambda _: None)
        _reactor().callLater(0, request.loseConnection)
        return NOT_DONE_YET


class Places(Resource):
    """Places that are made by the test; ``/taken`` takes."""

    def __init__(self) -> None:
        super().__init__()
        self.taken = Taking()
        self.putChild(b"taken", self.taken)

    def point(
        self, code: int, location: str | None = None, body: bytes = b"go on\n"
    ) -> str:
        """A new place that answers so; its name."""
        name = f"p{len(self.children)}"
        self.putChild(name.encode(), Pointing(code, location, body))
        return name


@asynccontextmanager
async def serving(places: Resource, endpoint: str = LOCAL) -> AsyncIterator[str]:
    """Serve them; gives the URL."""
    port: Any = await serverFromString(reactor, endpoint).listen(StreamingSite(places))
    scheme = "http" if endpoint.startswith("tcp") else "https"
    try:
        yield f"{scheme}://127.0.0.1:{port.getHost().port}/"
    finally:
        await port.stopListening()


async def sent(*line: str | Path) -> int | str:
    """What sending comes to."""
    options = send.SendOptions()
    options.parseOptions([str(word) for word in line])
    outcome: list[int | str] = []
    await Deferred.fromCoroutine(send._send(reactor, options, outcome))
    (result,) = outcome
    return result
