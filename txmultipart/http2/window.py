"""Inbound credit on its two levels (RFC 9113 section 5.2): what a peer may send us.

::

    window      given back                              bounds
    stream      when the consumer took the bytes        what one body may make us hold
    connection  when the bytes have come                what is under way

The connection's window does not wait for consumers, or a few stalled ones would
stop every other stream. What a connection can make us hold is bounded all the same:
by the sum of its streams' windows, for which ``Budget`` stands. A stream begins with
a small window; as long as its consumer keeps up it grows, while the budget lasts.

Both are given back in lumps, not for each frame: small grants make some peers send
small frames.
"""

from __future__ import annotations

from txmultipart.http2.options import HTTP2Options

#: A window grows to so many times its size at once.
_GROWTH = 4


class SharedBudget:
    """What the windows of several connections come to; ``total`` is a bound on it.

    New bodies keep to the bound where ``has`` is asked first, and growth to half of it:
    so a few who send much leave something for many who begin.
    """

    def __init__(self, total: int) -> None:
        self.granted = 0
        self._total = total

    def has(self, size: int) -> bool:
        """Whether so much is left."""
        return self.granted + size <= self._total

    def may_grow(self, size: int) -> bool:
        """Whether windows may become so much larger."""
        return (self.granted + size) * 2 <= self._total

    def take(self, size: int) -> None:
        """A window opens, or grows by so much."""
        self.granted += size

    def give(self, size: int) -> None:
        """A window closes, or becomes smaller by so much."""
        self.granted -= size


class Budget:
    """What the windows of all streams of a connection come to, and may come to."""

    def __init__(
        self, options: HTTP2Options, shared: SharedBudget | None = None
    ) -> None:
        #: What they come to.
        self.granted = 0
        self._shared = shared
        self._total = options.windows_together
        # What streams that are not open yet will need at once.
        self._first = options.first_window
        self._reserved = self._first * options.max_streams

    def open(self) -> int:
        """A stream opens: its first window."""
        self._reserved -= self._first
        self.granted += self._first
        if self._shared is not None:
            self._shared.take(self._first)
        return self._first

    @property
    def has_room(self) -> bool:
        """Whether all connections together leave something for one more body.

        Whatever they leave, a connection that has none may have one: or others could
        keep it out for ever.
        """
        if self._shared is None or not self.granted:
            return True
        return self._shared.has(self._first)

    def ask(self, size: int) -> bool:
        """Whether a window may grow by so much; if so, it does."""
        if self.granted + self._reserved + size > self._total:
            return False
        if self._shared is not None:
            if not self._shared.may_grow(size):
                return False
            self._shared.take(size)
        self.granted += size
        return True

    def give(self, size: int) -> None:
        """A window has become smaller by so much."""
        self.granted -= size
        if self._shared is not None:
            self._shared.give(size)

    def close(self, size: int) -> None:
        """A stream closes, and its window was of this size."""
        self._reserved += self._first
        self.give(size)


class StreamWindow:
    """The window of one stream, and what of it was consumed and not given back."""

    def __init__(self, options: HTTP2Options, budget: Budget) -> None:
        self.size = budget.open()
        self._first = self.size
        self._goal = self._largest = max(options.largest_window, self.size)
        self._budget = budget
        self._consumed = 0
        self._closed = False

    def consumed(self, size: int) -> None:
        """The consumer took so many bytes, or nobody ever will."""
        self._consumed += size

    def due(self, *, part: int) -> int:
        """What to give back now: nothing, while it is less than 1/``part`` of all."""
        if self._goal < self.size:
            self._pay_back()
        if not self._consumed or self._consumed * part < self.size:
            return 0
        lump, self._consumed = self._consumed, 0
        return lump + self._grow()

    def shrink(self) -> None:
        """What was consumed is kept until the window is as small as at first.

        Its share of the budget goes back with that; what the peer may send already
        cannot be taken from it.
        """
        if self.size > self._first:
            self._goal = self._first

    def _pay_back(self) -> None:
        less = min(self._consumed, self.size - self._goal)
        if less > 0:
            self._consumed -= less
            self.size -= less
            self._budget.give(less)
        if self.size <= self._goal:
            self._goal = self._largest

    def _grow(self) -> int:
        more = min(self.size * _GROWTH, self._largest) - self.size
        if not self._budget.ask(more):
            return 0
        self.size += more
        return more

    def close(self) -> None:
        """The stream is over; what it could have held may now be held by others."""
        if not self._closed:
            self._closed = True
            self._budget.close(self.size)


def connection_lump(window: int, left: int) -> int:
    """What to add to a connection's window of which so much is left: nothing, or all."""
    missing = window - left
    return missing if missing * 4 >= window else 0
