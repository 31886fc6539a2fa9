"""RelayedParts: the parts of a body that is being received, sent on as they come."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isawaitable
from typing import Any

from twisted.internet.defer import Deferred

from txmultipart.body.coming_parts import ComingParts
from txmultipart.body.part import BodyPart
from txmultipart.body.payload import Payload
from txmultipart.body.payloads import payload_of
from txmultipart.body.progress import ProgressCallback
from txmultipart.body.reader import MultipartReader
from txmultipart.sansio.parameters import is_token

#: Is given a part and its payload, and says what is to be sent in its place.
Change = Callable[[BodyPart, Payload], object]


def unchanged(part: BodyPart, payload: Payload) -> Payload:
    """Send it on as it is."""
    return payload


class RelayedParts(ComingParts):
    """A body whose parts are those of ``reader``, as they come.

    ``change(part, payload)`` is called when a part's headers are here. ``payload`` is
    the part as it would be sent on, with its headers, which may be changed. What is
    returned, now or by an awaitable, is sent:

    - ``payload``, or another payload in its place,
    - anything else that can be a part, such as bytes or an asynchronous iterable over
      the part's: as the content, with the headers of ``payload``,
    - None: nothing. The part is skipped.

    A ``change`` that has read some of the part must not return ``payload``: what is left
    is not the part, and the body fails with ``MisuseError``. Return an asynchronous
    iterable that gives what was read, and then the rest.

    Nothing is decoded or encoded: a filter gets the bytes as they were sent, and gives
    them as its headers say that they are.

    The subtype is that of ``reader`` unless one is given, and so are the parameters of
    its type, but for the boundary, which is a new one unless given. Fails with what
    breaks the incoming body, or with what ``change`` raises.
    """

    def __init__(
        self,
        reader: MultipartReader,
        change: Change = unchanged,
        *,
        subtype: str | None = None,
        boundary: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        params = {n: v for n, v in reader.params.items() if _goes_on(n, v)}
        kind = subtype or reader.content_type.partition("/")[2]
        changed = _Changed(reader, change)
        super().__init__(changed, kind, boundary, params=params, progress=progress)


def _goes_on(name: str, value: str) -> bool:
    """Whether a parameter of the type can be written: a decoded value may hold anything."""
    return name != "boundary" and is_token(name) and value.isprintable()


class _Changed:
    """What becomes of the parts of ``reader``, one after the other."""

    def __init__(self, reader: MultipartReader, change: Change) -> None:
        self._reader = reader
        self._change = change

    def __aiter__(self) -> _Changed:
        return self

    async def __anext__(self) -> Payload:
        async for part in self._reader:
            payload = payload_of(part)
            result = await self._changed(part, payload)
            if result is not None:
                # Made now, the part's payload would be what ``change`` has left of it.
                return _with_headers(payload if result is part else result, payload)
        raise StopAsyncIteration

    async def _changed(self, part: BodyPart, payload: Payload) -> object:
        try:
            result: Any = self._change(part, payload)
            if isawaitable(result) or isinstance(result, Deferred):
                result = await result
        except (StopIteration, StopAsyncIteration) as stop:
            # As it stands it would say that there are no more parts.
            raise RuntimeError(f"change raised {type(stop).__name__}") from stop
        return result


def _with_headers(result: object, payload: Payload) -> Payload:
    if isinstance(result, Payload):
        return result
    content = payload_of(result)
    content.headers, content.encoded = payload.headers, True
    content.headers.removeHeader("Content-Length")  # that of what came
    return content
