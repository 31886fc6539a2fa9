"""Client: the client's side of a connection: many requests to one server at a time.

::

    state    new requests                      a request that is under way
    OPEN     as long as there is room          goes on
    LEAVING  none                              goes on; after the last one it is closed
    CLOSED   none                              -

    event                             then
    GOAWAY                            LEAVING; what the server did not look at is lost,
                                      and may be sent again
    many requests were made           LEAVING
    the server does not answer PINGs  LEAVING, or with ``ping_interval`` CLOSED
    no SETTINGS in time               CLOSED

What the server does wrong about one request costs that request alone, as far as
RFC 9113 allows.
"""

from __future__ import annotations

from typing import Any, cast

from h2.errors import ErrorCodes
from h2.events import (
    InformationalResponseReceived,
    PingAckReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    TrailersReceived,
)
from h2.events import StreamReset as ResetEvent
from h2.settings import SettingCodes
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from txmultipart.errors import MisuseError
from txmultipart.http2.alarm import Alarm
from txmultipart.http2.books import client_books
from txmultipart.http2.client_fields import RequestFields, request_block
from txmultipart.http2.client_options import ClientOptions
from txmultipart.http2.client_receiver import ClientReceiver
from txmultipart.http2.client_stream import ClientStream, Listener, State
from txmultipart.http2.connection import Connection, Stage
from txmultipart.http2.errors import ConnectionTerminated, StreamReset, code_name
from txmultipart.http2.keepalive import Keepalive
from txmultipart.http2.observer import Observer
from txmultipart.http2.rules import NOT_HTTP2
from txmultipart.http2.slots import PING, Slots
from txmultipart.http2.stalls import Stalls, Watched
from txmultipart.http2.stream import Stream

_DEFAULTS = ClientOptions()

#: What a PING says that asks whether anybody is there.
_ALIVE = b"tx alive"

#: Stream identifiers beyond that are left unused: 2**31 is the end (section 5.1.1).
_LAST_STREAM = 1 << 30


