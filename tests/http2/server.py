"""A server of raw frames, in memory, for a client on a clock that a test moves on.

Made of hyperframe and hpack alone, so that it can say what no server would, and shows
what the client has really sent. ``Ear`` keeps what a listener is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame,
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

from tests.http2.client import Field, Pipe
from txmultipart.http2 import (
    PREFACE,
    Client,
    ClientOptions,
    ClientStream,
    RequestFields,
)

OK: list[Field] = [(":status", "200")]

#: Longer than any frame that a client may send unasked.
MAX_FRAME = 16384


def request(
    method: str = "GET",
    path: str = "/",
    *more: tuple[str, str],
    scheme: str = "https",
    authority: str = "example.test",
) -> RequestFields:
    """What a client is asked to send."""
    method_, scheme_, authority_, path_ = (
        text.encode("latin-1") for text in (method, scheme, authority, path)
    )
    fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in more]
    return RequestFields(method_, scheme_, authority_, path_, fields)


class Ear:
    """A listener that keeps what it is told, and may do something about it."""

    def __init__(self) -> None:
        self.stream: ClientStream = cast(ClientStream, None)
        self.interim: list[int] = []
        self.status: int | None = None
        self.fields: dict[str, str] = {}
        self.length: int | None = None
        self.body = b""
        self.pieces: list[int] = []
        self.trailers: list[tuple[bytes, bytes]] | None = None
        self.refused = 0
        self.reason: Failure | None = None
        self.calls: list[str] = []
        #: What to do when it is told something, by the name of the call.
        self.then: dict[str, Any] = {}

    def _told(self, name: str) -> None:
        assert not {"ended", "lost"} & set(self.calls), "something after the last word"
        self.calls.append(name)
        if name in self.then:
            self.then[name]()

    def informational(self, status: int, fields: list[tuple[bytes, bytes]]) -> None:
        self.interim.append(status)
        self._told("informational")

    def responded(
        self, status: int, fields: list[tuple[bytes, bytes]], length: int | None
    ) -> None:
        assert self.status is None
        self.status, self.length = status, length
        self.fields = {name.decode(): value.decode() for name, value in fields}
        self._told("responded")

    def received(self, data: bytes) -> None:
        assert data
        assert self.status is not None
        self.body += data
        self.pieces.append(len(data))
        self._told("received")

    def ended(self, trailers: list[tuple[bytes, bytes]]) -> None:
        self.trailers = trailers
        self._told("ended")

    def refused_body(self) -> None:
        self.refused += 1
        self._told("refused_body")

    def lost(self, reason: Failure) -> None:
        self.reason = reason
        self._told("lost")

    @property
    def error(self) -> Any:
        """What was lost was lost by this."""
        return None if self.reason is None else self.reason.value

    @property
    def code(self) -> int | None:
        """The code of that."""
        return None if self.error is None else int(self.error.error_code)

    @property
    def is_told(self) -> bool:
        """Whether the last word was said."""
        return self.calls[-1:] in (["ended"], ["lost"])


class Pool:
    """An observer that keeps what it is told, and may do something about it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.rooms: list[int] = []
        self.reason: Failure | None = None
        self.then: dict[str, Any] = {}

    def _told(self, name: str) -> None:
        assert "gone" not in self.calls
        self.calls.append(name)
        if name in self.then:
            self.then[name]()

    def ready(self, client: Client) -> None:
        self._told("ready")

    def room_changed(self, client: Client) -> None:
        self.rooms.append(client.room)
        self._told("room_changed")

    def leaving(self, client: Client) -> None:
        assert not client.usable
        assert client.room == 0
        self._told("leaving")

    def gone(self, client: Client, reason: Failure) -> None:
        assert not client.streams
        self.reason = reason
        self._told("gone")


@dataclass
class Request:
    """What came on one stream."""

    head: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    trailers: dict[str, str] | None = None
    body: bytes = b""
    frames: list[int] = field(default_factory=list)
    ended: bool = False
    reset: int | None = None
    resets: int = 0


