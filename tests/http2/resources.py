"""Resources that tests of HTTP/2 ask for things."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IConsumer
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from txmultipart import get_body
from txmultipart.body.delivery import BodyReader
from txmultipart.interfaces import IStreamingResource


@implementer(IStreamingResource)
class Taker(Resource):
    """Keeps its requests and their bodies; a test reads and answers."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []
        self.bodies: list[BodyReader] = []
        self.ends: list[Any] = []
        self.sink: Any = None

    def render(self, request: Any) -> int:
        self.requests.append(request)
        self.bodies.append(get_body(request))
        request.notifyFinish().addBoth(self.ends.append)
        return NOT_DONE_YET

    def take(self, index: int = -1) -> list[bytes]:
        """Let all of a body come; gives the list that its pieces go to."""
        self.sink = sink = Pieces()
        self.bodies[index].write_to(sink).addErrback(sink.failures.append)
        return sink.pieces

    def answer(self, index: int = -1, data: bytes = b"done", code: int = 200) -> None:
        """Answer a request."""
        request = self.requests[index]
        request.setResponseCode(code)
        request.write(data)
        request.finish()


@implementer(IConsumer)
class Pieces:
    """A consumer that a test can hold back."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.failures: list[Any] = []
        self.producer: Any = None

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def write(self, data: bytes) -> None:
        self.pieces.append(data)


class Text(Resource):
    """Always gives the same."""

    isLeaf = True

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.data = data

    def render_GET(self, request: Any) -> bytes:
        request.setHeader(b"Content-Type", b"text/plain")
        request.setHeader(b"Content-Length", b"%d" % len(self.data))
        return self.data


class Echo(Resource):
    """An ordinary resource: it runs when the body is there, and sends it back."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return b"hello"

    def render_PUT(self, request: Any) -> bytes:
        content: bytes = request.content.read()
        return content

    render_POST = render_PUT


class Writer(Resource):
    """Keeps its requests; what they are sent, a test decides."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Any] = []
        self.ends: list[Any] = []

    def render(self, request: Any) -> int:
        self.requests.append(request)
        request.notifyFinish().addBoth(self.ends.append)
        return NOT_DONE_YET
