"""MultipartReader: the parts of a multipart body, on demand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, ClassVar, NamedTuple, Self

from twisted.internet.defer import Deferred

from txmultipart.body.body_type import (
    boundary_in,
    is_endless,
    read_content_type,
)
from txmultipart.body.decision import Decide
from txmultipart.body.delivery import deliver_response, get_body, known_length
from txmultipart.body.handout import Handout
from txmultipart.body.part import BodyPart, Memory
from txmultipart.body.progress import ProgressCallback
from txmultipart.errors import LimitExceeded, NotMultipart
from txmultipart.limits import Limits
from txmultipart.sansio.admission import Budget
from txmultipart.sansio.headers import PartHeaders
from txmultipart.sansio.parser import MultipartParser
from txmultipart.sansio.profiles import Profile, profile_for

_DEFAULT_LIMITS = Limits()


class Nesting(NamedTuple):
    """What a nested body shares with those around it."""

    depth: int
    memory: Memory
    budget: Budget | None


class MultipartReader(Handout):
    """Reads a multipart body part by part, at the pace of whoever asks.

    ``content_type`` is the body's Content-Type header. The profile follows from
    its subtype unless one is given. ``decide`` is asked about each part when its
    headers are here, see ``decision``. ``progress`` is called with the bytes so
    far, those of the whole body or None, and the current part or None: at most ten
    times a second, and once at the end, when there is none. What it raises breaks
    the body. ``nesting`` is not for you: nested bodies share what their outermost
    one may have.

    ``endless`` is for a body that goes on for days, such as what a voice service
    sends whenever it has something to say: of ``limits``, those of each part hold
    and those of the whole (``max_parts``, ``max_body_size``,
    ``max_total_header_bytes``) do not; ``max_memory`` and what is nested count
    for each part anew.

    Give the reader to something that writes bodies to consumers, or make it
    with ``from_request`` or ``from_response``. ``close``, or the end of an ``async
    with`` block, gives up what is left of it.

    A subclass may override ``next_part``, which ``async for`` and ``for_each``
    call, and name other classes for parts and for nested readers.

    Raises ``NotMultipart`` for a Content-Type without which no body can be
    read, ``MalformedMultipart`` for one that cannot be understood, ``MisuseError``
    for something else in its place, such as a request.
    """

    #: What parts are made of.
    part_class: ClassVar[type[BodyPart]] = BodyPart

    #: What ``part.parts()`` gives.
    reader_class: ClassVar[type[MultipartReader]]

    def __init__(
        self,
        content_type: str | bytes | None,
        *,
        limits: Limits = _DEFAULT_LIMITS,
        profile: Profile | None = None,
        endless: bool = False,
        decide: Decide | None = None,
        progress: ProgressCallback | None = None,
        nesting: Nesting | None = None,
    ) -> None:
        self.content_type, self.params = read_content_type(content_type)
        self.profile = profile or profile_for(self.content_type)
        self.endless = endless
        nesting = nesting or Nesting(1, Memory(limits), None)
        #: 1 for a body that is in no other.
        self.depth = nesting.depth
        parser = MultipartParser(
            boundary_in(self.params, self.profile),
            profile=self.profile,
            limits=limits.endless() if endless else limits,
            budget=nesting.budget,
        )
        super().__init__(parser, limits, decide, progress)
        self._memory = nesting.memory

    def __repr__(self) -> str:
        state, name = self.state.value, type(self).__name__
        return f"<{name} of {self.content_type}, part {self.number}, {state}>"

    @classmethod
    def from_request(cls, request: Any, **options: Any) -> Self:
        """A reader of ``request``'s body; ``options`` as for the class.

        Raises ``MisuseError`` if the body is being read already, or was.
        """
        reader = cls(request.getHeader(b"content-type"), **options)
        body = get_body(request)
        reader.length = body.length
        # What breaks the body breaks the reader, which tells whoever reads.
        body.write_to(reader).addErrback(lambda _: None)
        return reader

    @classmethod
    def from_response(
        cls, response: Any, *, content_type: str | bytes | None = None, **options: Any
    ) -> Self:
        """A reader of ``response``'s body; with treq, ask for it ``unbuffered``.

        ``content_type`` takes the place of the one that the response has: some
        cameras, and ffmpeg, do not say what they send. A
        multipart/x-mixed-replace is ``endless`` unless ``limits`` are given: then
        what is read of all its parts together has no bound.

        Raises ``NotMultipart`` before anything is read if the response has no
        body or another type, an error page for instance.
        """
        if response.code in (204, 304):
            raise NotMultipart("the response has no body", code="no-body")
        if content_type is None:
            values = response.headers.getRawHeaders(b"content-type")
            content_type = values[0] if values else None
        if "limits" not in options and is_endless(content_type, options.get("profile")):
            options.setdefault("endless", True)
        reader = cls(content_type, **options)
        reader.length = known_length(response)
        deliver_response(response, reader).addErrback(lambda _: None)
        return reader

    # Parts ----------------------------------------------------------------------------

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

    def release(self) -> Deferred[int]:
        """Read on to the end, and drop what comes; fires with the number of parts dropped.

        It fails as ``next_part`` does. The connection can be used again then, which
        ``close`` may not allow.
        """
        return self.for_each(lambda part: None)

    def _make_part(self, headers: PartHeaders, limits: Limits) -> BodyPart:
        memory = Memory(limits) if self.endless else self._memory
        return self.part_class(headers, limits, memory, self._nested)

    def _nested(
        self, part: BodyPart, decide: Decide | None, progress: ProgressCallback | None
    ) -> MultipartReader:
        if self.depth >= part.limits.max_depth:
            raise LimitExceeded("max_depth", part.limits.max_depth)
        return self.reader_class(
            part.headers.get("content-type"),
            limits=part.limits,
            decide=decide or self._decide,
            progress=progress,
            nesting=Nesting(
                self.depth + 1,
                part._memory,
                None if self.endless else self._parser.budget,
            ),
        )


MultipartReader.reader_class = MultipartReader
