"""Connection: h2 on a Twisted transport, whatever the streams are about.

::

    state    meaning                         new streams
    OPEN     all goes on                     welcome
    LEAVING  one side has said GOAWAY        refused; closed after the last stream
    CLOSED   we have said our last word      -

    event                           OPEN      LEAVING   CLOSED
    GOAWAY came                     LEAVING   -         -
    the last stream ends            -         CLOSED    -
    the peer broke a rule           CLOSED    CLOSED    -
    connection lost                 CLOSED    CLOSED    -

After the last word the transport is closed, and some time later aborted: it may never
get rid of what it has to write.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event
from h2.exceptions import ProtocolError
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from txmultipart.http2.books import own_code
from txmultipart.http2.errors import (
    ConnectionBroken,
    ConnectionTerminated,
    StreamReset,
)
from txmultipart.http2.floods import Floods
from txmultipart.http2.frames import goaway
from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.reading import adapt_reading
from txmultipart.http2.receiver import Receiver
from txmultipart.http2.scheduler import Scheduler
from txmultipart.http2.splitter import Splitter
from txmultipart.http2.stream import Stream
from txmultipart.http2.window import Budget


class Stage(Enum):
    """How far a connection has come; see the tables above."""

    OPEN = "open"
    LEAVING = "leaving"
    CLOSED = "closed"


@implementer(IPushProducer)
class Connection(Protocol):
    """Moves frames between a transport, h2 and the streams.

    A subclass says what happens on an event of h2, and makes the streams.
    """

    transport: Any

    def __init__(
        self, h2: H2Connection, clock: IReactorTime, options: HTTP2Options
    ) -> None:
        self.stage = Stage.OPEN
        self.streams: dict[int, Stream] = {}
        self.clock = clock
        self.options = options
        self.budget = Budget(options)
        self.h2 = h2
        self.floods = Floods(options, clock.seconds)
        self.receiver = Receiver(h2, options, self.floods, self)
        self._splitter = Splitter(self.receiver, options, self.floods)
        self._scheduler = Scheduler(
            h2, options, flush=self.flush, frame_sent=self.floods.data_sent
        )
        self._busy = False
        self._deaf = False
        self._unread = 0  # bytes written while the transport took no more
        self._abort: IDelayedCall | None = None

    # The transport ----------------------------------------------------------------

    def connectionMade(self) -> None:
        """Say hello."""
        self.transport.registerProducer(self, True)
        self.flush()

    def dataReceived(self, data: bytes) -> None:
        """Some bytes; what they lead to is written when all have been looked at."""
        if self.stage is Stage.CLOSED:
            return
        adapt_reading(self.transport, len(data))
        self._busy = True
        try:
            self._splitter.receive(data)
            self._give_credit_back()
        except ConnectionBroken as error:
            self.fail(error.error_code)
        except ProtocolError as error:
            self._fail_by_h2(error)
        finally:
            self._busy = False
        self.pump()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The transport is gone."""
        self.stage = Stage.CLOSED
        if self._abort is not None and self._abort.active():
            self._abort.cancel()
        self._lose_streams(reason)

    def pauseProducing(self) -> None:
        """The transport takes no more."""
        self._scheduler.blocked = True

    def resumeProducing(self) -> None:
        """It does again."""
        self._scheduler.blocked = False
        self._unread = 0
        if self._deaf:
            self._deaf = False
            self.transport.resumeProducing()
        self.pump()

    def stopProducing(self) -> None:
        """The transport is about to be lost."""
        self._scheduler.blocked = True

    # Output -----------------------------------------------------------------------

    def pump(self) -> None:
        """Send what can be sent, unless that is about to be done anyway."""
        if not self._busy and self.stage is not Stage.CLOSED:
            self._scheduler.run()

    def ready(self, stream: Stream) -> None:
        """A stream has something to send."""
        self._scheduler.ready(stream)
        self.pump()

    def window_opened(self, stream_id: int) -> None:
        """The peer takes more on this stream; 0: on any."""
        chosen = self.find(stream_id) if stream_id else None
        streams = [chosen] if chosen else list(self.streams.values())
        self._scheduler.window_opened(streams)

    def flush(self) -> None:
        """Write what h2 has to say."""
        self._write(self.h2.data_to_send())

    def _write(self, data: bytes) -> None:
        if data and self.stage is not Stage.CLOSED:
            self.transport.write(data)
            if self._scheduler.blocked:
                self._listen_less(len(data))

    def _listen_less(self, size: int) -> None:
        # Whoever asks, and does not read our answers, is not heard any more.
        self._unread += size
        if self._unread > self.options.max_unread_control and not self._deaf:
            self._deaf = True
            self.transport.pauseProducing()

    def _give_credit_back(self) -> None:
        past_h2 = self.receiver.credit()
        if past_h2:
            self.flush()
            self._write(past_h2)

    # Streams ----------------------------------------------------------------------

    def find(self, stream_id: int) -> Stream | None:
        """The stream of this number, if it is open."""
        return self.streams.get(stream_id)

    def happened(self, event: Event) -> None:
        """h2 says that something has happened."""
        raise NotImplementedError

    def body_ended(self, stream: Any) -> None:
        """The last byte of a body is here."""
        raise NotImplementedError

    def goaway(self, last_stream_id: int, error_code: int) -> None:
        """The peer wants no more streams; those that are open go on (section 6.8)."""
        if self.stage is Stage.OPEN:
            self.stage = Stage.LEAVING
        self._leave_if_idle()

    def give_credit(self, stream: Stream, size: int) -> None:
        """The peer may send so much more on a stream."""
        self.h2.increment_flow_control_window(size, stream.stream_id)
        self.pump()

    def send_head(self, stream: Stream, head: Any, *, end: bool) -> None:
        """Send the head of an answer."""
        self.h2.send_headers(stream.stream_id, head, end_stream=end)
        if end:
            stream.outbound.close()
            stream.end_sent()
        self.pump()

    def reset(self, stream: Any, error: StreamReset) -> None:
        """Reset a stream; its request is told a little later."""
        if stream not in self.streams.values():
            return
        if not stream.is_over:
            self.h2.reset_stream(stream.stream_id, error.error_code)
            self.receiver.was_reset(stream)
        self.forget(stream)
        self.clock.callLater(0, stream.lost, Failure(error))
        self.pump()

    def forget(self, stream: Stream) -> None:
        """A stream is over."""
        self.streams.pop(stream.stream_id, None)
        stream.close()
        self._leave_if_idle()

    def _lose_streams(self, reason: Failure) -> None:
        streams = list(self.streams.values())
        self.streams.clear()
        for stream in streams:
            stream.close()
            stream.lost(reason)

    # The end ----------------------------------------------------------------------

    def _leave_if_idle(self) -> None:
        if self.stage is Stage.LEAVING and not self.streams:
            self.fail(ErrorCodes.NO_ERROR)

    def _fail_by_h2(self, error: ProtocolError) -> None:
        code = own_code(error)
        if code is None:
            self.flush()  # its GOAWAY is among that
            self._close(error.error_code)
        else:
            self.h2.clear_outbound_data_buffer()
            self.fail(code)

    def fail(self, error_code: int) -> None:
        """Say GOAWAY and close; ``NO_ERROR`` is a code as well (section 5.4.1)."""
        if self.stage is not Stage.CLOSED:
            self.flush()
            last = self.h2.highest_inbound_stream_id
            self.transport.write(goaway(last, error_code))
            self._close(error_code)

    def _close(self, error_code: int) -> None:
        self.stage = Stage.CLOSED
        # A transport with a producer does not close before that has ended.
        self.transport.unregisterProducer()
        self.transport.loseConnection()
        self._abort = self.clock.callLater(
            self.options.abort_time, self.transport.abortConnection
        )
        self._lose_streams(Failure(ConnectionTerminated(error_code)))
