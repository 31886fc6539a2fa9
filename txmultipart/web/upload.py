"""Upload: the body of one request on its way into a stream of HTTP/2.

::

    state     meaning
    WAITING   not begun: for ``100 Continue``, if the request asks for it
    SENDING   the producer writes
    SENT      all is with the stream
    STOPPED   no more of it is wanted
    FAILED    the producer broke, or wrote another length than it had said

    input               WAITING    SENDING                      any other
    begin               SENDING    -                            -
    time is up          SENDING    -                            -
    stop                STOPPED    STOPPED, the producer told   -
    pause, resume       -          to the producer, no twice    -
    bytes               -          to the stream, or FAILED     dropped
                                   if they are too many
    what is no bytes    -          TypeError to the producer    dropped
    the producer ends   -          SENT, or FAILED if too few   -
    the producer fails  -          FAILED                       -

A producer is told to stop only if it was started, and nothing after it has ended:
that is more than some can bear.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol
from weakref import WeakValueDictionary

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer

from txmultipart.errors import MisuseError
from txmultipart.web.http1 import WrongBodyLength

#: Seconds to wait for ``100 Continue``: a server may never have heard of it
#: (RFC 9110 section 10.1.1).
CONTINUE_TIME = 1.0


class Way(Protocol):
    """A stream, as far as a body goes out on it."""

    def write(self, data: bytes) -> None:
        """Some bytes of the body."""
        ...

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Hold ``producer`` back when it is quicker than the peer."""
        ...

    def unregisterProducer(self) -> None:
        """It has produced all."""
        ...

    def end(self, trailers: Any = ()) -> None:
        """That was the body."""
        ...


class Phase(Enum):
    """How far an upload has come; see the tables above."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    STOPPED = "stopped"
    FAILED = "failed"


@implementer(IConsumer, IPushProducer)
class Upload:
    """Sends what ``producer``, an ``IBodyProducer``, produces.

    A producer may have ``trailers``, a ``Headers`` that is looked at when all of the
    body is out. ``sent`` is called then; ``failed`` with why it broke.
    """

    def __init__(
        self,
        producer: Any,
        way: Way,
        *,
        sent: Callable[[], None],
        failed: Callable[[Failure], None],
    ) -> None:
        self.phase = Phase.WAITING
        #: Whether the producer was started: only some can be started again.
        self.begun = False
        #: Bytes that were given to the stream.
        self.written = 0
        #: Another upload may take the producer over: this one has been answered.
        self.yields: Callable[[], None] | None = None
        self._producer = producer
        self._way = way
        self._sent, self._failed = sent, failed
        self._length = length_of(producer)
        self._left = self._length
        self._paused = False
        self._timer: Any = None

    @property
    def is_over(self) -> bool:
        """Whether no more bytes come from the producer."""
        return self.phase not in (Phase.WAITING, Phase.SENDING)

    # When it begins ---------------------------------------------------------------

    def wait(self, clock: Any) -> None:
        """Begin when the server says ``100 Continue``, or after some time."""
        self._timer = clock.callLater(CONTINUE_TIME, self.begin)

    def begin(self) -> None:
        """Start the producer, if that was not done yet."""
        if self.phase is not Phase.WAITING:
            return
        self._stop_timer()
        self.phase, self.begun = Phase.SENDING, True
        self._take_over()
        self._way.registerProducer(self, True)
        if self.phase is Phase.SENDING:  # the stream may be gone
            done = maybeDeferred(self._producer.startProducing, self)
            done.addCallbacks(self._produced, self._broke)

    def _take_over(self) -> None:
        # Whoever is answered with 401, and asks again with the same body, may do so
        # while the first request still sends it.
        other = _sending.get(id(self._producer))
        if other is not None and other.yields and not other.is_over:
            other.yields()
        _sending[id(self._producer)] = self

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    # The producer's side: IConsumer -------------------------------------------------

    def write(self, data: bytes) -> None:
        """Some bytes; ``TypeError`` for what is none.

        Of a buffer that its owner may write to again a copy is taken.
        """
        if self.phase is not Phase.SENDING:
            return
        if not isinstance(data, bytes):
            data = bytes(memoryview(data))
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0:
                self._fail(Failure(WrongBodyLength("too many bytes written")))
                return
        self.written += len(data)
        self._way.write(data)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """A body producer is held back without asking for it."""

    def unregisterProducer(self) -> None:
        """It ends by its Deferred."""

    def _produced(self, _: object) -> None:
        if self.phase is not Phase.SENDING:
            return
        if self._left:
            self._fail(Failure(WrongBodyLength("too few bytes written")))
            return
        self.phase = Phase.SENT
        try:
            self._way.unregisterProducer()
            self._way.end(self._trailers())
        except Exception:
            self.phase = Phase.FAILED
            self._failed(Failure())
        else:
            self._sent()

    def _trailers(self) -> list[tuple[bytes, bytes]]:
        trailers = getattr(self._producer, "trailers", None)
        fields = trailers.getAllRawHeaders() if trailers is not None else ()
        return [(name, value) for name, values in fields for value in values]

    def _broke(self, failure: Failure) -> None:
        if self.phase is Phase.SENDING:
            self.phase = Phase.FAILED
            self._way.unregisterProducer()
            self._failed(failure)

    def _fail(self, failure: Failure) -> None:
        self.phase = Phase.FAILED
        self._way.unregisterProducer()
        self._end_producer()
        self._failed(failure)

    # The stream's side: IPushProducer -----------------------------------------------

    def pauseProducing(self) -> None:
        """The stream takes no more."""
        if self.phase is Phase.SENDING and not self._paused:
            self._paused = True
            self._tell(self._producer.pauseProducing)

    def resumeProducing(self) -> None:
        """It takes more."""
        if self.phase is Phase.SENDING and self._paused:
            self._paused = False
            self._tell(self._producer.resumeProducing)

    def stopProducing(self) -> None:
        """It takes nothing any more."""
        self.stop()

    def stop(self) -> None:
        """No more of the body is wanted. That is no failure."""
        self._stop_timer()
        if self.phase is Phase.WAITING:
            self.phase = Phase.STOPPED
        elif self.phase is Phase.SENDING:
            self.phase = Phase.STOPPED
            self._way.unregisterProducer()
            self._end_producer()

    def _tell(self, call: Callable[[], object]) -> None:
        try:
            call()
        except Exception:
            if self.phase is Phase.SENDING:
                self._fail(Failure())

    def _end_producer(self) -> None:
        # What it raises now is nobody's business any more.
        maybeDeferred(self._producer.stopProducing).addErrback(lambda _: None)


#: By the id of its producer: whose upload it is.
_sending: WeakValueDictionary[int, Upload] = WeakValueDictionary()


def length_of(producer: Any) -> int | None:
    """What ``producer`` says that it will write; None if it does not say it.

    ``MisuseError`` if it is no producer, or says what no length can be.
    """
    length = getattr(producer, "length", None)
    if length is UNKNOWN_LENGTH:
        return None
    if isinstance(length, int) and length >= 0:
        return length
    kind = type(producer).__name__
    raise MisuseError(
        "a body is an IBodyProducer, whose length is a whole number or UNKNOWN_LENGTH; "
        + (
            f"{length!r} is neither"
            if hasattr(producer, "length")
            else f"{kind} is none"
        )
    )
