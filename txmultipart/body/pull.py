"""Runs a pull producer as if it were a push producer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.internet.task import cooperate
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(IPushProducer)
class PullToPush:
    """Asks ``producer`` for one piece per turn of the reactor, until paused.

    ``close`` when it has unregistered. ``failed`` is told what it raises; it is
    then to be closed too.
    """

    def __init__(
        self, producer: IPullProducer, failed: Callable[[Failure], object]
    ) -> None:
        self._producer = producer
        self._failed = failed
        self._paused = False
        self._task: Any = cooperate(self._steps())
        self._closed = False

    def _steps(self) -> Iterator[None]:
        while True:
            try:
                self._producer.resumeProducing()
            except Exception:
                # A task that fails is forgotten, and the consumer would wait for ever.
                self._failed(Failure())
            yield None

    def pauseProducing(self) -> None:
        """Ask for nothing until resumed."""
        if not self._paused and not self._closed:
            self._paused = True
            self._task.pause()

    def resumeProducing(self) -> None:
        """Go on asking."""
        if self._paused and not self._closed:
            self._paused = False
            self._task.resume()

    def stopProducing(self) -> None:
        """Ask no more, and tell the producer."""
        self.close()
        self._producer.stopProducing()

    def close(self) -> None:
        """The producer has nothing more to give."""
        if not self._closed:
            self._closed = True
            self._task.stop()
