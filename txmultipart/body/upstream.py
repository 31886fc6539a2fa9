"""Upstream: whoever produces the bytes of a stream, a reader or a sink.

::

    state      meaning                          connect  adjust         stop       release
    FREE       nobody produces, or no longer    RUNNING  -              -          -
    RUNNING    it believes that it may produce  misuse   pause, PAUSED  → STOPPED  → FREE
    PAUSED     it was told to wait              misuse   resume,        → STOPPED  → FREE
                                                         RUNNING
    STOPPED    it was told that nothing is      misuse   -              -          → FREE
               wanted any more
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from twisted.python.failure import Failure

from txmultipart.body.pull import PullToPush
from txmultipart.errors import MisuseError


class State(Enum):
    """What a producer was told last; see the table above."""

    FREE = "free"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


class Upstream:
    """Lets a producer, of either kind, run only while its bytes are wanted."""

    def __init__(self, consumer: str) -> None:
        self.state = State.FREE
        self._consumer = consumer
        self._producer: Any = None

    def connect(
        self, producer: Any, streaming: bool, failed: Callable[[Failure], object]
    ) -> None:
        """``producer`` begins; ``failed`` is told what a pull producer raises.

        Raises ``MisuseError`` if there is one already.
        """
        if self.state is not State.FREE:
            raise MisuseError(f"{self._consumer} from one producer")
        self._producer = as_push(producer, streaming, failed)
        self.state = State.RUNNING

    def release(self) -> Any:
        """It is over: the producer is told nothing any more.

        Gives the producer if it may still have to be stopped, else None.
        """
        producer, self._producer = self._producer, None
        stopped = self.state is State.STOPPED
        self.state = State.FREE
        closed(producer)
        return None if stopped else producer

    def stop(self) -> None:
        """Nothing is wanted any more."""
        if self.state in (State.RUNNING, State.PAUSED):
            self.state = State.STOPPED
            self._producer.stopProducing()

    def adjust(self, wanted: bool, *, again: bool = False) -> None:
        """Let the producer run if, and only if, bytes are ``wanted``.

        With ``again`` a pause is repeated: bytes came in spite of it, so the
        producer may have been resumed by somebody else.
        """
        running = self.state is State.RUNNING
        # One that was stopped is let be: a pause could keep it from closing.
        if not running and self.state is not State.PAUSED:
            return
        if wanted and not running:
            self.state = State.RUNNING
            self._producer.resumeProducing()
        elif not wanted and (running or again):
            self.state = State.PAUSED
            self._producer.pauseProducing()


def as_push(producer: Any, streaming: bool, failed: Callable[[Failure], object]) -> Any:
    """``producer``, or what makes a push producer of it; ``closed`` is told of that."""
    return producer if streaming else PullToPush(producer, failed)


def closed(producer: Any) -> None:
    """``producer`` has unregistered: if it was pulled, nobody does any more."""
    if isinstance(producer, PullToPush):
        producer.close()
