"""Where bodies come from: a request's body, a response's body.

``get_body`` is the one way to a request's body. Under ``StreamingRequest`` it
streams; under a stock ``twisted.web`` request, which has it all already, it
reads what is there, so a resource works on either.
"""

from __future__ import annotations

from io import SEEK_END
from typing import Any, BinaryIO, Self, cast

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from twisted.web.http import PotentialDataLoss
from twisted.web.iweb import IRequest, IResponse
from zope.interface import implementer

from txmultipart.body.closing import Closing
from txmultipart.body.incoming import Incoming
from txmultipart.body.progress import Progress, ProgressCallback
from txmultipart.body.stream import State
from txmultipart.errors import MisuseError, UploadAborted
from txmultipart.interfaces import ISink
from txmultipart.limits import Limits
from txmultipart.sansio.octets import octets

_BLOCK = 1 << 16
_DEFAULT_LIMITS = Limits()


class BodyReader(Closing, Incoming):
    """The raw body of a request or a response, streamed.

    ``length`` is its size in bytes where that was declared, else None.
    ``progress`` is called with the bytes that have come, ``length`` and the body,
    at most ten times a second, and once when all has come, so twice for a small body;
    what it raises breaks the body. It may be set later. What ``read`` may hold is
    bounded by ``max_memory`` of ``limits``. ``close``, or the end of an ``async with``
    block, gives up what is left.
    """

    _kind = "body"
    _read_limit = "max_memory"

    def __init__(
        self,
        limits: Limits = _DEFAULT_LIMITS,
        *,
        length: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        super().__init__(limits)
        self.length = length
        self.progress = progress
        #: Bytes that have come so far.
        self.received = 0
        self._progress: Progress | None = None

    @classmethod
    def from_response(cls, response: IResponse, **options: Any) -> Self:
        """The body of ``response``; with treq, ask for it ``unbuffered``."""
        body = cls(length=known_length(response), **options)
        # What breaks the response breaks the body, which tells whoever reads.
        deliver_response(response, body).addErrback(lambda _: None)
        return body

    def write(self, data: bytes) -> None:
        """The next bytes have come. Raises ``MisuseError`` for what holds none."""
        if type(data) is not bytes:
            data = octets(data, "a body is bytes")
        self.received += len(data)
        self._tell_progress()
        if not self._ended:
            super().write(data)

    def unregisterProducer(self) -> None:
        """The input has ended."""
        self._tell_progress(over=True)
        super().unregisterProducer()

    def fail(self, failure: Failure) -> Deferred[None]:
        """The source broke: whoever reads is told, after the bytes that came before.

        The producer is stopped, in case that it does not know.
        """
        producer = self._upstream.release()
        done = super().fail(failure)
        if producer is not None:
            producer.stopProducing()
        return done

    def close(self) -> None:
        """Give the body up; may be called at any time, more than once.

        The producer is stopped: the connection of a response is closed. Whoever reads,
        then or later, is told ``MisuseError``. Nothing if all was read.
        """
        if self.state is State.OVER:
            return
        self._kept.clear()
        closed = Failure(MisuseError("the body was closed"))
        if self._ended:  # and what had come was not read
            self._failure = self._failure or closed
            self._pass_on()
        self.fail(closed)

    def _tell_progress(self, *, over: bool = False) -> None:
        """What whoever is told raises breaks the body, which tells whoever reads."""
        if self.progress is None or self._ended:
            return
        self._progress = self._progress or Progress(self.progress, self.length)
        tell = self._progress.finish if over else self._progress.update
        try:
            tell(self.received, self)
        except Exception:
            self.fail(Failure())


def get_body(
    request: IRequest,
    *,
    limits: Limits | None = None,
    progress: ProgressCallback | None = None,
) -> BodyReader:
    """The body of ``request``, to be read once; every call gives the same reader.

    ``limits`` and ``progress`` become those of the body, see ``BodyReader``. A resource that wants
    the body while it arrives has to be marked, see ``streaming``; in any other the
    whole body has been stored before it runs.
    """
    body = getattr(request, "body", None)
    if not isinstance(body, BodyReader):
        body = stored_body(request.content)
        request.body = body  # type: ignore[attr-defined]
    if limits is not None:
        body.limits = limits
    if progress is not None:
        body.progress = progress
    return body


def stored_body(content: BinaryIO) -> BodyReader:
    """A reader of a body that is stored in a file already."""
    stored = _Stored(content)
    stored.body.registerProducer(stored, False)
    return stored.body


@implementer(IPullProducer)
class _Stored:
    """Gives a stored body, block by block. It is in memory, or in a file just written."""

    def __init__(self, content: BinaryIO) -> None:
        self._content = content
        self._given = 0
        self.body = BodyReader()
        if not content.closed:
            self.body.length = content.seek(0, SEEK_END)
            content.seek(0)

    def resumeProducing(self) -> None:
        # Twisted closes the file when the request is over, its peer gone perhaps.
        if self._content.closed:
            raise UploadAborted(self._given)
        data = self._content.read(_BLOCK)
        self._given += len(data)
        if data:
            self.body.write(data)
        else:
            self.body.unregisterProducer()

    def stopProducing(self) -> None:
        """Nothing is open that is ours."""


@implementer(IPushProducer)
class ResponseBody(Protocol):
    """Delivers a response's body to ``sink``, at its pace.

    ``done`` fires when the sink is done; it fails with what broke the response
    or the sink. Cancelling it gives the response up.
    """

    def __init__(self, sink: Any) -> None:
        self.done: Deferred[None] = Deferred(self._cancelled)
        self._sink = sink
        self._failure: Failure | None = None  # why we stopped
        self._stopped = False
        self._over = False

    # The response's side ------------------------------------------------------------

    def connectionMade(self) -> None:
        """The response's transport is the producer."""
        self._sink.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        """Some bytes of the body."""
        if self._stopped:
            return
        try:
            self._sink.write(data)
        except Exception:
            self._give_up(Failure())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The body has ended, one way or another.

        A body that is ended by closing the connection may or may not be whole
        (``PotentialDataLoss``); a multipart tells by its close delimiter.
        """
        self._over = True
        if self._stopped and self._failure is None:
            self._finish(Failure(CancelledError("the sink stopped")))
        elif self._failure or not reason.check(ResponseDone, PotentialDataLoss):
            self._fail(self._failure or reason)
        else:
            self._finish(None)

    def _finish(self, failure: Failure | None) -> None:
        # A sink that stopped us has a reason, and its finish tells it.
        self._sink.unregisterProducer()
        maybeDeferred(self._sink.finish).addBoth(self._answer, failure)

    def _fail(self, failure: Failure) -> None:
        maybeDeferred(self._sink.fail, failure).addBoth(self._answer, failure)
        self._sink.unregisterProducer()

    def _answer(self, result: object, failure: Failure | None) -> None:
        broken = result if isinstance(result, Failure) else failure
        if not self.done.called:
            self.done.callback(cast("None", broken))

    def _cancelled(self, done: Deferred[None]) -> None:
        self._give_up(Failure(CancelledError("the delivery was cancelled")))

    def _give_up(self, failure: Failure) -> None:
        if not self._stopped:
            self._failure = failure
            self.stopProducing()

    # The sink's side: IPushProducer ---------------------------------------------------

    def pauseProducing(self) -> None:
        """The sink wants no more for now."""
        cast("Any", self.transport).pauseProducing()

    def resumeProducing(self) -> None:
        """The sink wants more."""
        cast("Any", self.transport).resumeProducing()

    def stopProducing(self) -> None:
        """The sink wants nothing any more. The response's connection is closed."""
        if not self._over:
            self._stopped = True
            cast("Any", self.transport).stopProducing()


def known_length(response: IResponse) -> int | None:
    """Bytes of the body of ``response`` if that was declared, else None."""
    length = getattr(response, "length", None)
    return length if isinstance(length, int) else None


def deliver_response(response: IResponse, sink: Any) -> Deferred[None]:
    """Have ``response`` deliver its body to ``sink``, an ``ISink``.

    Fires when the sink has finished; fails with what broke the response, or the
    sink, which has undone then what it did.
    """
    if not ISink.providedBy(sink):
        raise MisuseError("a response is delivered to an ISink")
    body = ResponseBody(sink)
    response.deliverBody(body)
    return body.done
