"""CallableSink: a sink made of a function, which may take its time over each piece."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import (
    Deferred,
    fail,
    maybeDeferred,
    succeed,
)
from twisted.python.failure import Failure

from txmultipart.body.sinks import Sink
from txmultipart.sansio.octets import octets


class CallableSink(Sink):
    """Calls ``function(data)`` for each piece, one call at a time.

    It may be an async function, or return a Deferred: until that fires, whoever
    sends is held. When a call fails, the sender is stopped, and ``finish`` fails
    with the reason. ``fail`` cancels the call that is under way.
    """

    def __init__(self, function: Callable[[bytes], object]) -> None:
        self._function = function
        self._queue: deque[bytes] = deque()
        self._call: Deferred[Any] | None = None
        self._calling = False
        self._paused = False
        self._reason: Failure | None = None
        self._finished: Deferred[None] | None = None

    def write(self, data: bytes) -> None:
        """Call the function, after the calls for what came before."""
        if type(data) is not bytes:
            data = octets(data, "a sink takes bytes")
        if self._reason is None:
            self._queue.append(data)
            self._go_on()

    def finish(self) -> Deferred[None]:
        """Fires when the last call has come to its end."""
        if self._reason is not None:
            return fail(self._reason)
        if self._call is None:
            return succeed(None)
        finished: Deferred[None] = Deferred()
        self._finished = finished
        return finished

    def fail(self, failure: Failure) -> Deferred[None]:
        """Call no more."""
        self._reason = failure
        self._queue.clear()
        if self._call is not None:
            self._call.cancel()
        return succeed(None)

    # Within -------------------------------------------------------------------------

    def _go_on(self) -> None:
        if self._calling:
            return  # called back from within; the loop below goes on
        self._calling = True
        try:
            while self._queue and self._call is None:
                call: Deferred[Any] = maybeDeferred(
                    self._function, self._queue.popleft()
                )
                self._call = call
                call.addErrback(self._broke).addCallback(self._called)
        finally:
            self._calling = False
        self._adjust()

    def _called(self, _: object) -> None:
        self._call = None
        self._go_on()

    def _broke(self, failure: Failure) -> None:
        """A call failed, or was cancelled, since the source broke."""
        self._queue.clear()
        if self._reason is None:
            self._reason = failure
            if self.producer is not None:
                self.producer.stopProducing()

    def _adjust(self) -> None:
        """Hold the sender while a call is under way; at the end, tell of it."""
        busy = self._call is not None
        if self._finished is not None and not busy:
            finished, self._finished = self._finished, None
            finished.callback(None) if self._reason is None else finished.errback(
                self._reason
            )
        elif self.producer is not None and busy != self._paused:
            self._paused = busy
            if busy:
                self.producer.pauseProducing()
            elif self._reason is None:
                self.producer.resumeProducing()