class Client(Connection):
    """Sends requests on one connection; a protocol, to be connected to a transport
    that speaks HTTP/2 (by ALPN, or by prior knowledge)."""

    preface = False
    peer = "the server"
    make_receiver = ClientReceiver
    options: ClientOptions

    def __init__(
        self,
        clock: IReactorTime,
        observer: Observer,
        *,
        options: ClientOptions = _DEFAULTS,
    ) -> None:
        super().__init__(client_books(options), clock, options)
        self._observer = observer
        self._slots = Slots(options.max_streams, options.streams_at_first)
        self._opened = 0
        self._greeted = self._has_left = False
        self._last_word: Failure | None = None
        self._greeting = Alarm(clock, self._not_greeted)
        self._unanswered = Alarm(clock, self.leave)  # a PING
        self._stalls = Stalls(
            clock,
            time=options.stall_time,
            rate=options.least_rate,
            stalled=self._stalled,
            has_window=self.has_window,
        )
        self._keepalive = Keepalive(
            clock,
            options.ping_interval,
            options.ping_time,
            ask=lambda: self._ping(_ALIVE),
            give_up=self._give_up,
        )
        self.handlers |= {
            InformationalResponseReceived: self._informed,
            ResponseReceived: self._responded,
            PingAckReceived: self._ping_answered,
        }

    # Who sends requests calls these -------------------------------------------------

    @property
    def usable(self) -> bool:
        """Whether new requests are welcome, now or when there is room again."""
        return self.stage is Stage.OPEN and self.transport is not None

    @property
    def room(self) -> int:
        """How many requests may be sent now."""
        return self._slots.free(len(self.streams)) if self.usable else 0

    @property
    def allowed(self) -> int:
        """How many requests may be under way at a time, as far as is known."""
        return self._slots.allowed

    def open(
        self, request: RequestFields, listener: Listener, *, end: bool
    ) -> ClientStream:
        """Send the head of a request; ``end``: it has no body.

        ``UnsendableFields`` if it cannot be sent, ``MisuseError`` if there is no room;
        then nothing was sent, and the connection is as it was.
        """
        if not self.room:
            raise MisuseError("this connection has no room for a request")
        most = self.h2.remote_settings.max_header_list_size
        block = request_block(request, ended=end, most=most)
        stream_id = self.h2.get_next_available_stream_id()
        stream = ClientStream(stream_id, request.method, self, listener)
        self.streams[stream_id] = stream
        self.floods.stream_opened()
        self.send_head(stream, block, end=end)
        self._streams_changed()
        self._opened += 1
        if self._opened >= self.options.retire_after or stream_id > _LAST_STREAM:
            self.leave()
        return stream

    def leave(self) -> None:
        """Take no new requests, and close after the last one; at any time."""
        if self.stage is Stage.OPEN:
            self.stage = Stage.LEAVING
            self._say_leaving()
        self.leave_if_idle()

    def abort(self, reason: Failure) -> None:
        """Close at once: all requests are lost, for this reason."""
        self.over(reason)
        if self.transport is not None:
            self.transport.abortConnection()

    # The transport ------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Say hello, and wait for the server's."""
        super().connectionMade()
        self._greeting.set(self.options.preface_time)

    def dataReceived(self, data: bytes) -> None:
        """Some bytes."""
        self._keepalive.heard()
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Nobody is there any more."""
        super().connectionLost(self._last_word or reason)
        self._observer.gone(self, self._last_word or reason)

    def over(self, reason: Failure) -> None:
        """Nothing more is said, and nothing heard: every request is lost."""
        self._last_word = self._last_word or reason
        self.stage = Stage.CLOSED
        self._greeting.set(None)
        self._unanswered.set(None)
        self._say_leaving()
        super().over(reason)
        self._watch(())

    def _say_leaving(self) -> None:
        if not self._has_left:
            self._has_left = True
            self._observer.leaving(self)

    # Time ---------------------------------------------------------------------------

    def _not_greeted(self) -> None:
        waited = f"no SETTINGS came within {self.options.preface_time:g} seconds"
        self.fail(ErrorCodes.SETTINGS_TIMEOUT, f"{waited}; {NOT_HTTP2}")

    def _give_up(self) -> None:
        self.abort(Failure(ConnectionLost("the server does not answer a PING")))

    def _stalled(self, stream: Any) -> None:
        self.reset(stream, StreamReset(ErrorCodes.CANCEL, message="the server stalled"))

    def _ping(self, data: bytes) -> None:
        self.h2.ping(data)
        self.flush()

    def _streams_changed(self) -> None:
        self._watch(self.streams.values())

    def _watch(self, streams: Any) -> None:
        self._stalls.watch(streams)
        self._keepalive.watch(bool(streams))

    def _room_changed(self) -> None:
        if self.stage is not Stage.CLOSED:
            self._streams_changed()
            self._observer.room_changed(self)

    # What h2 says -------------------------------------------------------------------

    def settings_changed(self, event: RemoteSettingsChanged) -> None:
        """The server has settings: the first ones are its preface (section 3.4)."""
        super().settings_changed(event)
        if SettingCodes.MAX_CONCURRENT_STREAMS in event.changed_settings:
            self._slots.allow(self.h2.remote_settings.max_concurrent_streams)
        elif not self._greeted:
            self._slots.allow(self.options.max_streams)
        if not self._greeted:
            self._greeted = True
            self._greeting.set(None)
            self._observer.ready(self)
        self._room_changed()

    def _informed(self, event: InformationalResponseReceived) -> None:
        self._answering(event).informed()

    def _responded(self, event: ResponseReceived) -> None:
        stream = self._answering(event)
        stream.responded()
        if stream.inbound.remote_ended:
            self._end(stream)

    def trailers_received(self, event: TrailersReceived) -> None:
        """Fields have come that end an answer."""
        self._end(self._answering(event))

    def _end(self, stream: ClientStream) -> None:
        self.body_ended(stream)
        stream.inbound.end()

    def _answering(
        self, event: InformationalResponseReceived | ResponseReceived | TrailersReceived
    ) -> ClientStream:
        """The stream, which is there: the receiver has asked it about the head."""
        stream = cast(ClientStream, self.streams[event.stream_id])
        # Before anybody is told of anything: h2 resets no stream that it has seen end.
        stream.inbound.remote_ended = getattr(event, "stream_ended", None) is not None
        if self._slots.answered(event.stream_id):
            self._room_changed()
        return stream

    def _ping_answered(self, event: PingAckReceived) -> None:
        if event.ping_data == PING:
            self._unanswered.set(None)
            if self._slots.ping_answered():
                self._room_changed()

    def stream_reset(self, event: ResetEvent) -> None:
        """One side has reset a stream."""
        stream = cast(ClientStream | None, self.find(event.stream_id))
        refused = event.error_code == ErrorCodes.REFUSED_STREAM and event.remote_reset
        if stream is not None and refused:
            stream.processed = stream.state is not State.WAITING  # Section 8.7
        super().stream_reset(event)

    def goaway(self, last_stream_id: int, error_code: int) -> None:
        """The server wants no more requests, and did nothing about some (section 6.8)."""
        said = f"the server said GOAWAY: {code_name(error_code)}"
        reason = Failure(ConnectionTerminated(error_code, remote=True, message=said))
        if error_code:
            self._last_word = self._last_word or reason
        self.leave()
        streams = cast(list[ClientStream], list(self.streams.values()))
        # One whose answer has ended can have been late by mistake only.
        late = [s for s in streams if s.stream_id > last_stream_id and not s.is_over]
        self._drop(late)
        for stream in late:
            stream.close()
            stream.lost(reason)
        self._streams_changed()
        self.leave_if_idle()

    def _drop(self, streams: list[ClientStream]) -> None:
        """Forget streams that the server knows nothing of: it is sent no resets."""
        self.flush()
        for stream in streams:
            stream.processed = stream.state is not State.WAITING
            self.h2.reset_stream(stream.stream_id, ErrorCodes.CANCEL)
            self.receiver.was_reset(stream)
            self._stalls.gone(cast(Watched, stream))
            self._scheduler.gone(stream)
            del self.streams[stream.stream_id]
        self.h2.clear_outbound_data_buffer()

    # The end of a stream ------------------------------------------------------------

    def end_sent(self, stream: Stream) -> None:
        """All of a request was sent: from now on it is the server's turn."""
        stream.inbound.is_due = True

    def body_ended(self, stream: Any) -> None:
        """All of an answer is here, perhaps before all of its request was sent."""
        if self.is_open(stream):
            stream.state = State.WHOLE
            refused = not stream.outbound.closed
            self.break_off(stream, ErrorCodes.NO_ERROR)
            if refused:
                stream.refused()

    def reset(self, stream: Any, error: StreamReset) -> None:
        """Reset a stream, if it is open, and tell its listener."""
        if self.is_open(stream):
            self.break_off(stream, error.error_code)
            stream.lost(Failure(error))

    def break_off(self, stream: Any, error_code: int) -> None:
        """Reset a stream, if it is open, and tell nobody but the server."""
        asks = (
            self.is_open(stream)
            and not stream.inbound.remote_ended
            and self._slots.reset(self.h2.highest_outbound_stream_id)
        )
        super().break_off(stream, error_code)
        if asks and self.stage is not Stage.CLOSED:
            self._ping(PING)
            self._unanswered.set(self.options.reset_time)

    def forget(self, stream: Stream) -> None:
        """A stream is over."""
        self._stalls.gone(cast(Watched, stream))
        super().forget(stream)
        self._room_changed()
