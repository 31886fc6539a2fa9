"""A multipart inside a multipart, and what may not be in one: itself, or one thing twice.

Nor may there be too many in one another: each is a few calls, one within the other, to
be measured and to be sent. So every writer knows how deep it stands, and whoever puts
something in is told, in whatever order the whole is built.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from txmultipart.body.payload import DelegatingPayload, Payload
from txmultipart.errors import MisuseError, PayloadError
from txmultipart.interfaces import Source

#: So many bodies may be in one another, the outermost one and raw bodies counted. Forms
#: need two, mail-like bodies three, and our own readers take four (``Limits.max_depth``).
MAX_NESTING = 50


class Writer(Protocol):
    """What is asked of a ``MultipartWriter`` that is a part."""

    parts: list[Payload]
    _depth: int

    @property
    def content_type(self) -> str:
        """With its boundary."""
        ...

    def make_source(self) -> Source:
        """All of it."""
        ...

    def _begin(self) -> None: ...

    def _inside(self) -> list[Payload]: ...


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


def enclose(payload: Payload, outer: Writer) -> None:
    """``payload`` becomes a part of ``outer``: what is in it stands so much deeper.

    It may be as deep elsewhere, or was once. Raises ``MisuseError``, and changes
    nothing, if ``outer`` itself is in it, and beyond ``MAX_NESTING``.
    """
    found = list(_depths(payload, outer._depth))
    if any(writer is outer for writer, _ in found):
        raise MisuseError("a writer cannot be a part of itself")
    for writer, depth in found:
        writer._depth = max(writer._depth, depth)


def check_nesting(parts: Iterable[Payload], depth: int = 1) -> None:
    """Raise ``MisuseError`` if ``parts`` of a body at ``depth`` go beyond ``MAX_NESTING``.

    A writer that is in itself does: one can be put there past ``append``.
    """
    for part in parts:
        if isinstance(part, DelegatingPayload):
            list(_depths(part, depth))


def _depths(payload: Payload, depth: int) -> Iterator[tuple[Writer, int]]:
    """Every writer in ``payload``, which is in a body at ``depth``, and how deep it is."""
    left = [(payload, depth)]
    while left:  # no recursion: this is what keeps others from going too deep
        writer, depth = _writer_in(*left.pop())
        if writer is not None:
            yield writer, depth
            left += [(part, depth) for part in writer._inside()]


def _writer_in(payload: Payload, depth: int) -> tuple[Writer | None, int]:
    """The writer that ``payload`` is, perhaps by way of raw bodies, and how deep it is."""
    content: object = payload
    while isinstance(content, DelegatingPayload):
        writer = content.writer if isinstance(content, WriterPayload) else None
        content = content.content
        depth += writer is not None or isinstance(content, Payload)
        if depth > MAX_NESTING:
            raise MisuseError(f"more than {MAX_NESTING} bodies are in one another")
        if writer is not None:
            return writer, depth
    return None, depth


def check_one_shots(parts: Iterable[Payload]) -> None:
    """Raise ``PayloadError`` if a thing that can be sent once is in two of ``parts``."""
    seen: set[int] = set()
    for number, part in enumerate(parts, 1):
        for thing in part.one_shots():
            if id(thing) in seen:
                message = "this content is in two parts, and can be sent only once"
                raise PayloadError(message, code="consumed", part=number)
            seen.add(id(thing))
