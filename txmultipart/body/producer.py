"""BodyProducer: an ``IBodyProducer`` that pulls pieces from a source and pushes them on.

One loop does all the writing, and looks at its state after every write: pause,
resume, stop and cancel may come at any moment, from within ``write`` or
``startProducing`` too, and twice.

::

    state      meaning                          pause   resume     stop     cancel
    IDLE       not started                      -       -          -        -
    PRODUCING  pulls and writes                 PAUSED  -          STOPPED  STOPPED
    PAUSED     the consumer is full             -       PRODUCING  STOPPED  STOPPED
    DONE       all was written: Deferred fires  -       -          -        -
    FAILED     a source broke: Deferred fails   -       -          -        -
    STOPPED    given up                         -       -          -        -

``stopProducing`` never fires the Deferred, as ``IBodyProducer`` wants it;
cancelling it lets it fail with ``CancelledError``. Whichever way it ends, the
source is closed.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer

from txmultipart.body.payloads import payload_of
from txmultipart.body.progress import Progress, ProgressCallback
from txmultipart.body.sources import is_live
from txmultipart.errors import MisuseError, PayloadError
from txmultipart.interfaces import Source

#: Small pieces are written together up to this many bytes: over HTTP/1.1 every
#: write becomes a chunk of its own.
COALESCE = 32 << 10


class State(Enum):
    """What a producer does; see the table above."""

    IDLE = "idle"
    PRODUCING = "producing"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


_log = Logger()
_ACTIVE = frozenset((State.PRODUCING, State.PAUSED))


@implementer(IBodyProducer, IPushProducer)
class BodyProducer:
    """A body made of what ``_make_source`` gives.

    Define neither ``__len__`` nor ``__bool__`` in a subclass: treq drops a body
    that is not true.
    """

    def __init__(self, *, progress: ProgressCallback | None = None) -> None:
        self.state = State.IDLE
        #: Bytes written so far.
        self.sent = 0
        self._callback = progress
        self._progress: Progress | None = None
        self._promised: int | str = UNKNOWN_LENGTH
        self._consumer: Any = None
        self._source: Source | None = None
        self._done: Deferred[None] | None = None
        self._reading: Deferred[bytes] | None = None
        self._ready: list[bytes] = []
        self._ready_size = 0
        self._at_end = False
        self._looping = False

    # What a subclass says -----------------------------------------------------------

    @property
    def length(self) -> int | str:
        """Bytes of the whole body, or ``UNKNOWN_LENGTH``."""
        return UNKNOWN_LENGTH

    @property
    def replayable(self) -> bool:
        """Whether the body can be sent again from its start."""
        return False

    def _make_source(self) -> Source:
        raise MisuseError("a body producer needs a source")

    @property
    def _current(self) -> Any:
        """What is being sent, for progress."""
        return None

    # IBodyProducer ------------------------------------------------------------------

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Write the body to ``consumer``; fires when all of it was written.

        Starting again sends a replayable body from its first byte. Raises
        ``MisuseError`` while it is being sent, ``PayloadError`` if it cannot
        be sent again; fails with what broke a source.
        """
        if self.state in _ACTIVE:
            raise MisuseError("the body is being sent already")
        self._source = self._make_source()
        self._consumer = consumer
        self.state, self.sent, self._at_end = State.PRODUCING, 0, False
        self._ready, self._ready_size = [], 0
        self._promised = self.length
        callback = self._callback
        self._progress = Progress(callback, self._promised) if callback else None
        done: Deferred[None] = Deferred(self._cancel)
        self._done = done
        self._loop()
        return done

    def pauseProducing(self) -> None:
        """Write nothing until resumed."""
        if self.state is State.PRODUCING:
            self.state = State.PAUSED

    def resumeProducing(self) -> None:
        """Go on."""
        if self.state is State.PAUSED:
            self.state = State.PRODUCING
            self._loop()

    def stopProducing(self) -> None:
        """Give up: write nothing more, close what is open, never fire."""
        if self.state in _ACTIVE:
            self._leave(State.STOPPED)

    # Within -------------------------------------------------------------------------

    def _cancel(self, done: Deferred[None]) -> None:
        if done is self._done:  # and not the Deferred of an attempt before this one
            self.stopProducing()

    def _loop(self) -> None:
        """Pull and write until paused, stopped, at the end, or there is something to wait for."""
        if self._looping:
            return  # called back from within a write; the loop below goes on
        self._looping = True
        try:
            while self.state is State.PRODUCING and self._step():
                pass
        finally:
            self._looping = False

    def _step(self) -> bool:
        """Read or write once. False: nothing can be done until a read is answered."""
        source = self._source
        try:
            return self._read_or_write()
        except Exception:
            if self._source is source:  # or it is over already, or begun anew
                self._fail(Failure())
            return True

    def _read_or_write(self) -> bool:
        if self._ready_size >= COALESCE or (self._ready and self._urgent):
            self._write()
        elif self._at_end:
            self._finish()
        elif self._reading is not None:
            return False
        else:
            self._read()
        return True

    @property
    def _urgent(self) -> bool:
        """Whether no more bytes can be had at once, or each piece is to leave at once."""
        return self._at_end or self._reading is not None or is_live(self._source)

    def _read(self) -> None:
        source = self._source
        assert source is not None
        piece = source.read()
        if isinstance(piece, Deferred):
            self._reading = piece
            piece.addCallback(self._arrived, source)
            piece.addErrback(self._broke, source)
        elif self._source is source:
            self._take(piece)
        if self._source is not source:
            _close(source)  # stopped from within, when it could not close itself

    def _arrived(self, piece: bytes, source: Source) -> None:
        if self._source is source:  # and not that of an attempt before this one
            self._reading = None
            self._take(piece)
            self._loop()

    def _broke(self, failure: Failure, source: Source) -> None:
        if self._source is source:
            self._fail(failure)

    def _take(self, piece: bytes) -> None:
        if piece:
            self._ready.append(piece)
            self._ready_size += len(piece)
        else:
            self._at_end = True

    def _write(self) -> None:
        data = self._ready[0] if len(self._ready) == 1 else b"".join(self._ready)
        self._ready, self._ready_size = [], 0
        self._check_length(self.sent + len(data), over=True)
        self.sent += len(data)
        self._consumer.write(data)
        if self._progress is not None:
            self._progress.update(self.sent, self._current)

    def _finish(self) -> None:
        self._check_length(self.sent, over=False)
        if self._progress is not None:
            self._progress.finish(self.sent, self._current)
        if self.state in _ACTIVE:  # or the callback has stopped us
            done = self._leave(State.DONE)
            done.callback(None)

    def _check_length(self, sent: int, *, over: bool) -> None:
        """Never write a byte more than was promised, nor end with fewer."""
        length = self._promised
        if isinstance(length, int) and (sent > length if over else sent < length):
            word = "more" if over else "fewer"
            raise PayloadError(
                f"a body of {length} bytes was promised, and its source gave {word}",
                code="wrong-length",
            )

    def _fail(self, failure: Failure) -> None:
        done = self._leave(State.FAILED)
        done.errback(failure)

    def _leave(self, state: State) -> Deferred[None]:
        """Let go of everything, exactly once."""
        done, source = self._done, self._source
        assert done is not None
        assert source is not None
        self.state, self._consumer, self._source = state, None, None
        self._reading, self._ready, self._ready_size = None, [], 0
        _close(source)
        return done


def _close(source: Source) -> None:
    """Close ``source``; what that raises changes nothing about how it ended."""
    try:
        source.close()
    except Exception:
        _log.failure("a source could not be closed")


class RawBody(BodyProducer):
    """A body that is one payload and nothing else: a huge file by PUT, say.

    ``content`` is anything that could be a part. ``progress`` is called with
    bytes sent, bytes in all (or None) and the payload, at most ten times a second.
    """

    def __init__(
        self, content: object, *, progress: ProgressCallback | None = None
    ) -> None:
        super().__init__(progress=progress)
        self.payload = payload_of(content)

    @property
    def length(self) -> int | str:
        """Bytes of the content, or ``UNKNOWN_LENGTH``."""
        return self.payload.length

    @property
    def replayable(self) -> bool:
        """Whether the content can be sent again."""
        return self.payload.replayable

    @property
    def content_type(self) -> str | None:
        """The content's type, for a Content-Type header."""
        values = self.payload.headers.getRawHeaders("Content-Type")
        return values[0] if values else None

    def _make_source(self) -> Source:
        return self.payload.open()

    @property
    def _current(self) -> Any:
        return self.payload
