"""Where bodies come from: a request's body, a response's body.

``get_body`` is the one way to a request's body. Under ``StreamingRequest`` it
streams; under a stock ``twisted.web`` request, which has it all already, it
reads what is there, so a resource works on either.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IRequest, IResponse
from zope.interface import implementer

from txmultipart.body.incoming import Incoming
from txmultipart.errors import MisuseError
from txmultipart.interfaces import ISink
from txmultipart.limits import Limits

_BLOCK = 1 << 16
_DEFAULT_LIMITS = Limits()


class BodyReader(Incoming):
    """The raw body of a request or a response, streamed.

    ``length`` is its size in bytes where that was declared, else None.
    """

    read_limit = "max_memory"

    def __init__(
        self, limits: Limits = _DEFAULT_LIMITS, *, length: int | None = None
    ) -> None:
        super().__init__(limits)
        self.length = length


def get_body(request: IRequest) -> BodyReader:
    """The body of ``request``, to be read once; every call gives the same reader.

    A resource that wants it while it arrives has to be marked, see
    ``streaming``; in any other the whole body has been stored before it runs.
    """
    body = getattr(request, "body", None)
    if not isinstance(body, BodyReader):
        body = stored_body(request.content)
        request.body = body  # type: ignore[attr-defined]
    return body


def stored_body(content: BinaryIO) -> BodyReader:
    """A reader of a body that is stored in a file already."""
    content.seek(0, 2)
    body = BodyReader(length=content.tell())
    content.seek(0)
    body.registerProducer(_Stored(content, body), False)
    return body


@implementer(IPullProducer)
class _Stored:
    """Gives a stored body, block by block. It is in memory, or in a file just written."""

    def __init__(self, content: BinaryIO, body: BodyReader) -> None:
        self._content = content
        self._body = body

    def resumeProducing(self) -> None:
        data = self._content.read(_BLOCK)
        if data:
            self._body.write(data)
        else:
            self._body.unregisterProducer()

    def stopProducing(self) -> None:
        """Nothing is open that is ours."""


class ResponseBody(Protocol):
    """Delivers a response's body to ``sink``, at its pace."""

    def __init__(self, sink: Any) -> None:
        self._sink = sink

    def connectionMade(self) -> None:
        """The response's transport is the producer."""
        self._sink.registerProducer(self.transport, True)

    def dataReceived(self, data: bytes) -> None:
        """Some bytes of the body."""
        self._sink.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The body has ended, one way or another.

        A body that is ended by closing the connection may or may not be whole
        (``PotentialDataLoss``); a multipart tells by its close delimiter.
        """
        if reason.check(ResponseDone, PotentialDataLoss):
            self._sink.unregisterProducer()
        else:
            self._sink.fail(reason)


def deliver_response(response: IResponse, sink: Any) -> None:
    """Have ``response`` deliver its body to ``sink``, an ``ISink``."""
    if not ISink.providedBy(sink):
        raise MisuseError("a response is delivered to an ISink")
    response.deliverBody(ResponseBody(sink))
