"""MultipartReader: the bytes of a multipart body in, its parts out, on demand.

The reader is a consumer of the body and the producer of the current part. The
body's producer runs only while somebody waits, for a part or for a part's
bytes; what one write of it held in more events is queued until then.

::

    state    meaning                           next_part      PartBegin  PartData  PartEnd
    BETWEEN  no part is open                   wait           → OPEN     -         -
    OPEN     a part's bytes come               skip, wait     -          to part   → BETWEEN
    SKIPPED  the rest of a part is not wanted  wait           -          drop      → BETWEEN
    OVER     no more parts, or an error        None, or it    -          -         -
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum
from inspect import isawaitable
from typing import Any, Self, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from txmultipart.body.delivery import deliver_response, get_body
from txmultipart.body.part import BodyPart, Memory
from txmultipart.body.pull import PullToPush
from txmultipart.errors import LimitExceeded, MisuseError, MultipartError, NotMultipart
from txmultipart.interfaces import ISink
from txmultipart.limits import Limits
from txmultipart.sansio.events import (
    EndOfMultipart,
    Event,
    PartBegin,
    PartData,
    PartEnd,
)
from txmultipart.sansio.parameters import parse_content_type
from txmultipart.sansio.parser import MultipartParser
from txmultipart.sansio.profiles import Anomaly, Profile, profile_for


class State(Enum):
    """Where a reader is among the parts; see the table above."""

    BETWEEN = "between"
    OPEN = "open"
    SKIPPED = "skipped"
    OVER = "over"


_DEFAULT_LIMITS = Limits()


@implementer(ISink, IPushProducer)
class MultipartReader:
    """Reads a multipart body part by part, at the pace of whoever asks.

    ``content_type`` is the body's Content-Type header. The profile follows from
    its subtype unless one is given; ``depth`` and ``memory`` are for nested
    bodies, which share what their outermost one may hold. Give the reader to something that writes
    bodies to consumers, or make it with ``from_request`` or ``from_response``.

    Raises ``NotMultipart`` for a Content-Type without which no body can be
    read, ``MalformedMultipart`` for one that cannot be understood.
    """

    def __init__(
        self,
        content_type: str | bytes | None,
        *,
        limits: Limits = _DEFAULT_LIMITS,
        profile: Profile | None = None,
        depth: int = 1,
        memory: Memory | None = None,
    ) -> None:
        self.content_type, self.params = read_content_type(content_type)
        self.profile = profile or profile_for(self.content_type)
        self.limits = limits
        self.depth = depth
        self.state = State.BETWEEN
        self._parser = MultipartParser(
            _boundary(self.params, self.profile), profile=self.profile, limits=limits
        )
        self._memory = memory or Memory(limits)
        self._events: deque[Event] = deque()
        self._part: BodyPart | None = None
        self._part_wants = False
        self._waiting: Deferred[BodyPart | None] | None = None
        self._producer: Any = None
        self._running = True
        self._ended = False
        self._closed = False  # the close delimiter was met
        self._failure: Failure | None = None
        self._handing = False

    @classmethod
    def from_request(cls, request: Any, **options: Any) -> Self:
        """A reader of ``request``'s body; ``options`` as for the class."""
        reader = cls(request.getHeader(b"content-type"), **options)
        # What breaks the body breaks the reader, which tells whoever reads.
        get_body(request).write_to(reader).addErrback(lambda _: None)
        return reader

    @classmethod
    def from_response(cls, response: Any, **options: Any) -> Self:
        """A reader of ``response``'s body; with treq, ask for it ``unbuffered``.

        Raises ``NotMultipart`` before anything is read if the response has no
        body or another type, an error page for instance.
        """
        if response.code in (204, 304):
            raise NotMultipart("the response has no body", code="no-body")
        values = response.headers.getRawHeaders(b"content-type")
        reader = cls(values[0] if values else None, **options)
        deliver_response(response, reader)
        return reader

    @property
    def anomalies(self) -> list[Anomaly]:
        """What was tolerated so far, with the offset of each."""
        return self._parser.anomalies

    # Upstream: IConsumer and ISink ------------------------------------------------

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Take the body from ``producer``; it is paused at once unless somebody waits."""
        if self._producer is not None:
            raise MisuseError("a reader takes one body")
        self._producer = producer if streaming else PullToPush(producer, self.fail)
        self._running = True
        self._adjust()

    def write(self, data: bytes) -> None:
        """The next bytes of the body."""
        if self._failure is None:
            self._parse(self._parser.receive_data, data)

    def unregisterProducer(self) -> None:
        """The body has ended; if it was cut short, whoever reads is told."""
        self._let_go()
        if not self._ended:
            self._ended = True
            if self._failure is None:
                self._parse(self._parser.receive_eof)

    def finish(self) -> Deferred[None]:
        """Nothing is left to be done; see ``ISink``."""
        return succeed(None)

    def fail(self, failure: Failure) -> Deferred[None]:
        """The source broke: whoever reads is told, after the parts that came whole."""
        self._let_go()
        if not self._ended:
            self._ended = True
            # What the parser found before is nearer to the cause.
            self._failure = self._failure or failure
            self._hand_out()
        return succeed(None)

    def _let_go(self) -> None:
        producer, self._producer = self._producer, None
        if isinstance(producer, PullToPush):
            producer.close()

    def _parse(self, step: Callable[..., list[Event]], *data: bytes) -> None:
        try:
            self._events.extend(step(*data))
        except MultipartError:
            self._events.extend(self._parser.take_events())
            self._failure = Failure()
        self._hand_out()
        self._adjust(again=True)
        if self._failure is not None and self._producer is not None:
            # Nobody will read the rest; a response's connection must not wait for it.
            self._producer.stopProducing()

    # Downstream: parts --------------------------------------------------------------

    def next_part(self) -> Deferred[BodyPart | None]:
        """The next part, once its headers are here; None when there is no more.

        What is left of the part before is skipped. Fails with what is wrong
        with the body: ``MalformedMultipart``, ``LimitExceeded``,
        ``UploadAborted`` or whatever broke the source.
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

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> BodyPart:
        if (part := await self.next_part()) is None:
            raise StopAsyncIteration
        return part

    def for_each(
        self, handle: Callable[[BodyPart], object | Awaitable[object]]
    ) -> Deferred[int]:
        """Call ``handle`` with each part, wait for what it returns; fires with their number."""
        return Deferred.fromCoroutine(self._for_each(handle))

    async def _for_each(self, handle: Callable[[BodyPart], object]) -> int:
        count = 0
        async for part in self:
            result = handle(part)
            if isawaitable(result) or isinstance(result, Deferred):
                await result
            count += 1
        return count

    def _skip(self) -> None:
        part, self._part, self._part_wants = self._part, None, False
        self.state = State.SKIPPED
        assert part is not None
        part.skip()

    def _cancel_wait(self, waiting: Deferred[BodyPart | None]) -> None:
        if self._waiting is waiting:
            self._waiting = None
            self._adjust()

    def _nested(self, part: BodyPart) -> MultipartReader:
        if self.depth >= self.limits.max_depth:
            raise LimitExceeded("max_depth", self.limits.max_depth)
        return MultipartReader(
            part.headers.get("content-type"),
            limits=self.limits,
            depth=self.depth + 1,
            memory=self._memory,
        )

    # The current part's producer: IPushProducer --------------------------------------

    def pauseProducing(self) -> None:
        """The part's reader wants no more for now."""
        self._part_wants = False
        self._adjust()

    def resumeProducing(self) -> None:
        """The part's reader wants bytes."""
        self._part_wants = True
        self._hand_out()
        self._adjust()

    def stopProducing(self) -> None:
        """The part is wanted no more; the next one may be."""
        self.pauseProducing()

    # Within -----------------------------------------------------------------------

    @property
    def _wanted(self) -> bool:
        return self._waiting is not None or self._part_wants

    def _hand_out(self) -> None:
        """Hand out what is queued, and then the end, as far as somebody wants it."""
        if self._handing:
            return  # called back from within; the loop below goes on
        self._handing = True
        try:
            while self._wanted and self._events:
                self._handle(self._events.popleft())
            if not self._events:
                self._hand_out_end()
        finally:
            self._handing = False

    def _handle(self, event: Event) -> None:
        if isinstance(event, PartData):
            if self._part is not None:
                self._part.write(event.data)
        elif isinstance(event, PartBegin):
            self._open(BodyPart(event.headers, self.limits, self._memory, self._nested))
        elif isinstance(event, PartEnd):
            part, self._part, self._part_wants = self._part, None, False
            self.state = State.BETWEEN
            if part is not None:
                part.unregisterProducer()
        elif isinstance(event, EndOfMultipart):
            self._closed = True

    def _open(self, part: BodyPart) -> None:
        self._part, self.state = part, State.OPEN
        part.registerProducer(self, True)
        self._answer(part)

    def _hand_out_end(self) -> None:
        """All events are handed out: tell the end, if it has come."""
        # Where bytes behind the close delimiter are an error, wait for them.
        over = self._closed and (self._ended or self.profile.surroundings)
        if self._failure is None and not over:
            return
        if self._part is not None and self._failure is not None:
            part, self._part, self._part_wants = self._part, None, False
            part.fail(self._failure)
        self.state = State.OVER
        while self._waiting is not None:  # whoever is answered may ask again
            self._answer(self._failure)

    def _answer(self, result: BodyPart | Failure | None) -> None:
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        waiting.callback(cast("BodyPart | None", result))

    def _adjust(self, *, again: bool = False) -> None:
        """Let the producer run if somebody waits; see ``ByteStream._adjust``."""
        producer = self._producer
        # Behind the close delimiter bytes are only looked at, so let them come.
        wanted = self._failure is None and (self._wanted or self._closed)
        as_told = wanted == self._running and (wanted or not again)
        if producer is None or as_told or self._handing:  # which looks here afterwards
            return
        self._running = wanted
        if wanted:
            producer.resumeProducing()
        else:
            producer.pauseProducing()


def read_content_type(value: str | bytes | None) -> tuple[str, dict[str, str]]:
    """Type and parameters of a body's Content-Type, if it is a multipart at all.

    Raises ``NotMultipart`` or ``MalformedMultipart``.
    """
    if value is None:
        raise NotMultipart("there is no Content-Type", code="no-content-type")
    content_type, params = parse_content_type(value)
    if not content_type.startswith("multipart/"):
        raise NotMultipart("the Content-Type is not multipart")
    return content_type, params


def _boundary(params: dict[str, str], profile: Profile) -> str:
    boundary = params.get("boundary")
    if boundary is None and not profile.endless:
        raise NotMultipart("the Content-Type has no boundary", code="no-boundary")
    return boundary or ""
