"""Server: the server's side of a connection: who is let in, who is waited for.

::

    a stream that opens               is
    well-formed, with a place free    a request
    well-formed, with too many fields answered with 431
    malformed                         reset, PROTOCOL_ERROR
    one too many, or after the last   reset, REFUSED_STREAM: it may be tried again
      word, or with a body for which
      the site has no memory left and
      which is not the connection's one

    time      runs                                          then
    preface   from the start to the first SETTINGS          GOAWAY
    settings  from there till the peer agrees to ours       GOAWAY, SETTINGS_TIMEOUT
    headers   from the first byte of a block to the last    GOAWAY, ENHANCE_YOUR_CALM
    idle      while no stream is open, whatever else comes  GOAWAY
    stalls    while a stream waits for its peer             the stream is reset
    linger    from an early answer on                       reset, NO_ERROR

A peer that is answered early may still send its body. It is read and dropped, and
after a moment the stream is reset, which tells the peer to stop.
"""

from __future__ import annotations

from typing import Any, cast

from h2.errors import ErrorCodes
from h2.events import (
    PingAckReceived,
    RemoteSettingsChanged,
    RequestReceived,
    SettingsAcknowledged,
    TrailersReceived,
)
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from txmultipart.http2.alarm import Alarm
from txmultipart.http2.books import server_books
from txmultipart.http2.connection import Connection, Stage
from txmultipart.http2.errors import MalformedMessage, StreamReset
from txmultipart.http2.farewell import Farewell
from txmultipart.http2.fields import request_head
from txmultipart.http2.frames import goaway
from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.priority import parse_priority
from txmultipart.http2.server_stream import Front, ServerStream
from txmultipart.http2.stalls import Stalls, Watched
from txmultipart.http2.stream import Stream
from txmultipart.http2.window import Budget, SharedBudget

_DEFAULTS = HTTP2Options()


