"""Sinks: consumers that keep what they are given, in memory, as a digest, or twice."""

from __future__ import annotations

import hashlib
from typing import Any

from twisted.internet.defer import (
    CancelledError,
    Deferred,
    gatherResults,
    maybeDeferred,
    succeed,
)
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txmultipart.body.pieces import Pieces
from txmultipart.body.upstream import as_push, closed
from txmultipart.errors import LimitExceeded, MisuseError
from txmultipart.interfaces import ISink

_log = Logger()


@implementer(ISink)
class Sink:
    """A sink that has nothing to wait for: subclass it and write ``write``."""

    producer: Any = None

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Remember where bytes come from, and ask for them if nobody else does.

        ``producer`` is always one that pushes from then on. What one that is pulled
        raises is given to ``fail``.
        """
        if self.producer is not None:
            raise MisuseError("a sink takes bytes from one producer")
        self.producer = as_push(producer, streaming, self._pull_failed)

    def _pull_failed(self, failure: Failure) -> None:
        self.fail(failure)
        self.unregisterProducer()

    def unregisterProducer(self) -> None:
        """No more bytes will come."""
        producer, self.producer = self.producer, None
        closed(producer)

    def write(self, data: bytes) -> None:
        """Take some bytes."""
        raise MisuseError("a sink needs a write method")

    def finish(self) -> Deferred[None]:
        """All is safe already."""
        return succeed(None)

    def fail(self, failure: Failure) -> Deferred[None]:
        """There is nothing to undo."""
        return succeed(None)


class DiscardSink(Sink):
    """Counts the bytes and drops them."""

    def __init__(self) -> None:
        #: Bytes taken so far.
        self.size = 0

    @property
    def count(self) -> int:
        """The same as ``size``."""
        return self.size

    def write(self, data: bytes) -> None:
        """Count some bytes."""
        self.size += len(data)


class MemorySink(Sink):
    """Keeps at most ``max_size`` bytes in memory.

    More make ``write`` raise ``LimitExceeded`` with ``limit`` as its name: what
    is kept is never a part passed off as the whole.
    """

    def __init__(self, max_size: int, *, limit: str = "max_field_size") -> None:
        self.max_size = max_size
        self._limit = limit
        self._pieces = Pieces()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Keep some bytes."""
        self._size += len(data)
        if self._size > self.max_size:
            self._pieces.take()
            raise LimitExceeded(self._limit, self.max_size, offset=self.max_size)
        self._pieces.append(data)

    def getvalue(self) -> bytes:
        """All that was written; nothing if the source broke."""
        return self._pieces.joined()

    def fail(self, failure: Failure) -> Deferred[None]:
        """Keep nothing: the failure, and with it we, may live for a while."""
        self._pieces.take()
        return succeed(None)


class LimitSink(Sink):
    """Keeps nothing, and raises ``LimitExceeded`` for more than ``max_size`` bytes.

    First in a ``TeeSink``, it bounds what the others get.
    """

    def __init__(self, max_size: int, *, limit: str) -> None:
        self._bound = self._left = max_size
        self._limit = limit

    def write(self, data: bytes) -> None:
        """Count some bytes."""
        self._left -= len(data)
        if self._left < 0:
            raise LimitExceeded(self._limit, self._bound, offset=self._bound)


class HashSink(Sink):
    """Computes a digest: ``algorithm`` is a name that hashlib knows.

    ``ValueError`` for another one.
    """

    def __init__(self, algorithm: str = "sha256") -> None:
        self._hash = hashlib.new(algorithm)
        #: Bytes taken so far.
        self.size = 0

    def write(self, data: bytes) -> None:
        """Add some bytes to the digest."""
        self._hash.update(data)
        self.size += len(data)

    def digest(self) -> bytes:
        """The digest so far."""
        return self._hash.digest()

    def hexdigest(self) -> str:
        """The digest so far, in hexadecimal."""
        return self._hash.hexdigest()


