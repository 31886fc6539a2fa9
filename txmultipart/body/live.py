"""LivePayload: content that is made while it is sent, a recording for instance.

::

    state    meaning                            write         finish  fail    close
    HELD     what is written waits for demand   keep          ENDED   FAILED  GONE
    WANTED   somebody waits for bytes           give, HELD    ENDED   FAILED  GONE
    ENDED    finish was called                  misuse        -       -       -
    FAILED   fail was called                    misuse        -       -       -
    GONE     whoever took it wants no more      drop          -       -       -

``give_up`` is as ``close``, as long as it was not opened: whoever would have taken it
has ended before its turn came, or never began.

A read that finds nothing leads from HELD to WANTED, and fires what ``write``
has returned so far: it is the demand that these wait for. Closing drops what is
kept, in every state, and fires them too.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from txmultipart.body.payload import DEFAULT_TYPE, Payload
from txmultipart.errors import MisuseError


class State(Enum):
    """What became of a live payload; see the table above."""

    HELD = "held"
    WANTED = "wanted"
    ENDED = "ended"
    FAILED = "failed"
    GONE = "gone"


_OPEN = frozenset((State.HELD, State.WANTED))


class LivePayload(Payload):
    """Content that is written from outside while the request is under way.

    Each ``write`` leaves at once, as a chunk or DATA frame of its own, unless
    the consumer is full. It can be sent once, and its length is not known
    unless ``length`` is set.

    Codings that the headers declare are flushed behind each write, so that the
    other side can decode all that was written. That costs some of what they
    save: with gzip about five bytes for each write, and what small writes have in
    common with one another is all that shrinks. base64 makes four characters of
    each three bytes, and has one or two wait for the next write.
    """

    def __init__(self, *, content_type: str | None = DEFAULT_TYPE) -> None:
        super().__init__(lambda: _LiveSource(self), content_type=content_type)
        self.state = State.HELD
        self._kept: deque[bytes] = deque()
        self._failure: Failure | None = None
        self._reader: Deferred[bytes] | None = None
        self._writers: list[Deferred[None]] = []

    @property
    def closed(self) -> bool:
        """Whether nothing that is written goes anywhere any more."""
        return self.state not in _OPEN

    def write(self, data: bytes | bytearray | memoryview) -> Deferred[None]:
        """Send ``data``; fires when more is wanted, to be waited for by whoever can wait.

        When the request has ended early, or was given up, bytes are dropped and
        the Deferred fires at once; ``closed`` tells. A request that fails before it
        begins tells nobody, unless a ``MultipartAgent`` sent it: call the writer's
        ``stopProducing`` then, or ``fail``, or this waits for ever. Raises ``MisuseError``
        after ``finish`` and ``fail``, and for what is not bytes.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise MisuseError(f"a live payload takes bytes, not {type(data).__name__}")
        if self.state in (State.ENDED, State.FAILED):
            raise MisuseError("a live payload was written to after its end")
        if self.state is State.GONE or not data:
            return succeed(None)
        taken: Deferred[None] = Deferred()
        self._writers.append(taken)
        self._kept.append(bytes(data))
        self._give()
        return taken

    def finish(self) -> None:
        """The content is complete; may be called more than once."""
        self._end(State.ENDED)

    def fail(self, failure: Failure | Exception) -> None:
        """The content cannot be completed: the request fails with ``failure``.

        What was written and is not on its way yet is dropped.
        """
        if not self.closed:
            self._failure = (
                failure if isinstance(failure, Failure) else Failure(failure)
            )
            self._kept.clear()
            self._end(State.FAILED)
            self._release()

    def give_up(self) -> None:
        """It is never sent: what was written is dropped, and who waits is let go."""
        if not self._opened:
            self._opened = True
            self._close()

    def _end(self, state: State) -> None:
        if not self.closed:
            self.state = state
            self._give()

    def _give(self) -> None:
        """Answer whoever reads."""
        reader, self._reader = self._reader, None
        if reader is not None:
            self.state = State.HELD if self.state is State.WANTED else self.state
            self._next().chainDeferred(reader)

    def _next(self) -> Deferred[bytes]:
        if self._kept:
            return succeed(self._kept.popleft())
        return fail(self._failure) if self._failure else succeed(b"")

    def _read(self) -> Deferred[bytes]:
        if self._kept or self.closed:
            return self._next()
        self.state = State.WANTED
        self._reader = reading = Deferred[bytes]()
        self._release()
        return reading

    def _release(self) -> None:
        writers, self._writers = self._writers, []
        for writer in writers:
            writer.callback(None)

    def _close(self) -> None:
        self.state = self.state if self.closed else State.GONE
        self._kept.clear()
        self._reader = None
        self._release()


class _LiveSource:
    """The one source of a live payload."""

    #: Each write is one write to the consumer.
    live = True

    def __init__(self, payload: LivePayload) -> None:
        self._payload = payload

    def read(self) -> Deferred[bytes]:
        """What was written, a write at a time."""
        return self._payload._read()

    def close(self) -> None:
        """Nobody takes any more."""
        self._payload._close()