class Server(Connection):
    """Serves ``front`` on one connection; ``timeout`` is for idle peers, None: never.

    ``shared`` bounds what this and other connections may be made to hold together.
    """

    def __init__(
        self,
        front: Front,
        clock: IReactorTime,
        *,
        timeout: float | None = None,
        options: HTTP2Options = _DEFAULTS,
        shared: SharedBudget | None = None,
    ) -> None:
        super().__init__(server_books(options), clock, options)
        self.budget = Budget(options, shared)
        self._front = front
        self._timeout = timeout
        self._has_greeted = False
        self._requests = 0
        self._watched_block = 0
        self._idle = Alarm(clock, self._is_idle)
        self._agreement = Alarm(clock, self._no_agreement)
        self._block = Alarm(clock, self._slow_block)
        self._farewell = Farewell(self)
        self._stalls = Stalls(
            clock,
            time=timeout,
            rate=options.least_rate,
            stalled=self._stalled,
            has_window=self.has_window,
        )
        self.handlers[RequestReceived] = self._request_received
        self.handlers[SettingsAcknowledged] = self._settings_acknowledged
        self.handlers[PingAckReceived] = self._ping_acknowledged

    # Time -------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Say hello, and wait for the preface."""
        super().connectionMade()
        self._idle.set(self.options.preface_time)

    def dataReceived(self, data: bytes) -> None:
        """Some bytes; header blocks among them have to come to an end."""
        super().dataReceived(data)
        block = self._splitter.open_block if self.stage is not Stage.CLOSED else 0
        if block != self._watched_block:
            self._watched_block = block
            self._block.set(self.options.header_time if block else None)

    def over(self, reason: Failure = connectionDone) -> None:
        """Nothing more is said or heard: no time runs any more."""
        for alarm in (self._idle, self._agreement, self._block):
            alarm.set(None)
        self._farewell.stop()
        super().over(reason)
        self._stalls.watch(())

    def _is_idle(self) -> None:
        # Of the last answer some may still be on its way. A peer that has asked for
        # nothing has nothing to read.
        self.fail(ErrorCodes.NO_ERROR, in_peace=self._requests > 0)

    def _no_agreement(self) -> None:
        self.fail(ErrorCodes.SETTINGS_TIMEOUT, "the client did not agree to settings")

    def _slow_block(self) -> None:
        self.fail(ErrorCodes.ENHANCE_YOUR_CALM, "the client sends fields too slowly")

    def _streams_changed(self) -> None:
        self._idle.set(None if self.streams else self._timeout)
        self._stalls.watch(self.streams.values())

    def _stalled(self, stream: Any) -> None:
        self.reset(stream, StreamReset(ErrorCodes.CANCEL, message="the peer stalled"))

    # Leaving ----------------------------------------------------------------------

    def leave(self) -> None:
        """Take no more requests, and close when those that are here are answered.

        May be called at any time. Requests on their way are still taken (section 6.8).
        """
        if self.stage is Stage.OPEN:
            self._farewell.begin()

    def finish(self) -> None:
        """Close; the peer may still have to read what it was sent."""
        self.fail(ErrorCodes.NO_ERROR, in_peace=True)

    def give_up(self) -> None:
        """Close now, whatever is under way, and be it that we are closing in peace."""
        self.fail(ErrorCodes.NO_ERROR)
        self.hurry()

    def refuse_security(self) -> None:
        """Close at once: nothing may be said on such a line (section 9.2.2)."""
        self.fail(ErrorCodes.INADEQUATE_SECURITY)

    def last_word(self) -> None:
        """What comes from now on was not processed."""
        if self.stage is Stage.OPEN:
            self.stage = Stage.LEAVING
            if self.streams:
                self.say_goaway(self.h2.highest_inbound_stream_id)
        self.leave_if_idle()

    def say_goaway(self, last_stream_id: int) -> None:
        """Send GOAWAY without an error; not by way of h2, which would close."""
        self.flush()
        self.write(goaway(last_stream_id, ErrorCodes.NO_ERROR))

    def ping(self, data: bytes) -> None:
        """Send PING."""
        self.h2.ping(data)
        self.flush()

    def _ping_acknowledged(self, event: PingAckReceived) -> None:
        self._farewell.answered(event.ping_data)

    # What h2 says -----------------------------------------------------------------

    def _request_received(self, event: RequestReceived) -> None:
        ended = event.stream_ended is not None
        self.floods.stream_opened()
        if self.stage is not Stage.OPEN or self._is_full(ended):
            self.floods.refusals.take()
            self._refuse(event.stream_id, ErrorCodes.REFUSED_STREAM, ended)
        elif len(event.headers) > self.options.max_header_fields:
            self._answer_431(event.stream_id, ended)
        else:
            self._open(event, ended)
        self._requests += 1
        if self._requests == self.options.most_requests:
            self.leave()

    def _is_full(self, ended: bool) -> bool:
        if len(self.streams) >= self.options.max_streams:
            return True
        return not ended and not self.budget.has_room

    def _open(self, event: RequestReceived, ended: bool) -> None:
        stream_id = event.stream_id
        try:
            head = request_head(event.headers, ended=ended)
        except MalformedMessage as error:
            self.floods.resets.take()
            self._refuse(stream_id, error.error_code, ended)
            return
        stream = ServerStream(stream_id, head, self, self._front)
        self.streams[stream_id] = stream
        self._streams_changed()
        stream.begin()
        if ended:
            stream.inbound.end()

    def _refuse(self, stream_id: int, error_code: int, ended: bool) -> None:
        self.h2.reset_stream(stream_id, error_code)
        if not ended:
            self.receiver.remember(stream_id)

    def _answer_431(self, stream_id: int, ended: bool) -> None:
        # RFC 6585 section 5
        self.floods.resets.take()
        self.h2.send_headers(stream_id, [(b":status", b"431")], end_stream=True)
        if not ended:
            self._refuse(stream_id, ErrorCodes.NO_ERROR, ended)

    def settings_changed(self, event: RemoteSettingsChanged) -> None:
        """The peer has settings: the first ones end its preface."""
        if not self._has_greeted:
            self._has_greeted = True
            self._agreement.set(self.options.settings_time)
            self._streams_changed()
        super().settings_changed(event)

    def _settings_acknowledged(self, event: SettingsAcknowledged) -> None:
        self._agreement.set(None)

    def priority_changed(self, stream_id: int, value: bytes) -> None:
        """The client would have this answer earlier, or later (RFC 9218 section 7)."""
        stream: Any = self.find(stream_id)
        if stream is not None:
            stream.priority = parse_priority(value)
            self.reordered(stream)

    def trailers_received(self, event: TrailersReceived) -> None:
        """The body of a request ends with fields; base judges them."""
        stream: Any = self.find(event.stream_id)
        if stream is not None:
            stream.trailers = event.headers
        super().trailers_received(event)

    # The end of a stream ----------------------------------------------------------

    def end_sent(self, stream: Stream) -> None:
        """All of an answer was sent, perhaps before all of its request came."""
        if stream.inbound.remote_ended:
            self.forget(stream)
            return
        stream.inbound.drop()
        stream.later = self.clock.callLater(
            self.options.linger_time, self._stop_upload, stream
        )

    def _stop_upload(self, stream: Stream) -> None:
        self.reset(stream, StreamReset(ErrorCodes.NO_ERROR))

    def forget(self, stream: Stream) -> None:
        """A stream is over."""
        self._stalls.gone(cast(Watched, stream))
        super().forget(stream)
        if self.stage is not Stage.CLOSED:
            self._streams_changed()
