"""Scheduler: whose turn it is to send DATA.

::

    a stream          is
    in the line       when it has something to send and may have window for it
    outside the line  when it has nothing, or no window: nobody asks it again before
                      a write, a WINDOW_UPDATE or SETTINGS brings it back

Whose turn it is (``Lines``) sends up to a quantum, and waits again if more is left.
While the transport is full nobody sends. What was sent is written in batches; but where
it leaves at once, the first frame goes ahead: a peer whose window is small has something
to do then, and may have opened it again by the time that the rest has been sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from h2.connection import H2Connection

from txmultipart.http2.credit import Buffer, make_credit
from txmultipart.http2.lines import Lines
from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.outbound import Outbound

#: What h2 had to say before, the header of the first frame, and its payload.
_FIRST = 3


class Sender(Protocol):
    """A stream, as far as it sends."""

    stream_id: int
    outbound: Outbound

    def end_sent(self) -> None:
        """Its last frame has been sent."""
        ...


class Way(Protocol):
    """What it goes out on."""

    options: HTTP2Options
    blocked: bool

    @property
    def is_prompt(self) -> bool:
        """Whether what is written next leaves at once."""
        ...

    def send_ahead(self, data: list[Buffer]) -> None:
        """Write this before what h2 has ready from now on."""
        ...

    def send_first(self, data: list[Buffer]) -> None:
        """Write what goes ahead, and then this, now; what h2 has to say belongs behind."""
        ...

    def flush(self) -> None:
        """Write what was to be written ahead, and what h2 has ready."""
        ...


class Scheduler:
    """Sends what the streams of one connection have, in turns.

    ``frames_sent`` is told how many frames were sent, and their sizes together.
    """

    def __init__(
        self,
        h2: H2Connection,
        way: Way,
        *,
        frames_sent: Callable[[int, int], None],
    ) -> None:
        self._h2 = h2
        self._credit = make_credit(h2)
        self._way = way
        self._quantum, self._batch = way.options.quantum, way.options.batch
        self._frames_sent = frames_sent
        self._waiting: Lines[Sender] = Lines()
        #: Whether a stream of the last run was left with something to send and no window;
        #: one that an earlier run left so does not count.
        self.starved = False
        self._unflushed = 0
        self._frames = 0
        self._running = self._hastens = False

    def ready(self, stream: Sender) -> None:
        """It has something to send."""
        self._waiting.add(stream)

    def gone(self, stream: Sender) -> None:
        """It is over, whatever it had to send."""
        self._waiting.gone(stream)

    def reordered(self, stream: Sender) -> None:
        """It has another priority now."""
        self._waiting.moved(stream)

    def window_opened(self, streams: Iterable[Sender]) -> None:
        """Some of these may send again; who has sent last is the last."""
        waiting = [s for s in streams if s.outbound.has_more]
        if len(waiting) > 1:
            waiting.sort(key=lambda s: s.outbound.turn)
        for stream in waiting:
            self.ready(stream)

    def run(self) -> None:
        """Let everybody send what can be sent."""
        if self._running:
            return  # somebody who sends has written; the loop below goes on
        self._running, self._hastens = True, self._way.is_prompt
        self.starved = False
        try:
            while self._waiting and not self._way.blocked:
                self._turn(self._waiting.next())
        finally:
            self._running = False
        self._write()

    def _turn(self, stream: Sender) -> None:
        outbound, quota = stream.outbound, self._quantum
        window = self._window(stream) if outbound.size else 0
        while outbound.size and quota > 0 < window and not self._way.blocked:
            sent = self._send(stream, outbound.take(min(window, quota)))
            quota, window = quota - sent, window - sent
        if outbound.over:
            self._end(stream)
        elif outbound.size and (quota <= 0 or self._way.blocked):
            self._waiting.add(stream, again=True)
        elif outbound.size:
            self.starved = True
        outbound.drained()

    def _window(self, stream: Sender) -> int:
        # It may be below zero, after a change of settings (section 6.9.2).
        return self._credit.window(stream.stream_id)

    def _end(self, stream: Sender) -> None:
        # Neither takes any window (section 6.9.1).
        trailers = stream.outbound.trailers
        if trailers:
            self._h2.send_headers(stream.stream_id, trailers, end_stream=True)
        else:
            self._h2.end_stream(stream.stream_id)
        self._ended(stream)

    def _send(self, stream: Sender, data: Buffer) -> int:
        size, longest = len(data), self._h2.max_outbound_frame_size
        pieces = [data[at : at + longest] for at in range(0, size, longest)]
        last = stream.outbound.over and not stream.outbound.trailers
        ahead = self._credit.send(stream.stream_id, pieces, end=last)
        if self._hastens and not last:
            ahead = self._hasten(ahead)
        self._way.send_ahead(ahead)
        self._frames += len(pieces)
        stream.outbound.turn = self._frames
        self._frames_sent(len(pieces), size)
        if last:
            self._ended(stream)
        self._unflushed += size
        if self._unflushed >= self._batch:
            self._write()
        return size

    def _hasten(self, ahead: list[Buffer]) -> list[Buffer]:
        self._hastens = False
        if len(ahead) <= _FIRST:
            return ahead
        self._way.send_first(ahead[:_FIRST])
        return ahead[_FIRST:]

    def _ended(self, stream: Sender) -> None:
        stream.outbound.close()
        stream.end_sent()

    def _write(self) -> None:
        self._unflushed = 0
        self._way.flush()
