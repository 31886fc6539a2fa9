"""ByteStream: bytes that arrive by themselves, handed on only when somebody wants them.

Every incoming body and part is one. Upstream it is an ``IConsumer``,
downstream it is read chunk by chunk or, as an ``IPushProducer``, written to
another consumer. The upstream producer runs only while there is demand.

::

    state    meaning                       demand
    IDLE     nobody waits                  no
    WAITING  a Deferred waits for a chunk  yes
    FLOWING  bytes go to a consumer        yes
    HELD     that consumer has paused us   no
    OVER     all was taken, or it failed   no

    input            IDLE      WAITING      FLOWING      HELD         OVER
    write            keep      give, IDLE   pass on      keep         drop
    end              note      give, OVER   give, OVER   note         -
    fail             note      give, OVER   give, OVER   give, OVER*  -
    read_chunk       WAITING   misuse       misuse       misuse       end again
    write_to         FLOWING   misuse       misuse       misuse       misuse**
    cancel           -         IDLE         IDLE         IDLE         -
    pauseProducing   -         -            HELD         -            -
    resumeProducing  -         -            -            FLOWING      -
    stopProducing    -         -            IDLE         IDLE         -

A "kept" chunk is one that came although the producer was told to pause; there
is never more than one read of the transport of them. A noted end or failure
comes after the kept bytes. (*) If there are any; else a consumer that has paused
is told at once: it may be waiting for something that is wanted no more.
(**) Bytes that were handed out are not there any more, and none is not all there
was. After a failure: FLOWING, and at once OVER again, with that.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from txmultipart.body.upstream import Upstream
from txmultipart.body.writing import Writing, as_cancelled
from txmultipart.errors import MisuseError
from txmultipart.interfaces import ISink


class State(Enum):
    """What a stream is doing; see the table above."""

    IDLE = "idle"
    WAITING = "waiting"
    FLOWING = "flowing"
    HELD = "held"
    OVER = "over"


_DEMAND = frozenset((State.WAITING, State.FLOWING))


@implementer(ISink, IPushProducer)
class ByteStream:
    """A stream of bytes that is read on demand.

    One reader at a time: a second one raises ``MisuseError`` at the call, and so
    does reading all of it when its end was handed out before. ``state`` is what it does,
    and ``taken`` how many bytes were handed on.
    """

    #: What it is called in messages.
    _kind = "stream"

    def __init__(self) -> None:
        self.state = State.IDLE
        #: Bytes handed on so far.
        self.taken = 0
        self._kept: deque[bytes] = deque()
        self._upstream = Upstream(f"a {self._kind} takes bytes")
        self._ended = False
        self._failure: Failure | None = None
        self._waiting: Deferred[bytes] | None = None
        self._writing: Writing | None = None
        self._passing = False

    # Upstream: IConsumer and ISink ------------------------------------------------

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Take bytes from ``producer``; it is paused at once unless somebody waits."""
        self._upstream.connect(producer, streaming, self.fail)
        self._adjust()

    def write(self, data: bytes) -> None:
        """The next bytes have come."""
        if self.state is State.OVER or not data:
            return
        self._kept.append(data)
        self._pass_on()
        self._adjust(again=True)

    def unregisterProducer(self) -> None:
        """The input has ended."""
        self._end(None)

    def finish(self) -> Deferred[None]:
        """Nothing is left to be done; see ``ISink``."""
        return succeed(None)

    def fail(self, failure: Failure) -> Deferred[None]:
        """The source broke: whoever reads is told, after the bytes that came before."""
        self._end(failure)
        return succeed(None)

    def _end(self, failure: Failure | None) -> None:
        self._upstream.release()
        if not self._ended:
            self._ended, self._failure = True, failure
            self._pass_on()

    # Reading ----------------------------------------------------------------------

    def read_chunk(self) -> Deferred[bytes]:
        """The next bytes, as they come; ``b""`` at the end and ever after.

        Fails with what broke the source. Cancelling it loses no bytes.
        """
        self._check_free()
        if self._kept:
            return succeed(self._take())
        if self._ended:
            self.state = State.OVER
            return fail(self._failure) if self._failure else succeed(b"")
        self.state = State.WAITING
        waiting: Deferred[bytes] = Deferred(self._cancel_wait)
        self._waiting = waiting
        self._adjust()
        return waiting

    def __aiter__(self) -> ByteStream:
        return self

    async def __anext__(self) -> bytes:
        # No Deferred, and no turn of the reactor, for what is here already.
        if self._kept and self.state is State.IDLE:
            return self._take()
        chunk = await self.read_chunk()
        if not chunk:
            raise StopAsyncIteration
        return chunk

    def write_to(self, consumer: IConsumer) -> Deferred[int]:
        """Write all that is left to ``consumer``; fires with the number of bytes.

        The consumer's ``pauseProducing`` reaches the source. When the bytes are
        over it is unregistered from; an ``ISink`` also finishes, or fails,
        before the Deferred fires. What ``consumer.write`` raises fails the
        Deferred and leaves the rest unread; so does its ``stopProducing``,
        with ``CancelledError``. What ``registerProducer`` raises is raised, and so
        is ``MisuseError`` if the end was handed out already, or if ``consumer`` is
        none.
        """
        self._check_unread()
        _check_consumer(consumer)
        writing = Writing(consumer, self, self._give_up)
        self.state, self._writing = State.FLOWING, writing
        try:
            consumer.registerProducer(writing, True)
        except Exception:
            self.state, self._writing = State.IDLE, None
            self._adjust()
            raise
        self._pass_on()
        self._adjust()
        return writing.done

    def _check_unread(self) -> None:
        """Raise ``MisuseError`` if all that is left cannot be read.

        Somebody reads it, or has had its end already. After a failure it can be: that
        is told again.
        """
        self._check_free()
        if self.state is State.OVER and self._failure is None:
            raise MisuseError(f"the {self._kind} was read to its end already")

    def _check_free(self) -> None:
        if self.state not in (State.IDLE, State.OVER):
            state = self.state.value
            raise MisuseError(f"the {self._kind} is being read already ({state})")

    # Downstream: IPushProducer ----------------------------------------------------

    def pauseProducing(self) -> None:
        """The consumer wants no more for now."""
        if self.state is State.FLOWING:
            self.state = State.HELD
            self._adjust()

    def resumeProducing(self) -> None:
        """The consumer wants more."""
        if self.state is State.HELD:
            self.state = State.FLOWING
            self._pass_on()
            self._adjust()

    def stopProducing(self) -> None:
        """The consumer is to have no more; what is left can still be read.

        A sink undoes what it did: what it has is not the whole.
        """
        if self.state in (State.FLOWING, State.HELD):
            self._done(Failure(CancelledError("the stream was stopped")))

    # Within -----------------------------------------------------------------------

    def _take(self) -> bytes:
        data = self._kept.popleft()
        self.taken += len(data)
        return data

    def _pass_on(self) -> None:
        """Give away what is kept, and then the end, as far as somebody wants them."""
        if self._passing:
            return  # a consumer called back from within; the loop below goes on
        self._passing = True
        try:
            while self._can_give:
                if self._kept:
                    self._give(self._take())
                else:
                    self._give_end()
        finally:
            self._passing = False

    @property
    def _can_give(self) -> bool:
        if self.state in _DEMAND:
            return bool(self._kept) or self._ended
        failed = self._failure is not None and not self._kept
        return failed and self.state is State.HELD

    def _give(self, data: bytes) -> None:
        if self._waiting is not None:
            self._answer(lambda waiting: waiting.callback(data), State.IDLE)
            return
        writing = self._writing
        assert writing is not None
        try:
            writing.write(data)
        except Exception:
            if self._writing is writing:  # or it has stopped us as well
                self._done(Failure())

    def _give_end(self) -> None:
        failure = self._failure
        if self._waiting is None:
            self._done(failure, over=True)
        elif failure is None:
            self._answer(lambda waiting: waiting.callback(b""), State.OVER)
        else:
            self._answer(lambda waiting: waiting.errback(failure), State.OVER)

    def _answer(self, answer: Callable[[Deferred[bytes]], None], state: State) -> None:
        waiting, self._waiting, self.state = self._waiting, None, state
        assert waiting is not None
        answer(waiting)

    def _cancel_wait(self, waiting: Deferred[bytes]) -> None:
        if self._waiting is waiting:
            self._waiting, self.state = None, State.IDLE
            self._adjust()

    def _give_up(self, stopped: bool) -> None:
        """The consumer has stopped, or its writing was cancelled."""
        if stopped:
            self._done(Failure(CancelledError("the consumer stopped")), stopped=True)
            return
        # A failure that waits behind kept bytes is why, perhaps; it is known already.
        known = as_cancelled(self._failure) if self._failure else None
        self._done(known or Failure(CancelledError("writing was cancelled")))

    def _done(
        self, failure: Failure | None, *, over: bool = False, stopped: bool = False
    ) -> None:
        """The consumer has had its last byte."""
        writing = self._writing
        assert writing is not None
        self._writing, self.state = None, State.OVER if over else State.IDLE
        # First: the producer may call back and cancel, and the end is known already.
        writing.close(failure, stopped=stopped)
        self._adjust()

    def _adjust(self, *, again: bool = False) -> None:
        self._upstream.adjust(self.state in _DEMAND, again=again)


def take_kept(stream: ByteStream) -> list[bytes]:
    """The bytes that have come and were not handed on, to be handled elsewhere.

    For whoever makes something else of a stream that nobody reads. Raises
    ``MisuseError`` if somebody does.
    """
    stream._check_free()
    return [stream._take() for _ in range(len(stream._kept))]


def _check_consumer(consumer: object) -> None:
    """Whoever passes a file, a function or a class is told what to pass."""
    if isinstance(consumer, type) or not hasattr(consumer, "registerProducer"):
        raise MisuseError(
            f"write_to takes an IConsumer, not {named_kind(consumer)}; "
            "for a file use save(path), for a function a CallableSink"
        )


def named_kind(thing: object) -> str:
    """What ``thing`` is, for a message."""
    if isinstance(thing, type):
        return f"the class {thing.__name__}"
    return type(thing).__name__