class Server:
    """One connection of a client; ``greet``: with this in the first SETTINGS."""

    def __init__(
        self,
        *,
        greet: dict[int, int] | bool | None = True,
        transport: Pipe | None = None,
        **options: Any,
    ) -> None:
        self.clock = Clock()
        self.pool = Pool()
        self.client = Client(self.clock, self.pool, options=ClientOptions(**options))
        self.transport = transport or Pipe()
        self.client.makeConnection(self.transport)
        self.encoder, self.decoder = Encoder(), Decoder()
        self.seen: list[Frame] = []
        self.requests: dict[int, Request] = defaultdict(Request)
        self.credit: dict[int, int] = defaultdict(int)
        self.settings: dict[int, int] = {}
        self.goaway: GoAwayFrame | None = None
        self.pings: list[bytes] = []
        self.acks = 0
        #: The longest frame that it takes.
        self.longest = MAX_FRAME
        self._raw = b""
        self._block = b""
        self._greeted = False
        if greet is not False:
            self.greet({} if greet is True else greet)

    # Sending ----------------------------------------------------------------------

    def greet(self, settings: dict[int, int] | None = None) -> Server:
        """The first SETTINGS, and our word that theirs are agreed to."""
        return self.send(SettingsFrame(0, settings=settings or {}), settings_ack())

    def raw(self, data: bytes) -> Server:
        """Any bytes, as long as somebody listens."""
        if not self.transport.disconnecting:
            self.client.dataReceived(data)
        return self.read()

    def send(self, *frames: Frame) -> Server:
        """Frames, in one read."""
        return self.raw(b"".join(frame.serialize() for frame in frames))

    def head(
        self, stream_id: int, given: Iterable[Field] = OK, *, end: bool = False
    ) -> HeadersFrame:
        """A HEADERS frame."""
        made = HeadersFrame(stream_id, self.encoder.encode(list(given)))
        made.flags.add("END_HEADERS")
        if end:
            made.flags.add("END_STREAM")
        return made

    def answer(
        self,
        stream_id: int,
        status: int | str = 200,
        *more: Field,
        end: bool = False,
    ) -> Server:
        """The head of an answer."""
        given: list[Field] = [(":status", str(status)), *more]
        return self.send(self.head(stream_id, given, end=end))

    def trailers(self, stream_id: int, *given: Field, end: bool = True) -> Server:
        """Fields after a body."""
        return self.send(self.head(stream_id, given, end=end))

    def data(self, stream_id: int, data: bytes = b"", *, end: bool = False) -> Server:
        """Some of a body, in one read."""
        starts = range(0, len(data), MAX_FRAME) or [0]
        made = [DataFrame(stream_id, data[at : at + MAX_FRAME]) for at in starts]
        if end:
            made[-1].flags.add("END_STREAM")
        return self.send(*made)

    def update(self, increment: int, stream_id: int = 0) -> Server:
        """A WINDOW_UPDATE."""
        return self.send(WindowUpdateFrame(stream_id, increment))

    def set(self, **settings: int) -> Server:
        """SETTINGS, by their names in hyperframe."""
        values = {getattr(SettingsFrame, name): n for name, n in settings.items()}
        return self.send(SettingsFrame(0, settings=values))

    def reset(self, stream_id: int, code: int = 8) -> Server:
        """A RST_STREAM."""
        return self.send(RstStreamFrame(stream_id, code))

    def leave(self, last: int, code: int = 0) -> Server:
        """A GOAWAY."""
        return self.send(GoAwayFrame(0, last, code))

    def pong(self, data: bytes) -> Server:
        """The answer to a PING."""
        frame = PingFrame(0, data)
        frame.flags.add("ACK")
        return self.send(frame)

    def pong_all(self) -> Server:
        """The answers to all PINGs that have come."""
        self.read()
        pings, self.pings = self.pings, []
        for data in pings:
            self.pong(data)
        return self

    def advance(self, seconds: float) -> Server:
        """Time goes by."""
        self.clock.pump([seconds, 0, 0])
        return self.read()

    def settle(self) -> Server:
        """Let what is to happen soon happen."""
        return self.advance(0)

    def lose(self, reason: Exception | None = None) -> Server:
        """The connection is lost."""
        self.transport.disconnecting = True
        if self.transport.producer is not None:
            self.transport.producer.stopProducing()
        self.client.connectionLost(Failure(reason or ConnectionDone()))
        self.settle()
        return self

    def close(self) -> None:
        """The connection is lost, and nothing is left behind."""
        if "gone" not in self.pool.calls:
            self.lose()
        assert self.client.streams == {}
        assert self.clock.getDelayedCalls() == []
        assert self.pool.calls[-1] == "gone"
        assert self.pool.calls.count("leaving") == 1
        assert self.client.budget.granted == 0

    # The client's side --------------------------------------------------------------

    def open(
        self, *given: Any, end: bool = True, ear: Ear | None = None, **more: Any
    ) -> Ear:
        """Let the client send a request; see ``request``."""
        ear = ear or Ear()
        ear.stream = self.client.open(request(*given, **more), ear, end=end)
        self.read()
        return ear

    def upload(self, data: bytes, *given: Any, end: bool = True) -> Ear:
        """Let it send a request with a body."""
        ear = self.open(*(given or ("PUT",)), end=False)
        ear.stream.write(data)
        if end:
            ear.stream.end()
        self.read()
        return ear

    # What came ----------------------------------------------------------------------

    def read(self) -> Server:
        """Take apart what the client has sent."""
        self._raw += self.transport.value()
        self.transport.clear()
        if not self._greeted and len(self._raw) >= len(PREFACE):
            assert self._raw.startswith(PREFACE)
            self._raw = self._raw[len(PREFACE) :]
            self._greeted = True
        while len(self._raw) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self._raw[:9]))
            assert length <= self.longest
            frame.parse_body(memoryview(self._raw[9 : 9 + length]))
            self._raw = self._raw[9 + length :]
            self._note(frame)
        return self

    def forget(self) -> Server:
        """Keep no more of what came."""
        self.seen.clear()
        self.requests.clear()
        return self

    def _note(self, frame: Frame) -> None:
        assert self.goaway is None, "a frame after the last word"
        assert self.settings or isinstance(frame, SettingsFrame)
        self.seen.append(frame)
        if isinstance(frame, (HeadersFrame, ContinuationFrame)):
            self._note_block(frame)
        elif isinstance(frame, DataFrame):
            self._note_data(frame)
        elif isinstance(frame, RstStreamFrame):
            found = self.requests[frame.stream_id]
            found.reset, found.resets = frame.error_code, found.resets + 1
        elif isinstance(frame, WindowUpdateFrame):
            self.credit[frame.stream_id] += frame.window_increment
        elif isinstance(frame, GoAwayFrame):
            self.goaway = frame
        elif isinstance(frame, PingFrame):
            if "ACK" in frame.flags:
                self.acks += 1
            else:
                self.pings.append(frame.opaque_data)
        elif isinstance(frame, SettingsFrame):
            self.settings.update(frame.settings)

    def _note_block(self, frame: Any) -> None:
        found = self.requests[frame.stream_id]
        assert found.reset is None
        if isinstance(frame, HeadersFrame):
            assert not found.ended
            self._ends = "END_STREAM" in frame.flags
        self._block += frame.data
        if "END_HEADERS" not in frame.flags:
            return
        block = cast(list[tuple[bytes, bytes]], self.decoder.decode(self._block, True))
        given = [(name.decode("latin-1"), v.decode("latin-1")) for name, v in block]
        self._block = b""
        if found.head:
            assert self._ends
            found.trailers = dict(given)
        else:
            found.head, found.names = dict(given), [name for name, _ in given]
        found.ended = self._ends

    def _note_data(self, frame: DataFrame) -> None:
        found = self.requests[frame.stream_id]
        assert found.head
        assert not found.ended
        assert found.reset is None
        found.body += frame.data
        found.frames.append(len(frame.data))
        found.ended = "END_STREAM" in frame.flags

    @property
    def code(self) -> int | None:
        """The code of the GOAWAY that came."""
        return None if self.goaway is None else int(self.goaway.error_code)

    @property
    def reason_code(self) -> int:
        """The code in what the pool was told when the connection was gone."""
        error: Any = self.pool.reason and self.pool.reason.value
        return int(error.error_code)

    @property
    def is_closed(self) -> bool:
        """Whether the client wants to close the connection."""
        return bool(self.transport.disconnecting)

    def lives(self) -> bool:
        """Whether requests are made and answered still."""
        ear = self.open()
        stream_id = ear.stream.stream_id
        self.answer(stream_id, end=True)
        return ear.status == 200 and ear.calls[-1] == "ended"


def settings_ack() -> SettingsFrame:
    """The word that settings are agreed to."""
    frame = SettingsFrame(0)
    frame.flags.add("ACK")
    return frame
