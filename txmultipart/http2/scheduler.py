"""Scheduler: whose turn it is to send DATA.

::

    a stream          is
    in the line       when it has something to send and may have window for it
    outside the line  when it has nothing, or no window: nobody asks it again before
                      a write, a WINDOW_UPDATE or SETTINGS brings it back

The first in the line sends up to a quantum, and goes to its end if more is left.
While the transport is full nobody sends. What was sent is written in batches.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from h2.connection import H2Connection

from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.outbound import Outbound


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

    def flush(self) -> None:
        """Write what h2 has ready."""
        ...


class Scheduler:
    """Sends what the streams of one connection have, in turns.

    ``frame_sent`` is told the size of each frame.
    """

    def __init__(
        self,
        h2: H2Connection,
        way: Way,
        *,
        frame_sent: Callable[[int], None],
    ) -> None:
        self._h2 = h2
        self._way = way
        self._quantum, self._batch = way.options.quantum, way.options.batch
        self._frame_sent = frame_sent
        self._line: deque[Sender] = deque()
        self._unflushed = 0
        self._running = False

    def ready(self, stream: Sender) -> None:
        """It has something to send."""
        if stream not in self._line:
            self._line.append(stream)

    def window_opened(self, streams: Iterable[Sender]) -> None:
        """Some of these may send again."""
        for stream in streams:
            if stream.outbound.size or stream.outbound.over:
                self.ready(stream)

    def run(self) -> None:
        """Let everybody send what can be sent."""
        if self._running:
            return  # somebody who sends has written; the loop below goes on
        self._running = True
        try:
            while self._line and not self._way.blocked:
                self._turn(self._line.popleft())
        finally:
            self._running = False
        self._write()

    def _turn(self, stream: Sender) -> None:
        outbound, quota = stream.outbound, self._quantum
        while outbound.size and quota > 0 and not self._way.blocked:
            room = min(self._room(stream), quota)
            if room <= 0:  # below zero, after a change of settings (section 6.9.2)
                break
            quota -= self._send(stream, outbound.take(room))
        if outbound.over:
            # Takes no window (section 6.9.1).
            self._h2.end_stream(stream.stream_id)
            self._ended(stream)
        elif outbound.size and (quota <= 0 or self._way.blocked):
            self.ready(stream)
        outbound.drained()

    def _room(self, stream: Sender) -> int:
        window = self._h2.local_flow_control_window(stream.stream_id)
        return min(window, self._h2.max_outbound_frame_size)

    def _send(self, stream: Sender, data: bytes) -> int:
        last = stream.outbound.over
        self._h2.send_data(stream.stream_id, data, end_stream=last)
        self._frame_sent(len(data))
        if last:
            self._ended(stream)
        self._unflushed += len(data)
        if self._unflushed >= self._batch:
            self._write()
        return len(data)

    def _ended(self, stream: Sender) -> None:
        stream.outbound.close()
        stream.end_sent()

    def _write(self) -> None:
        self._unflushed = 0
        self._way.flush()
