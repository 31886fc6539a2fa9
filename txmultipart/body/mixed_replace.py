"""MixedReplaceWriter: pictures that replace one another, an MJPEG stream for instance.

::

    state     meaning                  send           finish    given up
    OPEN      frames may be sent       keep or give   FINISHED  GONE
    FINISHED  no frame follows         misuse         -         -
    GONE      nobody looks any more    drop           -         -

A viewer who is slow misses frames: what waits for it is bounded, and the frame
that has waited longest is dropped for a new one. One that is on its way is sent
whole.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from twisted.internet.defer import Deferred
from twisted.web.http_headers import Headers

from txmultipart.body.checked_headers import HeadersGiven, header_pairs
from txmultipart.body.producer import BodyProducer
from txmultipart.body.progress import ProgressCallback
from txmultipart.errors import MisuseError, PayloadError
from txmultipart.interfaces import Source
from txmultipart.sansio.boundary import boundary_parameter
from txmultipart.sansio.events import EndOfMultipart, PartBegin, PartData, PartEnd
from txmultipart.sansio.headers import PartHeaders
from txmultipart.sansio.serializer import MultipartSerializer

#: One picture.
Frame = bytes | bytearray | memoryview


class State(Enum):
    """What became of a stream of frames; see the table above."""

    OPEN = "open"
    FINISHED = "finished"
    GONE = "gone"


class MixedReplaceWriter(BodyProducer):
    """An endless ``multipart/x-mixed-replace`` body for one viewer.

    Browsers draw a frame when the headers of the next part have come. So these
    follow right behind each frame, and parts have no Content-Length, as the size
    of the next frame is not known yet. With ``early_headers=False`` parts
    have one instead, which many other viewers understand.

    ``content_type`` and ``headers`` are those of each frame. At most
    ``max_waiting`` frames wait for a slow viewer.
    """

    def __init__(
        self,
        boundary: str | None = None,
        *,
        content_type: str = "image/jpeg",
        headers: HeadersGiven = None,
        early_headers: bool = True,
        max_waiting: int = 2,
        progress: ProgressCallback | None = None,
    ) -> None:
        super().__init__(progress=progress)
        if max_waiting < 1:
            raise MisuseError("at least one frame has to wait now and then")
        self.stream_state = State.OPEN
        #: Frames that a slow viewer has missed.
        self.dropped = 0
        #: Frames that were given to the consumer.
        self.frames = 0
        self._max_waiting = max_waiting
        serializer = MultipartSerializer(boundary)
        self.boundary = serializer.boundary
        self._waiting: deque[bytes] = deque()
        head = PartHeaders({"Content-Type": content_type})
        head = PartHeaders((*head.raw, *PartHeaders(header_pairs(headers)).raw))
        self._framing = _Framing(serializer, head, early=early_headers)
        self._frames_source: _FrameSource | None = None

    @property
    def content_type(self) -> str:
        """The Content-Type of the body, with its boundary."""
        return f"multipart/x-mixed-replace; {boundary_parameter(self.boundary)}"

    @property
    def headers(self) -> Headers:
        """Headers for a response with this body: a fresh object at each call."""
        return Headers({"Content-Type": [self.content_type]})

    @property
    def closed(self) -> bool:
        """Whether frames go nowhere any more: it was finished, or the viewer has gone."""
        return self.stream_state is not State.OPEN

    def send(self, frame: Frame) -> None:
        """Show ``frame`` next. Raises ``MisuseError`` after ``finish``.

        When the viewer has gone it is dropped; ``closed`` tells.
        """
        if self.stream_state is State.FINISHED:
            raise MisuseError("a frame was sent after the last one")
        self._keep(frame)
        self._wake()

    def _keep(self, frame: Frame) -> None:
        if not isinstance(frame, bytes | bytearray | memoryview):
            raise MisuseError(f"a frame is bytes, not {type(frame).__name__}")
        if self.closed:
            return
        if len(self._waiting) >= self._max_waiting:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(bytes(frame))

    def finish(self, frame: Frame | None = None) -> None:
        """No more frames, after ``frame`` if there is one; may be called more than once.

        Where headers go early, those of a frame that never comes may be out already:
        the body then ends with an empty part, unless the last frame is given here.
        """
        if self.stream_state is State.OPEN:
            if frame is not None:
                self._keep(frame)
            self.stream_state = State.FINISHED
            self._wake()

    def _wake(self) -> None:
        if self._frames_source is not None:
            self._frames_source.wake()

    def __repr__(self) -> str:
        return f"<MixedReplaceWriter {self.stream_state.value}, {self.frames} frames>"

    # For the source -----------------------------------------------------------------

    def give_up(self) -> None:
        """Nobody is going to look: frames go nowhere. For a stream that was not sent."""
        if self._frames_source is None:
            self._given_up()

    def make_source(self) -> Source:
        """The frames. Raises ``PayloadError`` if they were sent before, or given up."""
        if self._frames_source is not None or self.stream_state is State.GONE:
            message = "a stream of frames can be sent only once, and it was"
            raise PayloadError(message, code="consumed")
        self._frames_source = _FrameSource(self)
        return self._frames_source

    def _start(self) -> bytes:
        return b"" if self._waits_for_nothing else self._framing.start()

    @property
    def _waits_for_nothing(self) -> bool:
        return self.closed and not self._waiting

    def _next(self) -> bytes | None:
        """A frame with what goes along with it, or the end; None if there is neither yet."""
        if self._waiting:
            self.frames += 1
            frame = self._waiting.popleft()
            return self._framing.frame(frame, last=self._waits_for_nothing)
        return self._framing.end() if self.closed else None

    def _given_up(self) -> None:
        self._waiting.clear()
        if self.stream_state is State.OPEN:
            self.stream_state = State.GONE


class _Framing:
    """What stands around frames. ``early``: the headers of the next part as well."""

    def __init__(
        self, serializer: MultipartSerializer, head: PartHeaders, *, early: bool
    ) -> None:
        self._send = serializer.send
        self._head = head
        self._early = early
        self._in_part = False
        self._ended = False

    def start(self) -> bytes:
        """What can be sent before there is a frame."""
        return self._begin(self._head) if self._early else b""

    def frame(self, frame: bytes, *, last: bool) -> bytes:
        """One frame and what goes along with it."""
        before = b"" if self._in_part else self._begin(self._sized(frame))
        data = self._send(PartData(frame)) + self._finish()
        return before + data + (b"" if last else self.start())

    def end(self) -> bytes:
        """The close delimiter, once; then nothing."""
        if self._ended:
            return b""
        self._ended = True
        return self._finish() + self._send(EndOfMultipart())

    def _sized(self, frame: bytes) -> PartHeaders:
        return PartHeaders((*self._head.raw, (b"Content-Length", b"%d" % len(frame))))

    def _begin(self, head: PartHeaders) -> bytes:
        self._in_part = True
        return self._send(PartBegin(head))

    def _finish(self) -> bytes:
        in_part, self._in_part = self._in_part, False
        return self._send(PartEnd()) if in_part else b""


class _FrameSource:
    """The one source of a stream of frames."""

    #: A frame leaves when it is there, and the headers behind it with it.
    live = True

    def __init__(self, writer: MixedReplaceWriter) -> None:
        self._writer = writer
        self._reader: Deferred[bytes] | None = None
        self._start: bytes | None = None

    def read(self) -> bytes | Deferred[bytes]:
        """The next frame, when there is one."""
        if self._start is None:
            self._start = self._writer._start()
            if self._start:
                return self._start
        piece = self._writer._next()
        if piece is not None:
            return piece
        self._reader = reading = Deferred[bytes]()
        return reading

    def wake(self) -> None:
        """There is something to be read."""
        reader = self._reader
        piece = None if reader is None else self._writer._next()
        if reader is not None and piece is not None:
            self._reader = None
            reader.callback(piece)

    def close(self) -> None:
        """The viewer has gone, or has had all."""
        self._reader = None
        self._writer._given_up()
