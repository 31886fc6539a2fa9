"""Payloads: what a part can be made of.

``payload_of(obj)`` adapts ``obj`` to ``IPayload``. People register their own
types with ``twisted.python.components.registerAdapter(factory, Type, IPayload)``.
"""

from __future__ import annotations

import io
import mimetypes
import os
import stat
from collections.abc import AsyncIterable, Callable, Coroutine, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from twisted.internet.defer import Deferred, DeferredLock
from twisted.python.components import registerAdapter
from twisted.python.filepath import FilePath

from txmultipart.body.file_size import extent, size_at
from txmultipart.body.payload import DEFAULT_TYPE, DelegatingPayload, Payload
from txmultipart.body.sources import (
    AsyncIterableSource,
    BytesSource,
    FileSource,
    IterableSource,
)
from txmultipart.errors import MisuseError
from txmultipart.interfaces import IPayload


def payload_of(obj: object) -> Payload:
    """What ``obj`` is to be sent as.

    Raises ``MisuseError`` if nobody knows, and for a file that cannot be read as bytes;
    ``OSError`` for a path that leads nowhere.
    """
    if isinstance(obj, Payload):
        return obj
    payload = _adapted(obj)
    if not payload.replayable and payload.origin is None:
        payload.origin = obj
    return payload


def _adapted(obj: object) -> Payload:
    adapted = IPayload(obj, None)
    if adapted is not None:
        return adapted if isinstance(adapted, Payload) else _completed(adapted)
    for able, factory in _BY_ABILITY:
        if able(obj):
            return factory(obj)
    raise MisuseError(_why_not(obj))


def _why_not(obj: object) -> str:
    kind = type(obj).__name__
    article = "an" if kind[0] in "aeiou" else "a"
    if isinstance(obj, Deferred | Coroutine):
        return f"{article} {kind} cannot be sent as a part: await it first"
    number = isinstance(obj, int | float)
    return f"{article} {kind} cannot be sent as a part{': use str()' if number else ''}"


def _completed(content: Any) -> Payload:
    """A payload of somebody else's making, with the methods that ours have."""
    payload = DelegatingPayload(content, content.open)
    payload.headers = content.headers
    payload.filename = getattr(content, "filename", None)
    return payload


def bytes_payload(data: bytes | bytearray | memoryview) -> Payload:
    """Bytes in memory."""
    content = bytes(data)
    return Payload(lambda: BytesSource(content), length=len(content), replayable=True)


def utf8(text: str) -> bytes:
    """``text`` in UTF-8. Raises ``MisuseError`` where that cannot express it."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise MisuseError("a text holds a lone surrogate", code="bad-text") from error


def text_payload(text: str) -> Payload:
    """Text, sent as UTF-8."""
    payload = bytes_payload(utf8(text))
    payload.headers.setRawHeaders("Content-Type", ["text/plain; charset=utf-8"])
    return payload


def path_payload(path: os.PathLike[str]) -> Payload:
    """The file at ``path``, opened each time it is sent.

    Its size is taken now: a file that changes until it is sent fails the
    request with ``PayloadError``. Of one that the system makes up while it is read,
    such as those in /proc and /sys, the length is not known, and all of it is sent;
    so it is of a device, which is sent once. An empty file has length 0. Raises
    ``MisuseError`` for a folder, and for a pipe or socket: to open one can block a
    thread for ever.
    """
    name = os.fspath(path)
    found = os.stat(name)
    for kind, word in _UNREADABLE.items():
        if stat.S_IFMT(found.st_mode) == kind:
            raise MisuseError(f"{word} cannot be sent by its path")
    regular = stat.S_ISREG(found.st_mode)
    return Payload(
        lambda: FileSource(lambda: Path(name).open("rb")),
        length=size_at(name, found),
        content_type=guess_type(name),
        filename=os.path.basename(name),
        replayable=regular,
    )


_UNREADABLE = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


def filepath_payload(path: FilePath[str]) -> Payload:
    """The file at a Twisted ``FilePath``."""
    return path_payload(Path(os.fsdecode(path.path)))


def file_payload(file: BinaryIO) -> Payload:
    """An open file, from where it stands; it is not closed.

    One that can seek can be sent again from there, if it is no device. The length is
    known of those of which ``path_payload`` knows it, and of others that can seek to
    their end. Raises ``MisuseError`` for one that is closed, gives text or cannot be
    read.
    """
    if getattr(file, "closed", False):
        raise MisuseError("a closed file cannot be sent")
    if isinstance(file, io.TextIOBase) or hasattr(file, "encoding"):
        raise MisuseError('a file of text cannot be sent: open it with "rb"')
    if not getattr(file, "readable", _can_be_read)():
        raise MisuseError(
            'a file that is only written cannot be sent: open it with "rb"'
        )
    name = getattr(file, "name", None)
    filename = os.path.basename(name) if isinstance(name, str) else None
    start, length = extent(file)
    lock = DeferredLock()

    def rewound() -> BinaryIO:
        if start is not None:
            file.seek(start)
        return file

    return Payload(
        lambda: FileSource(rewound, owned=False, lock=lock),
        length=length,
        content_type=guess_type(filename or ""),
        filename=filename,
        replayable=start is not None,
    )


def _can_be_read() -> bool:
    """What is to be thought of a file that does not say."""
    return True


def iterable_payload(pieces: Iterable[Any]) -> Payload:
    """The pieces of an iterable; one that is its own iterator can be sent once."""
    return Payload(
        lambda: IterableSource(pieces), replayable=iter(pieces) is not pieces
    )


def async_iterable_payload(pieces: AsyncIterable[Any]) -> Payload:
    """The pieces of an asynchronous iterable whose awaitables are Deferreds."""
    return Payload(
        lambda: AsyncIterableSource(pieces), replayable=aiter(pieces) is not pieces
    )


def guess_type(filename: str) -> str:
    """The type that the name suggests."""
    return mimetypes.guess_type(filename)[0] or DEFAULT_TYPE


for _type, _factory in (
    (str, text_payload),
    (bytes, bytes_payload),
    (bytearray, bytes_payload),
    (memoryview, bytes_payload),
    (FilePath, filepath_payload),
    (io.IOBase, file_payload),
):
    registerAdapter(_factory, _type, IPayload)


def _is_pieces(obj: object) -> bool:
    # A Deferred has __iter__ for coroutines of old; none of them is a body.
    return isinstance(obj, Iterable) and not isinstance(obj, Mapping | Deferred)


# Looked at after the adapters: what a thing can do, rather than what it is.
_BY_ABILITY: tuple[tuple[Callable[[Any], bool], Callable[[Any], Payload]], ...] = (
    (lambda obj: isinstance(obj, os.PathLike), path_payload),
    (lambda obj: isinstance(obj, AsyncIterable), async_iterable_payload),
    # What NamedTemporaryFile gives is a file in all but its type.
    (lambda obj: hasattr(obj, "read") and hasattr(obj, "seek"), file_payload),
    # Of a mapping only the keys would be sent, which nobody means.
    (_is_pieces, iterable_payload),
)
