"""Handout: the lower half of a reader. It hands out parts, and the bytes of each.

::

    state     meaning                           next_part      PartBegin  PartData  PartEnd
    BETWEEN   no part is open                   wait           → OPEN *   -         -
    DECIDING  what becomes of a part is asked   wait           (held)     (held)    (held)
    OPEN      a part's bytes come               skip, wait     -          to part   → BETWEEN
    SKIPPED   the rest of a part is not wanted  wait           -          drop      → BETWEEN
    OVER      no more parts, or an error        None, or it    -          -         -

    * with ``decide``: → DECIDING, and from there, when it has answered:
    ``Accept`` → OPEN, ``Skip`` → SKIPPED, ``Reject`` and any error → OVER

    state     end, error in the body       fail                  close
    DECIDING  (held)                       cancel it, → OVER     cancel it, → OVER
    OVER      -                            -                     -
    others    → OVER **, tell the part     → OVER **, the same   → OVER, the same
              and whoever waits

    ** when somebody wants what is behind the parts that came whole
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from txmultipart.body.charsets import CharsetField
from txmultipart.body.closing import Closing
from txmultipart.body.decision import Accept, Decide, Decision, Reject, ask
from txmultipart.body.intake import Intake
from txmultipart.body.part import BodyPart
from txmultipart.body.progress import ProgressCallback
from txmultipart.errors import LimitExceeded, MisuseError
from txmultipart.limits import Limits
from txmultipart.sansio.events import EndOfMultipart, PartBegin, PartData, PartEnd
from txmultipart.sansio.headers import PartHeaders
from txmultipart.sansio.parser import MultipartParser


class State(Enum):
    """Where a reader is among the parts; see the table above."""

    BETWEEN = "between"
    DECIDING = "deciding"
    OPEN = "open"
    SKIPPED = "skipped"
    OVER = "over"


class _Accepted(NamedTuple):
    """Stands where a part began: it is to be handed out to whoever asks next."""

    headers: PartHeaders
    limits: Limits


@implementer(IPushProducer)
class _PartProducer:
    """What a part sees of its reader."""

    def __init__(self, handout: Handout) -> None:
        self._handout = handout

    def pauseProducing(self) -> None:
        """The part's reader wants no more for now."""
        self._handout._want_bytes(False)

    def resumeProducing(self) -> None:
        """The part's reader wants bytes."""
        self._handout._want_bytes(True)

    def stopProducing(self) -> None:
        """The part is wanted no more; the next one may be."""
        self._handout._want_bytes(False)


