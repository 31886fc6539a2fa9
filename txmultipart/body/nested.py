"""A multipart inside a multipart, and what may not be in one: itself, or one thing twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from txmultipart.body.payload import DelegatingPayload, Payload
from txmultipart.errors import PayloadError
from txmultipart.interfaces import Source


class Writer(Protocol):
    """What is asked of a ``MultipartWriter`` that is a part."""

    parts: list[Payload]

    @property
    def content_type(self) -> str:
        """With its boundary."""
        ...

    def make_source(self) -> Source:
        """All of it."""
        ...

    def _begin(self) -> None: ...

    def _holds(self, writer: Any) -> bool: ...


class WriterPayload(DelegatingPayload):
    """A multipart inside a multipart; it may grow until sending begins."""

    def __init__(self, writer: Writer) -> None:
        kind = writer.content_type
        super().__init__(writer, writer.make_source, content_type=kind)
        self.writer = writer

    def check(self) -> None:
        """Raise as ``Payload.check`` does, for the parts within too."""
        super().check()
        self.writer._begin()

    def one_shots(self) -> Iterator[object]:
        """Those of the parts within."""
        for part in self.writer.parts:
            yield from part.one_shots()


def writer_in(payload: Payload) -> Writer | None:
    """The writer whose body ``payload`` is, perhaps by way of a raw body."""
    content: object = payload
    while isinstance(content, DelegatingPayload):
        if isinstance(content, WriterPayload):
            return content.writer
        content = content.content
    return None


def check_one_shots(parts: Iterable[Payload]) -> None:
    """Raise ``PayloadError`` if a thing that can be sent once is in two of ``parts``."""
    seen: set[int] = set()
    for number, part in enumerate(parts, 1):
        for thing in part.one_shots():
            if id(thing) in seen:
                message = "this content is in two parts, and can be sent only once"
                raise PayloadError(message, code="consumed", part=number)
            seen.add(id(thing))
