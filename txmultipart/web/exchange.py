"""Exchange: one request on one stream of HTTP/2, and what becomes of it.

::

    state      meaning
    ASKED      no response yet
    ANSWERED   there is one, and its body comes
    OVER       all is said

    input            ASKED                     ANSWERED                OVER
    100 Continue     the upload begins         -                       -
    response         ANSWERED, result fires    -                       -
    body bytes       -                         to the response         -
    end              -                         OVER, response ends     -
    body refused     the upload stops          the upload stops        -
    lost             OVER, result fails        OVER, response fails    -
    producer broke   OVER, reset, result       OVER, reset, response   -
                     fails                     fails
    cancel           OVER, reset               -                       -
    given up         -                         OVER, reset, response   -
                                               fails a little later
    nobody has the   -                         OVER, reset: at once    -
    response                                   if our body is out or
                                               is not wanted, or else
                                               when that has changed,
                                               or it is stuck

What it fails with, outside; inside is what the stream, the transport or the producer
said::

    the server did nothing about it   RequestNotProcessed, a RequestNotSent
    our body was not all on its way   RequestTransmissionFailed
    no response came                  ResponseNeverReceived
    it came in part                   ResponseFailed
    the body's producer broke         RequestGenerationFailed
    it was cancelled                  CancelledError
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from enum import Enum
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure
from twisted.web.client import (
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseNeverReceived,
)
from twisted.web.iweb import IResponse

from txmultipart.errors import restored
from txmultipart.http2 import Client, ClientStream, ErrorCodes
from txmultipart.web.http1 import RequestNotSent
from txmultipart.web.request_fields import request_fields, wants_leave
from txmultipart.web.response import HTTP2Response
from txmultipart.web.upload import Phase, Upload

_Fields = Sequence[tuple[bytes, bytes]]

#: Seconds for which a server may take nothing of a body whose answer nobody has.
STALL_TIME = 30.0


class RequestNotProcessed(RequestNotSent):
    """The server has certainly done nothing about a request: it may be sent again.

    ``reasons`` are the failures that tell so, as in ``ResponseFailed``. The text says
    why it was not sent again by itself.
    """

    def __init__(self, reasons: list[Failure], why: str = "") -> None:
        said = "; ".join(str(reason.value) for reason in reasons)
        super().__init__(f"the server did nothing about this request: {said}{why}")
        self.reasons = reasons

    def __reduce__(self) -> tuple[object, ...]:
        # The constructor makes another text of it.
        return restored, (type(self), self.args, self.__dict__)


class State(Enum):
    """How far an exchange has come; see the tables above."""

    ASKED = "asked"
    ANSWERED = "answered"
    OVER = "over"


class Exchange:
    """Sends ``request``, a request of Twisted's ``Agent``.

    It is the listener of a stream, which keeps it; the response is kept by whoever
    asked for it, and missed when they have lost it.
    """

    def __init__(self, request: Any, clock: Any) -> None:
        self.state = State.ASKED
        self.request = request
        self._clock = clock
        self._result: Deferred[IResponse] | None = None
        self._stream: ClientStream | None = None
        self._upload: Upload | None = None
        self._held: weakref.ref[HTTP2Response] | None = None
        self._taken: HTTP2Response | None = None
        self._accepted = False  # the answer is one that may want our body
        self._timer: Any = None

    @property
    def body_begun(self) -> bool:
        """Whether the producer of the body was started."""
        return self._upload is not None and self._upload.begun

    def begin(self, client: Client, *, secure: bool) -> Deferred[IResponse]:
        """Send it on ``client``, which has room. Fires when the response's head is here.

        Cancelling it resets the stream with CANCEL.
        """
        result: Deferred[IResponse] = Deferred(self._cancelled)
        self._result = result
        producer = self.request.bodyProducer
        try:
            head = request_fields(self.request, secure=secure)
            self._stream = client.open(head, self, end=producer is None)
        except Exception:
            self._fail(Failure(RequestGenerationFailed([Failure()])))
        else:
            if producer is not None and self.state is State.ASKED:
                self._send_body(producer, self._stream)
        return result

    def _send_body(self, producer: Any, stream: ClientStream) -> None:
        self._upload = upload = Upload(
            producer, stream, sent=self._body_sent, failed=self._body_broke
        )
        if wants_leave(self.request):
            upload.wait(self._clock)
        else:
            upload.begin()

    # The stream calls these: see Listener ---------------------------------------------

    def informational(self, status: int, fields: _Fields) -> None:
        """An interim response: only ``100 Continue`` is for us (RFC 9110 section 15.2)."""
        if status == 100 and self._upload is not None:
            self._upload.begin()

    def responded(self, status: int, fields: _Fields, length: int | None) -> None:
        """The head of the response."""
        if self.state is not State.ASKED:
            return
        self.state = State.ANSWERED
        if length != 0 and self._stream is not None:
            self._stream.pauseProducing()
        self._accepted = 200 <= status < 300
        response = HTTP2Response(status, fields, length, self.request, self)
        self._held = weakref.ref(response, self._nobody_has_it)
        self._go_on_sending()  # after that: all of the body may be at hand
        result, self._result = self._result, None
        if result is not None:
            result.callback(response)

    def _go_on_sending(self) -> None:
        upload = self._upload
        if upload is None:
            return
        upload.yields = self._yield
        if upload.phase is Phase.WAITING:
            # An answer instead of the leave to send: with the body, if it is not
            # refused (RFC 9110 section 10.1.1).
            if self._accepted:
                upload.begin()
            else:
                upload.stop()

    def received(self, data: bytes) -> None:
        """Some bytes of its body."""
        response = self._response
        if response is not None:
            response.received(data)

    def ended(self, trailers: _Fields) -> None:
        """It is whole."""
        response = self._end()
        if response is not None:
            response.ended(trailers)

    def refused_body(self) -> None:
        """The server wants no more of our body. That is no failure."""
        if self._upload is not None:
            self._upload.stop()

    def lost(self, reason: Failure) -> None:
        """The stream ended before its time."""
        if self.state is State.ASKED:
            self._fail(Failure(self._loss(reason)))
        else:
            self._fail_response([reason])

    def _loss(self, reason: Failure) -> Exception:
        assert self._stream is not None
        if not self._stream.processed:
            return RequestNotProcessed([reason])
        upload = self._upload
        if upload is not None and (upload.phase is not Phase.SENT or self._has_some):
            return RequestTransmissionFailed([reason])
        return ResponseNeverReceived([reason])

    @property
    def _has_some(self) -> bool:
        """Whether the stream has, or had when it was lost, some of our body."""
        assert self._upload is not None
        assert self._stream is not None
        return self._stream.outbound.sent < self._upload.written

    # The upload calls these -----------------------------------------------------------

    def _body_sent(self) -> None:
        self._drop()

    def _body_broke(self, failure: Failure) -> None:
        broken = Failure(RequestGenerationFailed([failure]))
        if self.state is State.ASKED:
            self._reset(ErrorCodes.INTERNAL_ERROR)
            self._fail(broken)
        else:
            self._give_up(broken, ErrorCodes.INTERNAL_ERROR)

    def _yield(self) -> None:
        self.give_up(Failure(RequestNotSent("its body is sent again, by another")))

    # The response calls these: see Body -----------------------------------------------

    def take(self, response: HTTP2Response) -> None:
        """Somebody takes the body."""
        self._taken, self._held = response, None

    def pause(self) -> None:
        """Let no more of it come."""
        if self._stream is not None:
            self._stream.pauseProducing()

    def resume(self) -> None:
        """Let it come."""
        if self._stream is not None:
            self._stream.resumeProducing()

    def give_up(self, reason: Failure) -> None:
        """Nobody wants the rest of it."""
        self._give_up(reason)

    def _give_up(self, reason: Failure, error_code: int | None = None) -> None:
        if self.state is State.ANSWERED:
            self._reset(error_code)
            response = self._end()
            if response is not None:
                # Not at once: who gives up may be in the middle of something.
                self._clock.callLater(0, response.failed, [reason])

    # Ends -----------------------------------------------------------------------------

    @property
    def _response(self) -> HTTP2Response | None:
        return self._taken or (self._held() if self._held is not None else None)

    def _end(self) -> HTTP2Response | None:
        """All is said, but for the response, if there is one."""
        response = self._response
        self.state, self._taken, self._held = State.OVER, None, None
        self._stop_timer()
        if self._upload is not None:
            self._upload.stop()
        return response

    def _fail(self, failure: Failure) -> None:
        result, self._result = self._result, None
        self._end()
        if result is not None:
            result.errback(failure)

    def _fail_response(self, reasons: list[Failure]) -> None:
        response = self._end()
        if response is not None:
            response.failed(reasons)

    def _cancelled(self, result: Deferred[IResponse]) -> None:
        self._result = None
        self._reset()
        self._end()

    def _reset(self, error_code: int | None = None) -> None:
        if self._upload is not None:
            self._upload.stop()
        if self._stream is not None:
            codes = () if error_code is None else (error_code,)
            self._stream.cancel(*codes)

    def _nobody_has_it(self, _: object) -> None:
        # The collector calls this at any moment, and in any thread.
        if IReactorFromThreads.providedBy(self._clock):
            self._clock.callFromThread(self._drop)
        else:
            self._clock.callLater(0, self._drop)

    def _drop(self) -> None:
        if self.state is not State.ANSWERED or self._response is not None:
            return
        if self._body_is_out or not self._accepted:
            self._reset()
            self._end()
        else:
            # The server is to have our body all the same, if it takes it.
            self.resume()
            self._watch()

    @property
    def _body_is_out(self) -> bool:
        upload, stream = self._upload, self._stream
        if upload is None or stream is None:
            return True
        return upload.is_over and (
            upload.phase is not Phase.SENT or stream.outbound.closed
        )

    def _watch(self) -> None:
        assert self._stream is not None
        self._stop_timer()
        sent = self._stream.outbound.sent
        self._timer = self._clock.callLater(STALL_TIME, self._look, sent)

    def _look(self, sent: int) -> None:
        assert self._stream is not None
        if self._has_some and self._stream.outbound.sent == sent:
            self._accepted = False
        self._drop()

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
