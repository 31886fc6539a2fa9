"""Outbound: what one stream has to send, and the producer that is held back by it.

::

    waiting bytes       a push producer   a pull producer
    high water or more  is paused         is not asked
    less than half      is resumed        is asked once, in a turn of its own
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from txmultipart.http2.fields import Field


class Outbound:
    """The bytes that wait for their turn and for the window.

    ``soon`` calls a function a little later, ``ready`` is called when there is
    something to send.
    """

    def __init__(
        self,
        high_water: int,
        *,
        soon: Callable[[Callable[[], None]], Any],
        ready: Callable[[], None],
    ) -> None:
        #: Bytes that wait.
        self.size = 0
        #: Bytes that were taken.
        self.sent = 0
        #: The number of the last frame that it had a part in, on its connection.
        self.turn = 0
        #: No more bytes will come.
        self.ended = False
        #: What is said after the last byte, in HEADERS of its own (section 8.1).
        self.trailers: Sequence[Field] = ()
        #: Nothing goes out any more.
        self.closed = False
        self.producer: Any = None
        self._streaming = True
        self._paused = False
        self._asking = False
        self._high_water = high_water
        self._soon, self._ready = soon, ready
        self._chunks: deque[bytes] = deque()
        self._offset = 0  # of what was not taken yet in the first chunk

    def write(self, data: bytes) -> None:
        """Some bytes to be sent."""
        if not data or self.ended or self.closed:
            return
        self._chunks.append(data)
        self.size += len(data)
        self._ready()
        self._hold_back()

    def end(self, trailers: Sequence[Field] = ()) -> None:
        """That was all; ``trailers`` are as ``outgoing.trailer_fields`` gives them."""
        if not self.ended and not self.closed:
            self.ended, self.trailers = True, trailers
            self._ready()

    def close(self) -> None:
        """What waits is not sent any more."""
        self.closed = True
        self.size = 0
        self._chunks.clear()

    @property
    def over(self) -> bool:
        """Whether nothing is left but to say that this was all."""
        return self.ended and not self.size and not self.closed

    @property
    def has_more(self) -> bool:
        """Whether something is left to be sent, if only its end."""
        return self.size > 0 or self.over

    def take(self, limit: int) -> bytes | memoryview:
        """At most ``limit`` bytes of what waits."""
        left = min(limit, self.size)
        self.size -= left
        self.sent += left
        if 0 < left <= len(self._chunks[0]) - self._offset:
            return self._take_from_first(left)
        pieces = []
        while left:
            pieces.append(self._take_from_first(left))
            left -= len(pieces[-1])
        return b"".join(pieces)

    def _take_from_first(self, limit: int) -> memoryview:
        # By an offset, and not copied: a large chunk is taken in many pieces.
        first, start = self._chunks[0], self._offset
        piece = memoryview(first)[start : start + limit]
        self._offset = start + len(piece)
        if self._offset == len(first):
            self._chunks.popleft()
            self._offset = 0
        return piece

    # The producer -----------------------------------------------------------------

    def register(self, producer: Any, streaming: bool) -> None:
        """Take what ``producer`` produces, and hold it back when that is too much."""
        if self.producer is not None:
            raise ValueError("a producer is registered already")
        if self.closed:
            producer.stopProducing()
            return
        self.producer, self._streaming, self._paused = producer, streaming, False
        self._hold_back()
        self.drained()

    def unregister(self) -> None:
        """It has produced all."""
        self.producer = None

    def drained(self) -> None:
        """Some bytes were sent: let the producer go on if little is left."""
        if self.producer is None or self.size * 2 >= self._high_water:
            return
        if not self._streaming:
            self._ask_soon()
        elif self._paused:
            self._paused = False
            self.producer.resumeProducing()

    def _hold_back(self) -> None:
        full = self.size >= self._high_water
        if full and self._streaming and self.producer is not None and not self._paused:
            self._paused = True
            self.producer.pauseProducing()

    def _ask_soon(self) -> None:
        if not self._asking:
            self._asking = True
            self._soon(self._ask)

    def _ask(self) -> None:
        self._asking = False
        if self.producer is not None and not self.closed:
            self.producer.resumeProducing()
            self.drained()
