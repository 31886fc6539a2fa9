"""StreamingRequest: a request whose resource may run while its body arrives.

It is a ``twisted.web.server.Request``, to be the ``requestFactory`` of a
``Site``. As soon as the headers are in, the resource is looked up. One that is
marked ``IStreamingResource`` is rendered then; any other is rendered at the end
of the body, as by a stock request.

::

    mode       meaning                                  bytes of the body go to
    CLASSIC    no body, or a strange channel: as stock  content
    UNDECIDED  the resource is not known yet (guard)    the body, which holds them
    STREAMING  a marked resource was rendered           the body
    SPOOLING   an ordinary one waits for the end        content
    DRAINING   the answer is out before the end         nowhere

    event                        UNDECIDED   STREAMING   SPOOLING     DRAINING
    marked resource rendered     STREAMING   -           -            -
    other resource rendered      SPOOLING    -           -            -
    getChild wants the content   SPOOLING    -           -            -
    response finished            DRAINING    DRAINING    (as stock)   -
    body ended                   note        note        render       next request
    connection lost              body fails  body fails  (as stock)   -

To drain is to read on and drop what comes, up to a bound: the channel cannot go
on before the end of the body, and a sender whose connection is closed while it
sends may never see the answer. Whoever still reads the body then is told. On
HTTP/2 the stream does that by itself, and the request is over with its answer.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from twisted.python.failure import Failure
from twisted.web import guard, http, util
from twisted.web.iweb import IBodyProducer, INonQueuedRequestFactory
from twisted.web.resource import IResource
from zope.interface import provider

from txmultipart.body.delivery import BodyReader
from txmultipart.body.producer import BodyProducer
from txmultipart.body.stream import take_kept
from txmultipart.errors import BodyDropped, ContentNotHere, UploadAborted
from txmultipart.interfaces import IStreamingResource
from txmultipart.web import http1
from txmultipart.web.exact import ExactAnswers
from txmultipart.web.flow import (
    BodyFlow,
    Drain,
    Flow,
    NoContent,
    make_flow,
    request_line,
)
from txmultipart.web.trailers import Trailing

#: Resources whose ``render`` leads to ``request.render`` of another one, and the one
#: that guard refuses with: whoever may not send should hear so before sending.
_AT_ONCE = (
    util.DeferredResource,
    guard.HTTPAuthSessionWrapper,
    http1.UnauthorizedResource,
)


class Mode(Enum):
    """What becomes of a request's body; see the tables above."""

    CLASSIC = "classic"
    UNDECIDED = "undecided"
    STREAMING = "streaming"
    SPOOLING = "spooling"
    DRAINING = "draining"


# get_body may set ``body`` in these as well, to a reader of what is stored.
_STOCK = frozenset((Mode.CLASSIC, Mode.SPOOLING))