@implementer(IPushProducer)
class _Branch:
    """What one consumer of a tee sees as its producer."""

    def __init__(self, tee: TeeSink, consumer: Any) -> None:
        self.tee = tee
        self.consumer = consumer
        self.paused = False
        self.stopped = False

    def pauseProducing(self) -> None:
        self.paused = True
        self.tee.adjust()

    def resumeProducing(self) -> None:
        self.paused = False
        self.tee.adjust()

    def stopProducing(self) -> None:
        self.stopped = True
        if self.tee.producer is not None:
            self.tee.producer.stopProducing()


class TeeSink(Sink):
    """Gives the same bytes to several consumers, at the pace of the slowest.

    If one of them fails or stops, all do.
    """

    def __init__(self, *consumers: IConsumer) -> None:
        self._branches = [_Branch(self, consumer) for consumer in consumers]
        self._paused = False
        self._over = False

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Begin to pass bytes on. If a consumer will not have them, none has."""
        super().registerProducer(producer, streaming)
        for number, branch in enumerate(self._branches):
            if self._over:
                break  # one of them stopped at once
            try:
                branch.consumer.registerProducer(branch, True)
            except Exception:
                self._take_back(self._branches[:number], Failure())
                raise

    def _take_back(self, branches: list[_Branch], failure: Failure) -> None:
        super().unregisterProducer()
        for sink in _sinks(branches):
            _undone(sink, failure)
        for branch in branches:
            branch.consumer.unregisterProducer()

    def unregisterProducer(self) -> None:
        """Pass the end on."""
        super().unregisterProducer()
        self._over = True
        for branch in self._branches:
            branch.consumer.unregisterProducer()

    def write(self, data: bytes) -> None:
        """Give ``data`` to each consumer."""
        for branch in self._branches:
            if not self._over:  # the one before may have stopped us
                branch.consumer.write(data)

    def adjust(self) -> None:
        """Pause or resume the producer if that is what all consumers together want."""
        paused = any(branch.paused for branch in self._branches)
        if paused == self._paused or self.producer is None:
            return
        self._paused = paused
        if paused:
            self.producer.pauseProducing()
        else:
            self.producer.resumeProducing()

    def finish(self) -> Deferred[None]:
        """Fires when every sink among the consumers has finished.

        If one fails, or has stopped before the end, the others are told to undo,
        and the failure is passed on.
        """
        return Deferred.fromCoroutine(self._finish())

    async def _finish(self) -> None:
        stopped = [branch for branch in self._branches if branch.stopped]
        failures: list[Failure] = []
        # Only those that stopped know a reason; what the others have is not the whole.
        sinks = _sinks(stopped or self._branches)
        # Somebody else's may raise: the others have to come to their end all the same.
        results: list[Deferred[Any]] = [maybeDeferred(sink.finish) for sink in sinks]
        for result in results:
            try:
                await result
            except Exception:
                failures.append(Failure())
        if stopped:
            failures.append(Failure(CancelledError("a consumer stopped")))
        if failures:
            await self.fail(failures[0])
            failures[0].raiseException()

    def fail(self, failure: Failure) -> Deferred[None]:
        """Tell every sink among the consumers to undo."""
        undone: Deferred[Any] = gatherResults(
            [_undone(sink, failure) for sink in _sinks(self._branches)]
        )
        return undone.addCallback(lambda _: None)


def _undone(sink: Any, failure: Failure) -> Deferred[Any]:
    """Fires when ``sink`` has undone what it did, well or badly."""
    undone: Deferred[Any] = maybeDeferred(sink.fail, failure)
    return undone.addErrback(lambda reason: _log.failure("a sink broke", reason))


def _sinks(branches: list[_Branch]) -> list[Any]:
    sinks = [ISink(branch.consumer, None) for branch in branches]
    return [sink for sink in sinks if sink is not None]
