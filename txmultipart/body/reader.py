"""MultipartReader: the parts of a multipart body, on demand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any, ClassVar, Self

from twisted.internet.defer import Deferred

from txmultipart.body.body_type import (
    boundary_in,
    limits_for_response,
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


class MultipartReader(Handout):
    """Reads a multipart body part by part, at the pace of whoever asks.

    ``content_type`` is the body's Content-Type header. The profile follows from
    its subtype unless one is given. ``decide`` is asked about each part when its
    headers are here, see ``decision``; ``progress`` is called with the bytes so
    far, those of the whole body or None, and the current part. ``depth``,
    ``memory`` and ``budget`` are for nested bodies, which share what their
    outermost one may have. Give the reader to something that writes bodies to consumers, or make
    it with ``from_request`` or ``from_response``.

    A subclass may override ``next_part``, which ``async for`` and ``for_each``
    call, and name other classes for parts and for nested readers.

    Raises ``NotMultipart`` for a Content-Type without which no body can be
    read, ``MalformedMultipart`` for one that cannot be understood.
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
        decide: Decide | None = None,
        progress: ProgressCallback | None = None,
        depth: int = 1,
        memory: Memory | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.content_type, self.params = read_content_type(content_type)
        self.profile = profile or profile_for(self.content_type)
        self.limits = limits
        self.depth = depth
        boundary = boundary_in(self.params, self.profile)
        parser = MultipartParser(
            boundary, profile=self.profile, limits=limits, budget=budget
        )
        super().__init__(parser, decide, progress)
        self._memory = memory or Memory(limits)

    @classmethod
    def from_request(cls, request: Any, **options: Any) -> Self:
        """A reader of ``request``'s body; ``options`` as for the class."""
        reader = cls(request.getHeader(b"content-type"), **options)
        body = get_body(request)
        reader.length = body.length
        # What breaks the body breaks the reader, which tells whoever reads.
        body.write_to(reader).addErrback(lambda _: None)
        return reader

    @classmethod
    def from_response(cls, response: Any, **options: Any) -> Self:
        """A reader of ``response``'s body; with treq, ask for it ``unbuffered``.

        A multipart/x-mixed-replace may go on for ever, unless ``limits`` are
        given. Raises ``NotMultipart`` before anything is read if the response has no
        body or another type, an error page for instance.
        """
        if response.code in (204, 304):
            raise NotMultipart("the response has no body", code="no-body")
        values = response.headers.getRawHeaders(b"content-type")
        content_type = values[0] if values else None
        limits = limits_for_response(content_type, options.get("profile"))
        reader = cls(content_type, **{"limits": limits, **options})
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

    def _make_part(self, headers: PartHeaders, limits: Limits) -> BodyPart:
        return self.part_class(headers, limits, self._memory, self._nested)

    def _nested(self, part: BodyPart) -> MultipartReader:
        if self.depth >= part.limits.max_depth:
            raise LimitExceeded("max_depth", part.limits.max_depth)
        return self.reader_class(
            part.headers.get("content-type"),
            limits=part.limits,
            depth=self.depth + 1,
            memory=self._memory,
            budget=self._parser.budget,
        )


MultipartReader.reader_class = MultipartReader
