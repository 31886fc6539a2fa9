"""Server: the server's side of a connection: who is let in, who is waited for.

::

    a stream that opens               is
    well-formed, with a place free    a request
    well-formed, with too many fields answered with 431
    malformed                         reset, PROTOCOL_ERROR
    one too many, or after GOAWAY     reset, REFUSED_STREAM: it may be tried again

    time     runs                                          then
    preface  from the start to the first SETTINGS          GOAWAY
    idle     while no stream is open, whatever else comes  GOAWAY
    stalls   while a stream waits for its peer             the stream is reset
    linger   from an early answer on                       reset, NO_ERROR

A peer that is answered early may still send its body. It is read and dropped, and
after a moment the stream is reset, which tells the peer to stop.
"""

from __future__ import annotations

from typing import Any

from h2.errors import ErrorCodes
from h2.events import RemoteSettingsChanged, RequestReceived
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from txmultipart.http2.books import server_books
from txmultipart.http2.connection import Connection, Stage
from txmultipart.http2.errors import MalformedRequest, StreamReset
from txmultipart.http2.fields import request_head
from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.server_stream import Front, ServerStream
from txmultipart.http2.stalls import Stalls
from txmultipart.http2.stream import Stream

_DEFAULTS = HTTP2Options()


class Server(Connection):
    """Serves ``front`` on one connection; ``timeout`` is for idle peers, None: never."""

    def __init__(
        self,
        front: Front,
        clock: IReactorTime,
        *,
        timeout: float | None = None,
        options: HTTP2Options = _DEFAULTS,
    ) -> None:
        super().__init__(server_books(options), clock, options)
        self._front = front
        self._timeout = timeout
        self._timer: IDelayedCall | None = None
        self._has_greeted = False
        self._stalls = Stalls(clock, timeout, self._stalled)
        self.handlers[RequestReceived] = self._request_received

    # Time -------------------------------------------------------------------------

    def connectionMade(self) -> None:
        """Say hello, and wait for the preface."""
        super().connectionMade()
        self._set_timer(self.options.preface_time)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Nobody is there any more."""
        self._set_timer(None)
        super().connectionLost(reason)
        self._stalls.watch(())

    def _set_timer(self, seconds: float | None) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        if seconds is not None and self.stage is not Stage.CLOSED:
            self._timer = self.clock.callLater(seconds, self._idle)

    def _idle(self) -> None:
        self.fail(ErrorCodes.NO_ERROR)

    def _streams_changed(self) -> None:
        self._set_timer(None if self.streams else self._timeout)
        self._stalls.watch(self.streams.values())

    def _stalled(self, stream: Any) -> None:
        self.reset(stream, StreamReset(ErrorCodes.CANCEL, "the peer stalled"))

    # What h2 says -----------------------------------------------------------------

    def _request_received(self, event: RequestReceived) -> None:
        ended = event.stream_ended is not None
        self.floods.stream_opened()
        if self.stage is not Stage.OPEN or self._is_full:
            self.floods.refusals.take()
            self._refuse(event.stream_id, ErrorCodes.REFUSED_STREAM, ended)
        elif len(event.headers) > self.options.max_header_fields:
            self._answer_431(event.stream_id, ended)
        else:
            self._open(event, ended)

    @property
    def _is_full(self) -> bool:
        return len(self.streams) >= self.options.max_streams

    def _open(self, event: RequestReceived, ended: bool) -> None:
        stream_id = event.stream_id
        try:
            head = request_head(event.headers, ended=ended)
        except MalformedRequest as error:
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
            self._streams_changed()
        super().settings_changed(event)

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
        super().forget(stream)
        if self.stage is not Stage.CLOSED:
            self._streams_changed()
