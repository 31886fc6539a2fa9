"""LiveWriter: a multipart to which parts are appended while it is sent.

::

    state     meaning                       append   finish    given up
    OPEN      parts may be appended         keep     FINISHED  GONE
    FINISHED  no part follows               misuse   -         -
    GONE      nobody takes any more         drop     -         -
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred, DeferredQueue

from txmultipart.body.coming_parts import ComingParts
from txmultipart.body.payload import Payload
from txmultipart.body.producer import State as Production
from txmultipart.body.progress import ProgressCallback
from txmultipart.errors import MisuseError

_OVER = frozenset((Production.DONE, Production.FAILED, Production.STOPPED))


class LiveWriter(ComingParts):
    """A ``multipart/<subtype>`` body that says a part whenever there is something to say::

        channel = LiveWriter("related")
        answer_with(request, channel)
        channel.append_json({"directive": …})  # at any time, for days
        channel.finish()

    Each part leaves at once, with the delimiter that tells that it is whole; one that
    is appended while another is under way waits for its turn, without a bound: look at
    ``waiting``. It can be sent once, and after ``finish`` it ends with an empty part.
    """

    def __init__(
        self,
        subtype: str = "mixed",
        boundary: str | None = None,
        *,
        params: Mapping[str, str] | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        self._queue = _Queue()
        super().__init__(
            self._queue,
            subtype,
            boundary,
            prompt=True,
            params=params,
            progress=progress,
        )
        self.finished = False

    @property
    def waiting(self) -> int:
        """Parts that wait for their turn."""
        return len(self._queue.parts.pending)

    @property
    def closed(self) -> bool:
        """Whether parts go nowhere any more: it was finished, or the reader has gone."""
        return self.finished or self.state in _OVER

    def append(self, obj: object, headers: Any = None) -> Payload:
        """Send ``obj`` as the next part; see ``MultipartWriter.append``.

        Raises ``MisuseError`` after ``finish``. When the reader has gone it is dropped;
        ``closed`` tells.
        """
        if self.finished:
            raise MisuseError("a part was appended after the last one")
        payload = self._made_ready(obj, headers)
        if self.closed:
            payload.give_up()
        else:
            self._queue.parts.put(payload)
        return payload

    def finish(self) -> None:
        """No part follows; may be called more than once."""
        if not self.finished:
            self.finished = True
            self._queue.parts.put(None)

    def give_up(self) -> None:
        """Tell the parts that wait that their turn does not come any more."""
        for payload in self._inside():
            payload.give_up()

    def _inside(self) -> list[Payload]:
        waiting = self._queue.parts.pending
        return [*self.parts, *(payload for payload in waiting if payload is not None)]

    def _begin(self) -> None:
        """Others take no part from here on; this one does."""


class _Queue:
    """Parts that wait, and None behind the last one."""

    def __init__(self) -> None:
        self.parts: DeferredQueue[Payload | None] = DeferredQueue()

    def __aiter__(self) -> _Queue:
        return self

    async def __anext__(self) -> Payload:
        found: Deferred[Payload | None] = self.parts.get()
        if (payload := await found) is None:
            raise StopAsyncIteration
        return payload
