"""Onward: a body that is sent on while it comes, and whose turn it is.

::

    state    meaning                                      whose turn it is
    READY    not asked for yet                            the upstream's
    SENDING  bytes go on as they come                     the sender's
    HELD     the upstream takes no more for now           the upstream's
    SENT     all was sent                                 the upstream's
    BROKEN   the sender went away, or sent what it may    nobody's
             not; ``failure`` says which
    STOPPED  the upstream wants no more                   the upstream's

    input              READY    SENDING   HELD      SENT, BROKEN, STOPPED
    startProducing     SENDING  misuse    misuse    misuse
    pauseProducing     -        HELD      -         -
    resumeProducing    -        -         SENDING   -
    all is written     -        SENT      SENT      -
    the source breaks  -        BROKEN    BROKEN    -
    stopProducing      STOPPED  STOPPED   STOPPED   -
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.python.failure import Failure
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from txmultipart.errors import MisuseError


class State(Enum):
    """What becomes of a body that is sent on; see the tables above."""

    READY = "ready"
    SENDING = "sending"
    HELD = "held"
    SENT = "sent"
    BROKEN = "broken"
    STOPPED = "stopped"


_ACTIVE = frozenset((State.SENDING, State.HELD))
_UPSTREAMS_TURN = frozenset((State.READY, State.HELD, State.SENT, State.STOPPED))


@implementer(IBodyProducer, IPushProducer)
class Onward:
    """``body``, a producer of ours, and what becomes of it.

    ``changed`` is called with the new state after every change.
    """

    def __init__(self, body: Any, changed: Callable[[State], None]) -> None:
        self.state = State.READY
        #: What broke the sender's side, if that is how it ended.
        self.failure: Failure | None = None
        self._body = body
        self._changed = changed

    @property
    def length(self) -> Any:
        """That of the body."""
        return self._body.length

    @property
    def is_waiting_for_upstream(self) -> bool:
        """Whether it is the upstream's turn to do something."""
        return self.state in _UPSTREAMS_TURN

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Send it; see ``IBodyProducer``."""
        if self.state is not State.READY:
            raise MisuseError("a body is sent on only once")
        self._become(State.SENDING)
        done: Deferred[None] = self._body.startProducing(consumer)
        return done.addCallbacks(self._sent, self._broke)

    def pauseProducing(self) -> None:
        """The upstream takes no more."""
        if self.state is State.SENDING:
            self._become(State.HELD)
            self._body.pauseProducing()

    def resumeProducing(self) -> None:
        """It takes more."""
        if self.state is State.HELD:
            self._become(State.SENDING)
            self._body.resumeProducing()

    def stopProducing(self) -> None:
        """It wants no more. What is still to come is left to the sender's side."""
        if self.state is State.READY:
            self._become(State.STOPPED)
        elif self.state in _ACTIVE:
            self._become(State.STOPPED)
            self._body.stopProducing()

    def _sent(self, _: object) -> None:
        if self.state in _ACTIVE:
            self._become(State.SENT)

    def _broke(self, failure: Failure) -> Failure:
        if self.state in _ACTIVE:
            self.failure = failure
            self._become(State.BROKEN)
        return failure

    def _become(self, state: State) -> None:
        self.state = state
        self._changed(state)
