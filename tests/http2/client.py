"""A client of raw frames, in memory, on a clock that a test moves on.

Made of hyperframe and hpack alone, so that it can say what no client would, and shows
what was really sent.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hpack import Decoder, Encoder
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.web.wire import Transport
from txmultipart.http2 import PREFACE, HTTP2Options
from txmultipart.web.site import StreamingSite

MAX_FRAME = 16384
ACK = SettingsFrame(0, flags={"ACK"}).serialize()
Field = tuple[str | bytes, str | bytes]

GET: list[Field] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":path", "/"),
    (":authority", "example.test"),
]


def fields(method: str = "GET", path: str = "/", *more: Field) -> list[Field]:
    """The fields of a request."""
    return [(":method", method), *GET[1:2], (":path", path), *GET[3:], *more]


class Pipe(Transport):
    """Keeps whether it was aborted."""

    aborting = False

    def abortConnection(self) -> None:
        """Close it, whatever there is to be written."""
        self.aborting = True


@dataclass
class Answer:
    """What came on one stream."""

    heads: list[dict[str, str]] = field(default_factory=list)
    body: bytes = b""
    frames: list[int] = field(default_factory=list)
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int:
        return int(self.heads[-1][":status"]) if self.heads else 0

    @property
    def headers(self) -> dict[str, str]:
        return self.heads[-1]


class Client:
    """One connection to a site that serves ``root``."""

    def __init__(
        self,
        root: Any,
        *,
        greet: bool = True,
        window: int | None = None,
        make_site: Any = StreamingSite,
        transport: Pipe | None = None,
        **options: Any,
    ) -> None:
        self.clock = Clock()
        http2 = {name: options.pop(name) for name in list(options) if _is_http2(name)}
        if http2:
            options["http2"] = HTTP2Options(**http2)
        self.site = make_site(root, reactor=self.clock, **options)
        self.log = io.BytesIO()
        self.site.logFile = self.log
        self.transport = transport or Pipe()
        self.protocol = self.site.buildProtocol(self.transport.getPeer())
        self.protocol.makeConnection(self.transport)
        self.encoder, self.decoder = Encoder(), Decoder()
        self.seen: list[Frame] = []
        self.answers: dict[int, Answer] = defaultdict(Answer)
        self.credit: dict[int, int] = defaultdict(int)
        self.goaways: list[GoAwayFrame] = []
        self.pings = 0
        self.settings: dict[int, int] = {}
        self._next = 1
        self._raw = b""
        if greet:
            self.greet({} if window is None else {4: window})

    @property
    def connection(self) -> Any:
        """The server's side."""
        return self.protocol._channel

    # Sending ----------------------------------------------------------------------

    def greet(self, settings: dict[int, int] | None = None) -> Client:
        """The preface, the first SETTINGS, and an ACK of the server's."""
        first = SettingsFrame(0, settings or {}).serialize()
        return self.raw(PREFACE + first + ACK)

    def raw(self, data: bytes) -> Client:
        """Any bytes, as long as somebody listens."""
        if not self.transport.disconnecting:
            self.protocol.dataReceived(data)
        return self.read()

    def send(self, *frames: Frame) -> Client:
        """Frames, in one read."""
        return self.raw(b"".join(frame.serialize() for frame in frames))

    def head(
        self, given: Iterable[Field], stream_id: int = 0, *, end: bool = True
    ) -> HeadersFrame:
        """A HEADERS frame."""
        stream_id = stream_id or self.next_stream()
        made = HeadersFrame(stream_id, self.encoder.encode(list(given)))
        made.flags.add("END_HEADERS")
        if end:
            made.flags.add("END_STREAM")
        return made

    def next_stream(self) -> int:
        """The number of a new stream."""
        self._next += 2
        return self._next - 2

    def request(self, *given: Any, end: bool = True) -> int:
        """Begin a request; see ``fields``. Gives its stream."""
        frame = self.head(fields(*given), end=end)
        self.send(frame)
        return int(frame.stream_id)

    def data(self, stream_id: int, data: bytes = b"", *, end: bool = False) -> Client:
        """Some of a body, in one read."""
        return self.send(*data_frames(stream_id, data, end=end))

    def upload(self, data: bytes, *given: Any) -> int:
        """A whole PUT; ``given`` is its path and more fields."""
        stream_id = self.request("PUT", *(given or ("/",)), end=False)
        self.data(stream_id, data, end=True)
        return stream_id

    def update(self, increment: int, stream_id: int = 0) -> Client:
        """A WINDOW_UPDATE."""
        return self.send(WindowUpdateFrame(stream_id, increment))

    def reset(self, stream_id: int, code: int = 8) -> Client:
        """A RST_STREAM."""
        return self.send(RstStreamFrame(stream_id, code))

    def advance(self, seconds: float) -> Client:
        """Time goes by."""
        self.clock.pump([seconds, 0, 0])
        return self.read()

    def settle(self) -> Client:
        """Let what is to happen soon happen."""
        return self.advance(0)

    def lose(self) -> Client:
        """The connection is lost."""
        self.transport.disconnecting = True
        if self.transport.producer is not None:
            self.transport.producer.stopProducing()
        self.protocol.connectionLost(Failure(ConnectionDone()))
        return self

    # What came --------------------------------------------------------------------

    def read(self) -> Client:
        """Take apart what the server has sent."""
        self._raw += self.transport.value()
        self.transport.clear()
        while len(self._raw) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self._raw[:9]))
            assert length <= MAX_FRAME
            frame.parse_body(memoryview(self._raw[9 : 9 + length]))
            self._raw = self._raw[9 + length :]
            self._note(frame)
        return self

    def _note(self, frame: Frame) -> None:
        assert not self.code, "a frame after the last word"
        self.seen.append(frame)
        answer = self.answers[frame.stream_id] if frame.stream_id else Answer()
        if not isinstance(frame, (RstStreamFrame, WindowUpdateFrame)):
            assert not answer.ended
        answer.ended = answer.ended or "END_STREAM" in frame.flags
        if isinstance(frame, HeadersFrame):
            head = {str(n): str(v) for n, v in self.decoder.decode(frame.data)}
            answer.heads.append(head)
        elif isinstance(frame, DataFrame):
            assert answer.heads
            answer.body += frame.data
            answer.frames.append(len(frame.data))
        elif isinstance(frame, RstStreamFrame):
            answer.reset = frame.error_code
        elif isinstance(frame, WindowUpdateFrame):
            self.credit[frame.stream_id] += frame.window_increment
        elif isinstance(frame, GoAwayFrame):
            self.goaways.append(frame)
        elif isinstance(frame, PingFrame):
            self.pings += 1
        elif isinstance(frame, SettingsFrame):
            self.settings.update(frame.settings)

    @property
    def code(self) -> int | None:
        """The code of the last GOAWAY that came."""
        return int(self.goaways[-1].error_code) if self.goaways else None

    @property
    def is_closed(self) -> bool:
        return bool(self.transport.disconnecting)

    def lives(self) -> bool:
        """Whether the connection answers still."""
        stream_id = self.request("GET", "/alive")
        return self.answers[stream_id].status in (200, 404)


def data_frames(stream_id: int, data: bytes, *, end: bool = False) -> list[DataFrame]:
    """``data`` in frames, as long as they may be."""
    starts = range(0, len(data), MAX_FRAME) or [0]
    made = [DataFrame(stream_id, data[at : at + MAX_FRAME]) for at in starts]
    if end:
        made[-1].flags.add("END_STREAM")
    return made


def _is_http2(name: str) -> bool:
    return name in HTTP2Options.__dataclass_fields__
