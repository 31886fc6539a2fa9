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
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event, RemoteSettingsChanged, TrailersReceived, WindowUpdated
from h2.events import StreamReset as ResetEvent
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from txmultipart.http2.books import own_code, table_changed
from txmultipart.http2.errors import (
    ConnectionBroken,
    ConnectionTerminated,
    MalformedMessage,
    StreamReset,
    code_name,
)
from txmultipart.http2.fields import check_trailers
from txmultipart.http2.floods import Floods
from txmultipart.http2.frames import HEADER, goaway
from txmultipart.http2.linger import Linger
from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.output import Output
from txmultipart.http2.reading import ReadSize
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


class Connection(Output):
    """Moves frames between a transport, h2 and the streams.

    A subclass says what happens on an event of h2, and makes the streams.
    """

    #: Whether the peer begins with the preface of section 3.4, and who it talks to.
    preface = True
    #: Who it is, in texts.
    peer = "the client"
    make_receiver: type[Receiver] = Receiver

    def __init__(
        self, h2: H2Connection, clock: IReactorTime, options: HTTP2Options
    ) -> None:
        super().__init__(h2, clock, options)
        self.stage = Stage.OPEN
        self.streams: dict[int, Stream] = {}
        self.budget = Budget(options)
        self.floods = Floods(options, clock.seconds)
        self.receiver = self.make_receiver(h2, options, self.floods, self)
        self._splitter = Splitter(
            self.receiver, options, self.floods, preface=self.preface
        )
        self._scheduler = Scheduler(h2, self, frames_sent=self.floods.data_sent)
        #: What is done about an event of h2; most need nothing.
        self.handlers: dict[type[Event], Any] = {
            TrailersReceived: self.trailers_received,
            ResetEvent: self.stream_reset,
            WindowUpdated: self._window_updated,
            RemoteSettingsChanged: self.settings_changed,
        }
        # As long as a DATA frame of a peer that fills them.
        self._frame = HEADER.size + options.max_frame
        self._busy = False

    # The transport ----------------------------------------------------------------

    def connectionMade(self) -> None:
        """Say hello."""
        super().connectionMade()
        self._read_size = ReadSize(self.transport)
        self._linger = Linger(self.transport)
        self.flush()

    def dataReceived(self, data: bytes) -> None:
        """Some bytes; what they lead to is written when all have been looked at."""
        if self.stage is Stage.CLOSED:
            return
        self.begin_answer()
        self._busy = True
        try:
            self._splitter.receive(data)
            self._read_size.adapt(len(data), self._splitter.begun, self._frame)
            self._give_credit_back()
        except ConnectionBroken as error:
            self.fail(error.error_code, self._broke_rule(error.error_code, str(error)))
        except ProtocolError as error:
            self._fail_by_h2(error)
        finally:
            self._busy = False
        self.pump()
        self.end_answer()
        self._linger.listen(self._waits_for_window)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The transport is gone."""
        self._read_size.stop()
        self.closed()
        self.over(reason)

    # Output -----------------------------------------------------------------------

    @property
    def is_silent(self) -> bool:
        """Whether the last word was said."""
        return self.stage is Stage.CLOSED

    def pump(self) -> None:
        """Send what can be sent, unless that is about to be done anyway."""
        if not self._busy and self.stage is not Stage.CLOSED:
            self._scheduler.run()

    def ready(self, stream: Stream) -> None:
        """A stream has something to send."""
        self._scheduler.ready(stream)
        self.pump()

    def _waits_for_window(self) -> bool:
        return self._scheduler.starved and self.is_free

    def window_opened(self, stream_id: int) -> None:
        """The peer takes more on this stream; 0: on any."""
        chosen = self.find(stream_id) if stream_id else None
        streams = [chosen] if chosen else list(self.streams.values())
        self._scheduler.window_opened(streams)

    def _give_credit_back(self) -> None:
        past_h2 = self.receiver.credit()
        if past_h2:
            self.flush()
            self.say(past_h2)

    # Streams ----------------------------------------------------------------------

    def find(self, stream_id: int) -> Stream | None:
        """The stream of this number, if it is open."""
        return self.streams.get(stream_id)

    def is_open(self, stream: Stream) -> bool:
        """Whether it is one of those that are open."""
        return self.streams.get(stream.stream_id) is stream

    def has_window(self, stream: Any) -> bool:
        """Whether it could send, were it alone."""
        in_books = self.h2.streams.get(stream.stream_id)
        return in_books is not None and in_books.outbound_flow_control_window > 0

    def end_sent(self, stream: Stream) -> None:
        """All that a stream had to send was sent; its peer may still send."""
        raise NotImplementedError

    def body_ended(self, stream: Any) -> None:
        """The last byte of a body is here."""
        if stream.is_over:
            self.forget(stream)

    def goaway(self, last_stream_id: int, error_code: int) -> None:
        """The peer wants no more streams; those that are open go on (section 6.8)."""
        if self.stage is Stage.OPEN:
            self.stage = Stage.LEAVING
        self.leave_if_idle()

    def priority_changed(self, stream_id: int, value: bytes) -> None:
        """The peer would have this answer earlier, or later: for who has answers."""

    def reordered(self, stream: Stream) -> None:
        """A stream has another priority."""
        self._scheduler.reordered(stream)

    def give_credit(self, stream: Stream, size: int) -> None:
        """The peer may send so much more on a stream."""
        self.h2.increment_flow_control_window(size, stream.stream_id)
        self.pump()

    def send_head(self, stream: Stream, head: Any, *, end: bool) -> None:
        """Send HEADERS."""
        self.h2.send_headers(stream.stream_id, head, end_stream=end)
        if end:
            stream.outbound.close()
            stream.end_sent()
        self.pump()

    def reset(self, stream: Any, error: StreamReset) -> None:
        """Reset a stream, if it is open; who has to do with it is told a little later."""
        if self.is_open(stream):
            self.break_off(stream, error.error_code)
            self.clock.callLater(0, stream.lost, Failure(error))

    def break_off(self, stream: Any, error_code: int) -> None:
        """Reset a stream, if it is open, and tell nobody but the peer."""
        if not self.is_open(stream):
            return
        if not stream.is_over:
            self.h2.reset_stream(stream.stream_id, error_code)
            self.receiver.was_reset(stream)
        self.forget(stream)
        self.pump()

    def forget(self, stream: Stream) -> None:
        """A stream is over."""
        self.streams.pop(stream.stream_id, None)
        self._scheduler.gone(stream)
        stream.close()
        self.leave_if_idle()

    def over(self, reason: Failure) -> None:
        """Nothing more is said, and nothing heard: every stream is lost."""
        self.stage = Stage.CLOSED
        self._splitter.stop()
        streams = list(self.streams.values())
        self.streams.clear()
        for stream in streams:
            stream.close()
            stream.lost(reason)

    # What h2 says -----------------------------------------------------------------

    def happened(self, event: Event) -> None:
        """Do what is to be done about it."""
        handler = self.handlers.get(type(event))
        if handler is not None:
            handler(event)

    def settings_changed(self, event: RemoteSettingsChanged) -> None:
        """The peer has other settings: its table, and the first window of streams."""
        if SettingCodes.HEADER_TABLE_SIZE in event.changed_settings:
            table_changed(self.h2.encoder)
        self.window_opened(0)

    def _window_updated(self, event: WindowUpdated) -> None:
        self.window_opened(event.stream_id)

    def trailers_received(self, event: TrailersReceived) -> None:
        """Fields have come that end a body."""
        stream = self.find(event.stream_id)
        if stream is None:
            return
        try:
            check_trailers(event.headers)
            if not stream.inbound.fits(0, True):
                raise MalformedMessage("not the length it said")
        except MalformedMessage as error:
            stream.inbound.remote_ended = True
            self.floods.resets.take()
            self.reset(
                stream,
                StreamReset(
                    error.error_code,
                    message=f"{self.peer} sent trailers that are malformed: {error}",
                ),
            )
            return
        stream.inbound.end()
        self.body_ended(stream)

    def stream_reset(self, event: ResetEvent) -> None:
        """One side has reset a stream."""
        self.floods.resets.take()
        stream = self.find(event.stream_id)
        if stream is not None:
            if not event.remote_reset:
                self.receiver.was_reset(stream)
            self.forget(stream)
            stream.lost(Failure(self._reset_by(event)))

    def _reset_by(self, event: ResetEvent) -> StreamReset:
        who = self.peer if event.remote_reset else "we"
        said = f"{who} reset the stream: {code_name(event.error_code)}"
        return StreamReset(event.error_code, event.remote_reset, said)

    # The end ----------------------------------------------------------------------

    def leave_if_idle(self) -> None:
        """Close, if that was all that there was to do."""
        if self.stage is Stage.LEAVING and not self.streams:
            self.finish()

    def finish(self) -> None:
        """Close; all that there was to do was done."""
        self.fail(ErrorCodes.NO_ERROR)

    def _fail_by_h2(self, error: ProtocolError) -> None:
        code = own_code(error)
        if code is None:
            self.flush()  # its GOAWAY is among that
            self._close(error.error_code, self._broke_rule(error.error_code))
        else:
            self.h2.clear_outbound_data_buffer()
            self.fail(code, self._broke_rule(code))

    def _broke_rule(self, error_code: int, which: str = "") -> str:
        # Not what h2 says: that may hold values of fields.
        name = code_name(error_code)
        return f"{self.peer} broke a rule: " + (f"{which} ({name})" if which else name)

    def fail(
        self, error_code: int, message: str = "", *, in_peace: bool = False
    ) -> None:
        """Say GOAWAY and close; ``NO_ERROR`` is a code as well (section 5.4.1).

        ``message`` is for those who lose their streams by it. ``in_peace``: the peer
        has time to read what was sent.
        """
        if self.stage is not Stage.CLOSED:
            self.flush()
            last = self.h2.highest_inbound_stream_id
            self.transport.write(goaway(last, error_code))
            self._close(error_code, message, in_peace=in_peace)

    def _close(self, error_code: int, message: str, *, in_peace: bool = False) -> None:
        self.stage = Stage.CLOSED
        self.close(in_peace=in_peace)
        self.over(Failure(ConnectionTerminated(error_code, message=message)))
