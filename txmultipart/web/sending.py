"""Sending: one request on its way to an upstream that may fail or be slow.

::

    state      meaning                                       the upstream's time
    READY      not asked yet                                 -
    UPSTREAMS  asked, and it is the upstream's turn          runs
    SENDERS    asked, and it is the sender's turn            -
    LATE       the upstream did nothing for too long         -
    GONE       whoever waited for the answer does not        -
    GIVEN_UP   we stop, and wait no more                     -
    OVER       it has answered, or something went wrong      -

    input                READY    UPSTREAMS             SENDERS    all others
    ask                  (1)      misuse                misuse     misuse
    the upstream's turn  -        the time begins anew  UPSTREAMS  -
    the sender's turn    -        SENDERS               -          -
    the time is up       -        LATE; cancelled       -          -
    cancel               -        GONE; cancelled       the same   -
    give up              -        GIVEN_UP; cancelled   the same   -
    answered, failed     OVER     OVER                  OVER       -

(1) UPSTREAMS or SENDERS, as it is the one's turn or the other's; ``onward`` says whose
turn it is. OVER if the agent fails at once.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, NoReturn, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError, ConnectionDone
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IResponse

from txmultipart.body.delivery import BodyReader, deliver_response
from txmultipart.body.producer import BodyProducer
from txmultipart.errors import MisuseError, MultipartError
from txmultipart.http2 import HTTP2Error
from txmultipart.sansio.parameters import is_token
from txmultipart.web.onward import Onward
from txmultipart.web.onward import State as OnwardState


class UpstreamFailed(MultipartError):
    """The server that a request was sent on to did not answer it."""

    code = "upstream-failed"
    http_status = 502
    fault = "receiver"


class UpstreamTimeout(UpstreamFailed):
    """The server that a request was sent on to did nothing for ``answer_time`` seconds.

    Or it could not be reached in the time that the agent has for that.
    """

    code = "upstream-timeout"
    http_status = 504


class Stopping(MultipartError):
    """The relay stops, and did not wait for the answer of the upstream."""

    code = "stopping"
    http_status = 503
    fault = "receiver"


# RFC 9110 section 5.5: none of these is in a value, or in a phrase, but a tab may be.
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class State(Enum):
    """How far a request has come; see the tables above."""

    READY = "ready"
    UPSTREAMS = "the upstream's turn"
    SENDERS = "the sender's turn"
    LATE = "late"
    GONE = "gone"
    GIVEN_UP = "given up"
    OVER = "over"


_ASKED = frozenset((State.UPSTREAMS, State.SENDERS))
_ENDED = frozenset((State.LATE, State.GONE, State.GIVEN_UP, State.OVER))


class Sending:
    """One request on its way to the upstream, which has ``seconds`` when it is its turn."""

    def __init__(self, clock: Any, seconds: float, body: BodyProducer | None) -> None:
        self.state = State.READY
        self._clock, self._seconds = clock, seconds
        self._onward = Onward(body, self._changed) if body is not None else None
        self._timer: Any = None
        self._inner: Deferred[IResponse] | None = None

    async def ask(
        self, agent: IAgent, method: bytes, url: bytes, headers: Headers
    ) -> IResponse:
        """Send it, once; gives the answer.

        Raises what broke the body, ``UpstreamFailed``, or ``Stopping`` if it was given up;
        ``MisuseError`` the second time. To cancel it is to abort the request.
        """
        if self.state is not State.READY:
            raise MisuseError("a request is sent on only once")
        try:
            inner = agent.request(method, url, headers, self._onward)
            self._inner, asked = inner, Deferred[IResponse](self._cancelled)
            inner.addBoth(_passed_on, asked)
            self._become(self._turn)
            return _checked(await asked)
        except Exception as error:
            self._raise(error)
        finally:
            if self.state not in _ENDED:
                self._become(State.OVER)

    async def bring(self, response: IResponse, sink: Any) -> None:
        """Deliver the body of the answer to ``sink``. Raises as ``ask`` does."""
        try:
            await deliver_response(response, sink)
            # RFC 9112 section 9.8: not whole, if nothing but the connection ends it.
            if (lost := getattr(response, "lost", None)) is not None:
                raise lost
        except Exception as error:
            self._raise(error)

    def give_up(self) -> None:
        """Wait no more for an answer that has not come; ``ask`` then raises ``Stopping``."""
        self._abandon(State.GIVEN_UP)

    def stop(self) -> None:
        """The answer is complete: what is left of the body is wanted no more."""
        if self._onward is not None:
            self._onward.stopProducing()

    @property
    def _turn(self) -> State:
        onward = self._onward
        upstreams = onward is None or onward.is_waiting_for_upstream
        return State.UPSTREAMS if upstreams else State.SENDERS

    def _changed(self, _: OnwardState) -> None:
        if self.state in _ASKED:
            self._become(self._turn)

    def _become(self, state: State) -> None:
        """Go over to ``state``; the time of the upstream begins anew if it has some."""
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        self.state = state
        if state is State.UPSTREAMS:
            self._timer = self._clock.callLater(self._seconds, self._too_late)

    def _too_late(self) -> None:
        self._abandon(State.LATE)

    def _cancelled(self, _: object) -> None:
        # What the agent then fails with may look like a fault of the upstream.
        self._abandon(State.GONE)

    def _abandon(self, state: State) -> None:
        if self.state in _ASKED:
            self._become(state)
            assert self._inner is not None
            self._inner.cancel()

    def _raise(self, error: Exception) -> NoReturn:
        problem = self._explained(error)
        raise problem from (None if problem is error else error)

    def _explained(self, error: Exception) -> BaseException:
        """Whose fault it was, and what it was."""
        if self.state is State.LATE:
            message = f"the upstream did nothing for {self._seconds:g} seconds"
            return UpstreamTimeout(message)
        if self.state is State.GIVEN_UP:
            return Stopping("the relay stops, and the upstream has not answered")
        if self._onward is not None and self._onward.failure is not None:
            return cast("BaseException", self._onward.failure.value)
        cause = innermost(error)
        gone = isinstance(cause, CancelledError | ConnectingCancelledError)
        if self.state is State.GONE or gone:
            return CancelledError()  # the sender has gone
        return cause if isinstance(cause, UpstreamFailed) else _failed(error)


def _checked(response: IResponse) -> IResponse:
    """``response``, if its head can be said again; ``UpstreamFailed`` if not."""
    fields = response.headers.getAllRawHeaders()
    good = (
        200 <= response.code <= 599  # RFC 9110 section 15
        and not _CONTROLS.search(response.phrase)
        and all(_is_field(name, values) for name, values in fields)
    )
    if not good:
        BodyReader.from_response(response).close()
        raise UpstreamFailed(
            "the upstream failed: it answered with a head that is none"
        )
    return response


def _is_field(name: bytes, values: list[bytes]) -> bool:
    return is_token(name.decode("latin-1")) and not any(map(_CONTROLS.search, values))


def _passed_on(result: Any, asked: Deferred[IResponse]) -> None:
    """What the agent gives, to whoever asked; dropped if they wait no more."""
    if not asked.called:
        asked.callback(result)
    elif not isinstance(result, Failure):
        BodyReader.from_response(result).close()


def _failed(error: Exception) -> UpstreamFailed:
    if isinstance(innermost(error), ConnectTimeout):
        return UpstreamTimeout("the upstream could not be reached in time")
    return UpstreamFailed(f"the upstream failed: {_reason(error)}")


def is_no_http(error: BaseException) -> bool:
    """Whether an agent's ``error`` says that what was answered is no HTTP/1.1."""
    cause = innermost(error)
    # Twisted says it with errors of several kinds: of lines it gives the bytes as well,
    # of fields it is a ValueError, and those of chunks stand where it reads these.
    return isinstance(error, ResponseFailed) and (
        [type(each) for each in cause.args] == [str, bytes]
        or isinstance(cause, ValueError)
        or type(cause).__module__ == "twisted.web.http"
    )


def innermost(error: BaseException) -> BaseException:
    """What an error of an agent wraps, perhaps more than once."""
    while reasons := getattr(error, "reasons", None):
        error = reasons[0].value
    return error


def _reason(error: BaseException) -> str:
    """In words that tell the sender no name or address behind us."""
    cause = innermost(error)
    if isinstance(cause, HTTP2Error):
        return str(cause)
    if isinstance(cause, ConnectionDone):
        return "it closed the connection before its answer was whole"
    if is_no_http(error):
        return "what it answered is no HTTP"
    kind = type(cause)
    about = (kind.__doc__ or "").strip().partition("\n")[0].rstrip(".")
    ours = kind.__module__.startswith("twisted.") and "{" not in about
    return about if ours and about else kind.__name__