class Handout(Closing, Intake):
    """Hands out parts to whoever asks for the next one."""

    def __init__(
        self,
        parser: MultipartParser,
        limits: Limits,
        decide: Decide | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        super().__init__(parser, progress)
        self.state = State.BETWEEN
        #: Those of each part, unless it is decided otherwise.
        self.limits = limits
        self._decide = decide
        self._deciding: Deferred[Decision] | None = None
        self._given_up: Failure | None = None
        self._shut = False  # by ``close``
        self._charset = CharsetField()
        #: The number of the current part, counted from 1.
        self.number = 0
        self._part: BodyPart | None = None
        self._part_wants = False
        self._room = 0  # bytes that the part may still have
        self._waiting: Deferred[BodyPart | None] | None = None
        self._closed = False  # the close delimiter was met
        self._handing = False

    def _make_part(self, headers: PartHeaders, limits: Limits) -> BodyPart:
        raise NotImplementedError

    def next_part(self) -> Deferred[BodyPart | None]:
        """The next part, once its headers are here; None when there is no more.

        What is left of the part before is skipped. Fails with what is wrong
        with the body: ``MalformedMultipart``, ``LimitExceeded``,
        ``PartRejected``, ``UploadAborted`` or whatever broke the source.
        """
        if self._waiting is not None:
            raise MisuseError("somebody waits for the next part already")
        waiting: Deferred[BodyPart | None] = Deferred(self._cancel_wait)
        self._waiting = waiting
        if self.state is State.OPEN:
            self._skip()
        self._hand_out()
        self._adjust()
        return waiting

    def _skip(self) -> None:
        part = self._leave_part(State.SKIPPED)
        assert part is not None
        part._skip()

    def _cancel_wait(self, waiting: Deferred[BodyPart | None]) -> None:
        if self._waiting is waiting:
            self._waiting = None
            self._adjust()

    def _want_bytes(self, wanted: bool) -> None:
        """Whoever reads the current part wants bytes of it, or none for now."""
        self._part_wants = wanted
        if wanted:
            self._hand_out()
        self._adjust()

    # Handing out ------------------------------------------------------------------------

    @property
    def _wanted(self) -> bool:
        asked = self._waiting is not None or self._part_wants
        return asked and self.state is not State.DECIDING

    @property
    def _wants_more(self) -> bool:
        # Behind the close delimiter bytes are only looked at, so let them come.
        return self._failure is None and (self._wanted or self._closed)

    @property
    def _current(self) -> BodyPart | None:
        return self._part

    def _adjust(self, *, again: bool = False) -> None:
        if not self._handing:  # which looks here afterwards
            super()._adjust(again=again)

    def _hand_out(self) -> None:
        """Hand out what is queued, and then the end, as far as somebody wants it."""
        if self._handing:
            return  # called back from within; the loop below goes on
        self._handing = True
        try:
            while self._wanted and self._events:
                self._handle(self._events.popleft())
            if not self._events and self.state is not State.DECIDING:
                self._hand_out_end()
        finally:
            self._handing = False

    def _handle(self, event: object) -> None:
        if isinstance(event, PartData):
            self._give(event.data)
        elif isinstance(event, PartBegin):
            self._begin(event.headers)
        elif isinstance(event, _Accepted):
            self._open(event)
        elif isinstance(event, PartEnd):
            self._end()
        elif isinstance(event, EndOfMultipart):
            self._closed = True

    def _begin(self, headers: PartHeaders) -> None:
        self.number += 1
        self._charset.begin(headers)
        if self._decide is None:
            self._open(_Accepted(headers, self.limits))
            return
        self.state = State.DECIDING
        self._deciding = deciding = ask(self._decide, headers)
        deciding.addCallback(self._decided, headers).addErrback(self._break)

    def _decided(self, decision: Decision, headers: PartHeaders) -> None:
        self._deciding = None
        if self._shut:
            raise _was_closed()
        if isinstance(decision, Reject):
            raise decision.error(self.number)
        accepted = isinstance(decision, Accept)
        self.state = State.BETWEEN if accepted else State.SKIPPED
        if isinstance(decision, Accept):
            limits = self.limits
            if decision.limits is not None:
                limits = limits.narrowed(decision.limits)
            self._events.appendleft(_Accepted(headers, limits))
        self._hand_out()
        self._adjust()

    def _open(self, accepted: _Accepted) -> None:
        headers, limits = accepted
        try:
            part = self._make_part(headers, limits)
        except Exception:  # a class of the user's: what waits must be told
            self._break(Failure())
            return
        part._default_charset = self._charset.charset
        self._part, self.state, self._room = part, State.OPEN, limits.max_part_size
        part.registerProducer(_PartProducer(self), True)
        self._answer(part)

    def _give(self, data: bytes) -> None:
        if self._charset.open:
            self._charset.feed(data)
        part = self._part
        if part is None:
            return
        self._room -= len(data)
        if self._room >= 0:
            part.write(data)
            return
        bound, number = part.limits.max_part_size, self.number
        part.write(data[: self._room])
        if self._part is part:  # else whoever got these bytes has asked for the next
            error = LimitExceeded("max_part_size", bound, offset=bound, part=number)
            self._break(Failure(error))

    def _end(self) -> None:
        if self._charset.open:
            self._charset.end()
        part = self._leave_part(State.BETWEEN)
        if part is not None:
            part.unregisterProducer()

    def _leave_part(self, state: State) -> BodyPart | None:
        part, self._part, self._part_wants = self._part, None, False
        self.state = state
        return part

    def _hand_out_end(self) -> None:
        """All events are handed out: tell the end, if it has come."""
        # Where bytes behind the close delimiter are an error, wait for them.
        over = self._closed and (self._ended or self._parser.profile.surroundings)
        if self._failure is None and not over:
            return
        part = self._leave_part(State.OVER)
        if part is not None and self._failure is not None:
            part.fail(self._failure)
        while self._waiting is not None:  # whoever is answered may ask again
            self._answer(self._failure)

    def _answer(self, result: BodyPart | Failure | None) -> None:
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        waiting.callback(cast("BodyPart | None", result))

    # Failing ----------------------------------------------------------------------------

    def fail(self, failure: Failure) -> Deferred[None]:
        """The source broke: whoever reads is told, after the parts that came whole.

        A part that is being decided about is given up.
        """
        if self.state is State.DECIDING and not self._ended:
            self._give_up_deciding(self._failure or failure)
        return super().fail(failure)

    def close(self) -> None:
        """Give the body up; may be called at any time, more than once.

        The producer is stopped: the connection of a response is closed, the body of
        a request is left unread. A part that is being read fails, and whoever waits or
        asks for a part from then on, with ``MisuseError``. When the last part was
        handed out, and the end told, nothing is left to be done.
        """
        if self.state is State.OVER:
            return
        failure, self._shut = self._failure or Failure(_was_closed()), True
        if self.state is State.DECIDING:
            self._give_up_deciding(failure)
        else:
            self._break(failure)

    def _give_up_deciding(self, failure: Failure) -> None:
        self._given_up = failure
        if self._deciding is not None:  # else ``decide`` itself has called us
            self._deciding.cancel()

    def _break(self, failure: Failure) -> None:
        """Nothing behind this place is wanted any more."""
        self._deciding = None
        if self.state is State.DECIDING:
            self.state = State.SKIPPED
        self._events.clear()
        self._failure = self._given_up or failure
        self._hand_out()
        self._adjust()
        self._stop_after_failure()


def _was_closed() -> MisuseError:
    return MisuseError("the reader was closed")
