"""Writing: one consumer, from its registration to the outcome of having written to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from txmultipart.errors import UploadAborted
from txmultipart.interfaces import ISink


@implementer(IPushProducer)
class Writing:
    """Writes to ``consumer``, and lets ``done`` fire when that has come to its end.

    It is the consumer's producer, and passes on to ``stream`` what that wants. Nobody
    else has it: when it is stopped, the consumer has a reason.

    ``give_up(stopped)`` is called when the consumer stops, or when ``done`` is
    cancelled while bytes may still come. When the end is known and the consumer is
    still busy with it, cancelling is to wait no longer: a failure that is known is
    told all the same.
    """

    def __init__(
        self, consumer: Any, stream: IPushProducer, give_up: Callable[[bool], None]
    ) -> None:
        self.consumer = consumer
        self.count = 0
        self.done: Deferred[int] = Deferred(self._cancelled)
        self._stream = stream
        self._give_up = give_up
        self._closing = False
        self._failure: Failure | None = None

    def write(self, data: bytes) -> None:
        """Give the consumer some bytes."""
        self.count += len(data)
        self.consumer.write(data)

    def close(self, failure: Failure | None, *, stopped: bool) -> None:
        """The consumer has had its last byte.

        A sink that stopped us has a reason, which its ``finish`` tells.
        """
        self._closing = True
        told = None if stopped else failure
        self._failure = told
        closed = maybeDeferred(_close, self.consumer, told)
        closed.addBoth(self._answer, failure)

    def _answer(self, result: object, failure: Failure | None) -> None:
        broken = result if isinstance(result, Failure) else failure
        if not self.done.called:  # it may have been cancelled meanwhile
            self.done.callback(self.count if broken is None else broken)

    def _cancelled(self, done: Deferred[int]) -> None:
        if not self._closing:
            self._give_up(False)
        elif self._failure is not None:
            # Frameworks cancel a handler whose peer has gone; it should hear of that.
            done.errback(as_cancelled(self._failure))

    # The consumer's side: IPushProducer -----------------------------------------------

    def pauseProducing(self) -> None:
        """The consumer wants no more for now."""
        if not self._closing:
            self._stream.pauseProducing()

    def resumeProducing(self) -> None:
        """The consumer wants more."""
        if not self._closing:
            self._stream.resumeProducing()

    def stopProducing(self) -> None:
        """The consumer wants nothing any more."""
        if not self._closing:
            self._give_up(True)


class UploadCancelled(UploadAborted, CancelledError):
    """The peer went away, and whoever waited for the outcome was cancelled for that.

    Frameworks log what else a handler that they have cancelled fails with.
    """


def as_cancelled(failure: Failure) -> Failure:
    """What broke the source, for whoever was cancelled before it could be told."""
    error = failure.value
    if not isinstance(error, UploadAborted):
        return failure
    return Failure(UploadCancelled(error.received, error.reason))


def _close(consumer: Any, failure: Failure | None) -> Deferred[None]:
    """Tell ``consumer`` that it has had all, and let a sink come to its end."""
    sink = ISink(consumer, None)
    if sink is not None and failure is not None:
        # First: a stream or a reader takes the end for that of the whole.
        undone = sink.fail(failure)
        consumer.unregisterProducer()
        return undone
    consumer.unregisterProducer()
    return succeed(None) if sink is None else sink.finish()
