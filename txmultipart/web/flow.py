"""Lets a channel read a request's body, or keeps it from it.

``BodyFlow`` does so with a channel of HTTP/1.1, ``StreamFlow`` with a stream of HTTP/2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from twisted.internet.interfaces import IPushProducer
from twisted.web.http import HTTPChannel
from zope.interface import implementer

from txmultipart.errors import ContentNotHere
from txmultipart.http2 import Alarm, Patience, ServerStream, Stopwatch
from txmultipart.web import http1
from txmultipart.web.trailers import Field, allowed, parse_lines


def request_line(channel: Any) -> http1.RequestLine | None:
    """That of the request whose headers have come; None where no body can stream."""
    if isinstance(channel, ServerStream):
        return http1.RequestLine(*channel.request_line)
    return http1.request_line(channel) if isinstance(channel, HTTPChannel) else None


def make_flow(
    channel: Any, length: int | None, *, expects: bool, least_rate: int
) -> Flow:
    """The producer of the body that comes on ``channel``."""
    if isinstance(channel, ServerStream):
        return StreamFlow(channel, expects=expects)
    return BodyFlow(channel, length, expects=expects, least_rate=least_rate)


@implementer(IPushProducer)
class BodyFlow:
    """The producer of one request's body: the channel's transport.

    ``expects`` says that the sender waits for ``100 Continue``; it is sent when
    the body is first wanted, so that a refusal comes before a byte was sent.

    A sender that brings less than ``least_rate`` bytes a second for longer than the
    channel's timeout, while it is not held back, is given up, whatever else it sends:
    extensions of chunks, say, or trailers. One that sends nothing for so long the
    channel itself gives up.
    """

    def __init__(
        self,
        channel: HTTPChannel,
        length: int | None,
        *,
        expects: bool,
        least_rate: int,
    ) -> None:
        self.expects = expects
        #: Bytes of the body that have come.
        self.received = 0
        self._channel = channel
        self._transport: Any = channel.transport
        self._length = length
        self._paused = False
        self._ended = False
        self._timeout: float | None = None
        self._lingering: Any = None
        self._decoder = http1.body_decoder(channel)
        self._is_open = Stopwatch(http1.seconds(channel))
        self._is_open.start()
        self._waited = 0.0
        patience = channel.timeOut
        self._patience = None if patience is None else Patience(patience, least_rate)
        clock: Any = channel
        self._alarm = Alarm(clock, self._look)
        self._wait()

    def came(self, size: int) -> None:
        """So many bytes of the body have come."""
        self.received += size
        if self._patience is None:
            return
        waited, self._waited = self._is_open.total - self._waited, self._is_open.total
        self._patience.spend(waited, size)
        if self._patience.is_spent and self.received != self._length:
            self._time_out()

    def _wait(self) -> None:
        # It is not put off by each byte, nor stopped while the sender is held back:
        # when it rings too early it is set anew.
        if self._patience is not None:
            self._alarm.set(max(1.0, self._patience.left))

    def _look(self) -> None:
        self._wait()
        self.came(0)

    def _time_out(self) -> None:
        self._alarm.set(None)
        self._patience = None
        # As the channel does it, which sees to it that the connection is really closed.
        http1.hold_timeout(self._channel)
        self._channel.timeoutConnection()

    @property
    def trailers(self) -> list[Field]:
        """What came after the body, when it has ended (RFC 9112 section 7.1.2)."""
        return parse_lines(http1.trailer_lines(self._decoder))

    def pauseProducing(self) -> None:
        """Read nothing from the connection.

        It may be said again: the channel itself resumes reading when what it
        had to write is out.
        """
        if self._ended:
            return
        if not self._paused:
            self._paused = True
            self._is_open.stop()
            self._timeout = http1.hold_timeout(self._channel)
        self._transport.pauseProducing()

    def resumeProducing(self) -> None:
        """Read on."""
        if self._ended:
            return
        if self.expects:
            self.expects = False
            if not self.received:
                http1.send_continue(self._channel)
        if self._paused:
            self._paused = False
            self._is_open.start()
            http1.restore_timeout(self._channel, self._timeout)
            self._transport.resumeProducing()

    def stopProducing(self) -> None:
        """The body is wanted no more; how it goes on is decided when the answer is out."""
        self.pauseProducing()

    def may_drain(self, limit: int) -> bool:
        """Whether at most ``limit`` bytes are still to come, and surely will."""
        if self._length is None or self.expects:
            return False
        return self._length - self.received <= limit

    def linger(self, seconds: float) -> None:
        """Close the connection after ``seconds`` if the body has not ended by then."""
        self._lingering = self._channel.callLater(seconds, self.give_up)

    def give_up(self) -> None:
        """Close the connection now."""
        if not self._ended:
            self._channel.loseConnection()

    def end(self) -> None:
        """The body has ended, or the connection is lost."""
        self._ended = True
        self._alarm.set(None)
        if self._lingering is not None and self._lingering.active():
            self._lingering.cancel()
        if self._paused:
            self._paused = False
            http1.restore_timeout_after_request(self._channel, self._timeout)
            # Or nobody would notice when the peer goes away.
            self._transport.resumeProducing()


@implementer(IPushProducer)
class StreamFlow:
    """The same for a stream of HTTP/2, which stands in nobody's way.

    When the answer is out it ends by itself, whatever is still to come.
    """

    def __init__(self, stream: ServerStream, *, expects: bool) -> None:
        self.expects = expects
        #: Bytes of the body that have come.
        self.received = 0
        self._stream = stream

    def came(self, size: int) -> None:
        """So many bytes of the body have come; the connection judges how fast."""
        self.received += size

    @property
    def trailers(self) -> list[Field]:
        """What came after the body, when it has ended."""
        return allowed(self._stream.trailers)

    def pauseProducing(self) -> None:
        """Let the peer send no more than its window."""
        self._stream.pauseProducing()

    def resumeProducing(self) -> None:
        """Let it send on."""
        if self.expects:
            self.expects = False
            self._stream.send_continue()
        self._stream.resumeProducing()

    def stopProducing(self) -> None:
        """The body is wanted no more."""
        self._stream.stopProducing()

    def end(self) -> None:
        """The body has ended, or the stream is lost."""


Flow = BodyFlow | StreamFlow


class Drain:
    """Drops bytes, and gives up when there are more than ``limit``."""

    def __init__(self, limit: int, give_up: Callable[[], None]) -> None:
        self._left = limit
        self._give_up = give_up

    def write(self, data: bytes) -> None:
        """Drop some bytes."""
        self._left -= len(data)
        if self._left < 0:
            self._give_up()


class NoContent:
    """What ``request.content`` is while the body streams: an empty file would
    look like an empty upload."""

    def __getattr__(self, name: str) -> NoReturn:
        raise ContentNotHere(
            "the body of this request streams: use get_body(request), not its content"
        )

    def close(self) -> None:
        """There is nothing to close."""
