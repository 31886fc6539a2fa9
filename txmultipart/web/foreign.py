"""ForeignProducer: somebody else's body, as a producer that bears what a transport does.

::

    state     pause    resume   stop    start
    waiting   note     forget   -       running; paused at once if that was noted
    running   paused   -        told    -
    paused    -        running  told    -

A transport may pause whom it has registered before ``startProducing``, and resume whom
it has not paused. Twisted's ``FileBodyProducer`` raises then.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer


@implementer(IPushProducer)
class ForeignProducer:
    """Tells ``producer`` what it can bear, when it can bear it."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._started = False
        self._paused = False

    def startProducing(self, consumer: Any) -> Deferred[Any]:
        """Start it; fires when it has written all, fails with what it raises too."""
        noted, self._started = self._paused, True
        done: Deferred[Any] = maybeDeferred(self._producer.startProducing, consumer)
        if noted and self._paused and not done.called:
            self._producer.pauseProducing()
        return done

    def pauseProducing(self) -> None:
        """The transport is full."""
        if not self._paused:
            self._paused = True
            if self._started:
                self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        """It takes more."""
        if self._paused:
            self._paused = False
            if self._started:
                self._producer.resumeProducing()

    def stopProducing(self) -> None:
        """It takes nothing any more."""
        if self._started:
            self._producer.stopProducing()