@provider(INonQueuedRequestFactory)
class StreamingRequest(Trailing):
    """A request that can hand out its body while it arrives; see ``get_body``."""

    #: An answer that is given early keeps the connection if at most this many
    #: bytes of the body are still to come.
    drain_limit = 1 << 20

    #: Otherwise this many bytes, and this many seconds, are spent on letting the
    #: sender see the answer before the connection is closed.
    linger_limit = 16 << 20
    linger_time = 5.0

    #: On HTTP/1.1, bytes a second that the body has to come at in the long run, as
    #: long as we do not hold it back; less is borne for the time in which a connection
    #: may be idle. An answer has to be taken so on a ``StreamingSite``, while there is
    #: something of it to take: see ``TakenAnswers``. For HTTP/2 see ``HTTP2Options``.
    least_rate = 500

    #: Whether the peer went away before its whole body had come.
    aborted = False

    body: BodyReader | None = None
    mode = Mode.CLASSIC
    _aborting = False
    _body_ended = False
    _connected = False
    _flow: Flow
    _drain: Drain
    _expectation: list[bytes] | None = None
    _waiting: IResource | None = None

    # The channel calls these ----------------------------------------------------------

    def gotLength(self, length: int | None) -> None:
        """The headers are in: look the resource up now, if there is a body to come."""
        line = None if length == 0 else request_line(self.channel)
        if line is None:
            super().gotLength(length)
            return
        self.method, self.uri, self.clientproto = line
        self.path, _, query = self.uri.partition(b"?")
        self.args = http.parse_qs(query, True) if query else {}
        self.content = NoContent()
        self.mode = Mode.UNDECIDED
        self.body = BodyReader(length=length)
        expects = self._take_expectation()
        self._flow = make_flow(
            self.channel, length, expects=expects, least_rate=self.least_rate
        )
        self.process()
        if self.mode is Mode.UNDECIDED:
            self._connect()

    def _take_expectation(self) -> bool:
        """Whether the sender waits for leave to send its body.

        The header is put aside, or the channel would give leave at once.
        """
        values = self.requestHeaders.getRawHeaders(b"Expect", [])
        expects = bool(values) and values[0].lower() == b"100-continue"
        if expects:
            self._expectation = list(values)
            self.requestHeaders.removeHeader(b"Expect")
        return expects and self.clientproto in (b"HTTP/1.1", b"HTTP/2")

    def handleContentChunk(self, data: bytes) -> None:
        """Some bytes of the body."""
        if self.mode is not Mode.CLASSIC:
            self._flow.came(len(data))
        if self.body is None or self.mode in _STOCK:
            super().handleContentChunk(data)
            return
        if self.mode is Mode.DRAINING:
            self._drain.write(data)
        else:
            self.body.write(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """The body has ended."""
        if self.mode is not Mode.CLASSIC and not self._body_ended:
            for name, value in self._flow.trailers:
                self.trailers.addRawHeader(name, value)
            self._flow.end()
        if self.body is None or self.mode in _STOCK:
            if self._expectation is not None:
                self.requestHeaders.setRawHeaders(b"Expect", self._expectation)
            # Looking up may have changed the target (VHostMonsterResource does).
            target = path if self._waiting is None else self.uri
            super().requestReceived(command, target, version)
            return
        self._body_ended = True
        self.body.unregisterProducer()
        if self.finished and self.queued:
            self.queued = False
            http1.let_go(self)

    def connectionLost(self, reason: Failure) -> None:
        """The peer is gone; a body that had not ended fails with ``UploadAborted``."""
        http1.set_lost(self)
        if self.mode is not Mode.CLASSIC:
            self._flow.end()
        if self.body is not None and self.mode not in _STOCK and not self._body_ended:
            self._abort(self.body, reason)
        super().connectionLost(reason)

    def _abort(self, body: BodyReader, reason: Failure) -> None:
        # Before notifyFinish, which makes some frameworks cancel whoever reads.
        self.aborted = self._aborting = True
        try:
            body.fail(Failure(UploadAborted(self._flow.received, reason.value)))
        finally:
            self._aborting = False

    # Finding and rendering the resource -----------------------------------------------

    def process(self) -> None:
        """Look the resource up and render it, or render the one that waited."""
        if self._waiting is None:
            super().process()
            return
        try:
            super().render(self._waiting)
        except BaseException:
            self.processingFailed(Failure())

    def render(self, resrc: IResource) -> None:
        """Render ``resrc`` now or, if it is an ordinary one, when the body has ended."""
        if self.mode is not Mode.UNDECIDED or isinstance(resrc, _AT_ONCE):
            super().render(resrc)
        elif IStreamingResource.providedBy(http1.unwrapped(resrc, IStreamingResource)):
            self.mode = Mode.STREAMING
            self._connect()
            super().render(resrc)
        else:
            self._waiting = resrc
            self._spool()

    def processingFailed(self, reason: Failure) -> Failure:
        """Looking up or rendering raised ``reason``."""
        if self.mode is Mode.UNDECIDED and reason.check(ContentNotHere):
            # Its getChild reads the body: look it up again when that is here.
            self._spool()
            return reason
        if self._aborting and reason.check(UploadAborted):
            return reason  # nothing failed here, and nobody is there to be told
        # Those that cannot be sent would stop the page that says so as well.
        vars(self).pop("responseTrailers", None)
        failed: Failure = super().processingFailed(reason)
        return failed

    def _connect(self) -> None:
        """Let the body say when bytes may come; till then they just come."""
        assert self.body is not None
        if not self._connected and not self._body_ended:
            self._connected = True
            self.body.registerProducer(self._flow, True)

    def _spool(self) -> None:
        """Do as a stock request does: store the body, then go on."""
        body, self.body = self.body, None
        assert body is not None
        self.mode = Mode.SPOOLING
        super().gotLength(body.length)
        for data in take_kept(body):
            super().handleContentChunk(data)
        self._flow.resumeProducing()
        if self._body_ended:
            self.requestReceived(self.method, self.uri, self.clientproto)

    # Answering --------------------------------------------------------------------------

    @property
    def _body_under_way(self) -> bool:
        over = self._body_ended or http1.is_lost(self)
        return self.mode not in _STOCK and not over

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Take the answer from ``producer``; one that pushes hears if there is no room."""
        super().registerProducer(producer, streaming)
        # A stock channel says that once, when it fills, to whoever is there then.
        if streaming and http1.is_full(self.channel) and _can_wait(producer):
            producer.pauseProducing()

    def write(self, data: bytes) -> None:
        """Send a piece of the answer; the first one sends the headers."""
        if not self.startedWriting:
            if self.has_trailers:
                self.announce_trailers()
            if self._body_under_way:
                self._decide_persistence()
        super().write(data)

    def _decide_persistence(self) -> None:
        """An answer before the end of the body: say so now if the connection will close."""
        flow = self._flow
        if isinstance(flow, BodyFlow) and not flow.may_drain(self.drain_limit):
            self.setHeader(b"Connection", b"close")
            self.channel.persistent = False
            http1.close_on_bad_framing(self.channel)

    def finish(self) -> None:
        """The answer is complete. What is still to come of the body is dropped."""
        if self._aborting:
            return  # to a peer of whose loss notifyFinish had no time to tell
        if self.has_trailers and not self.finished and not http1.is_lost(self):
            self.send_trailers()
        if not self._body_under_way or self.finished:
            super().finish()
            return
        # A queued request leaves its channel alone: the channel would take the
        # rest of the body for the next request.
        self.queued = True
        if not self.startedWriting:
            # An encoder's last words do not come by way of write.
            self._decide_persistence()
        super().finish()
        if isinstance(self._flow, BodyFlow):
            self._begin_to_drain(self._flow)
        else:
            self._let_stream_go()
        # A request that is not queued does this in finish too.
        told, self.notifications = self.notifications, []
        for waiting in told:
            waiting.callback(None)

    def _begin_to_drain(self, flow: BodyFlow) -> None:
        if isinstance(self.channel, ExactAnswers):
            self.channel.end_answer()
        limit = self.drain_limit if self.channel.persistent else self.linger_limit
        self.mode, self._drain = Mode.DRAINING, Drain(limit, flow.give_up)
        self._drop_body()
        flow.expects = False  # it has its answer
        flow.resumeProducing()
        if not self.channel.persistent:
            flow.linger(self.linger_time)

    def _let_stream_go(self) -> None:
        """A stream of HTTP/2 drops what still comes by itself."""
        self.mode, self.queued = Mode.DRAINING, False
        self._drop_body()
        http1.let_go(self)

    def _drop_body(self) -> None:
        # The body lets go of the flow, which whoever held it back would do no more.
        assert self.body is not None
        self.body.fail(Failure(BodyDropped("the request was answered before")))


def _can_wait(producer: object) -> bool:
    # Twisted's FileBodyProducer cannot be paused before it is started.
    foreign = not isinstance(producer, BodyProducer)
    return not (foreign and IBodyProducer.providedBy(producer))
