"""BodyProducer: an ``IBodyProducer`` that pulls pieces from a source and pushes them on.

One loop does all the writing, and looks at its state after every write: pause,
resume, stop and cancel may come at any moment, from within ``write`` or
``startProducing`` too, and twice.

::

    state      meaning                          start      pause   resume     stop
    IDLE       not started                      PRODUCING  note    forget     STOPPED
    PRODUCING  pulls and writes                 misuse     PAUSED  -          STOPPED
    PAUSED     the consumer is full             misuse     -       PRODUCING  STOPPED
    DONE       all was written: Deferred fires  PRODUCING  note    forget     -
    FAILED     a source broke: Deferred fails   PRODUCING  note    forget     -
    STOPPED    given up                         PRODUCING  note    forget     -

    event                       PRODUCING  PAUSED   all others
    the source has ended        DONE       (later)  -
    a source or consumer broke  FAILED     FAILED   -
    cancel                      STOPPED    STOPPED  -

A consumer that is full already may say so before ``startProducing``, as a push producer
has to expect once it is registered. That is noted: starting then leads to PAUSED.

``stopProducing`` never fires the Deferred, as ``IBodyProducer`` wants it;
cancelling it lets it fail with ``CancelledError``. Whichever way it ends, the
source is closed, and whoever makes a part that had no turn is told.
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
from txmultipart.body.sources import checked, is_live
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
    """A body made of what ``make_source`` gives.

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
        #: Whether the next consumer has said already that it is full.
        self._full = False

    # What a subclass says -----------------------------------------------------------

    @property
    def length(self) -> int | str:
        """Bytes of the whole body, or ``UNKNOWN_LENGTH``."""
        return UNKNOWN_LENGTH

    @property
    def replayable(self) -> bool:
        """Whether the body can be sent again from its start."""
        return False

    def make_source(self) -> Source:
        """A fresh source of the whole body. Raises what ``startProducing`` raises."""
        raise MisuseError("a body producer needs a source")

    def give_up(self) -> None:
        """Tell what is in the body and was not reached that it never will be.

        Called whenever sending has ended, and for a body that is not sent at all.
        """

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
        self._source = self.make_source()
        self._consumer = consumer
        self.state = State.PAUSED if self._full else State.PRODUCING
        self.sent, self._at_end, self._full = 0, False, False
        self._ready, self._ready_size = [], 0
        self._promised = self.length
        callback = self._callback
        self._progress = Progress(callback, self._promised) if callback else None
        done: Deferred[None] = Deferred(self._cancel)
        self._done = done
        self._loop()
        return done

    def pauseProducing(self) -> None:
        """Write nothing until resumed; before ``startProducing``: begin with that."""
        if self.state is State.PRODUCING:
            self.state = State.PAUSED
        elif self.state is not State.PAUSED:
            self._full = True

    def resumeProducing(self) -> None:
        """Go on."""
        self._full = False
        if self.state is State.PAUSED:
            self.state = State.PRODUCING
            self._loop()

    def stopProducing(self) -> None:
        """Give up: write nothing more, close what is open, never fire.

        A body that was not started can be started all the same, but for what is made
        while it is sent: that has been told.
        """
        if self.state in _ACTIVE:
            self._leave(State.STOPPED)
        elif self.state is State.IDLE:
            self.state, self._full = State.STOPPED, False
            self._let_go()

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
            piece.addCallback(checked).addCallback(self._arrived, source)
            piece.addErrback(self._broke, source)
        elif self._source is source:
            self._take(checked(piece))
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
            self._forget(State.DONE)

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
        self._forget(State.FAILED)

    def _forget(self, state: State) -> None:
        # What ends a chunked body fills a consumer too, which nobody then resumes.
        if self.state is state:
            self._full = False

    def _leave(self, state: State) -> Deferred[None]:
        """Let go of everything, exactly once."""
        done, source = self._done, self._source
        assert done is not None
        assert source is not None
        self.state, self._consumer, self._source = state, None, None
        self._reading, self._ready, self._ready_size = None, [], 0
        _close(source)
        self._let_go()
        return done

    def _let_go(self) -> None:
        try:
            self.give_up()
        except Exception:
            _log.failure("a part could not be told that it is not sent")


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

    def make_source(self) -> Source:
        return self.payload.open()

    def give_up(self) -> None:
        """Tell the content."""
        self.payload.give_up()

    def __repr__(self) -> str:
        return f"<RawBody {self.state.value}, {self.payload!r}>"

    @property
    def _current(self) -> Any:
        return self.payload
