"""Log: all that a server has said on one connection."""

from __future__ import annotations

from collections import defaultdict

from hpack import Decoder
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
)

_HEAD = 9


class Log:
    """What came, taken apart."""

    def __init__(self, *, strict: bool) -> None:
        #: Whether a server has to say what was wrong.
        self.strict = strict
        self.closed = False
        self.greeted = False
        self.settings: dict[int, int] = {}
        self.settings_acks = 0
        self.pongs: list[bytes] = []
        self.goaway: int | None = None
        self.resets: dict[int, int] = {}
        self.statuses: dict[int, list[str]] = defaultdict(list)
        self.sizes: dict[int, int] = defaultdict(int)
        self.ended: set[int] = set()
        self._names: list[str] = []
        self._decoder = Decoder()
        self._raw = b""

    def __str__(self) -> str:
        return ", ".join(self._names) or "nothing"

    def feed(self, data: bytes) -> None:
        """Some bytes; none: the end."""
        self._raw += data
        self.closed = self.closed or not data
        while len(self._raw) >= _HEAD:
            frame, length = Frame.parse_frame_header(memoryview(self._raw[:_HEAD]))
            if len(self._raw) < _HEAD + length:
                return
            frame.parse_body(memoryview(self._raw[_HEAD : _HEAD + length]))
            self._raw = self._raw[_HEAD + length :]
            self._names.append(f"{frame!r:.80}")
            self._note(frame)

    def _note(self, frame: Frame) -> None:
        stream = frame.stream_id
        if isinstance(frame, HeadersFrame):
            fields = {str(n): str(v) for n, v in self._decoder.decode(frame.data)}
            self.statuses[stream].append(fields.get(":status", ""))
        elif isinstance(frame, DataFrame):
            self.sizes[stream] += len(frame.data)
        elif isinstance(frame, RstStreamFrame):
            self.resets[stream] = frame.error_code
        elif isinstance(frame, GoAwayFrame):
            self.goaway = frame.error_code
        else:
            self._note_control(frame)
        if "END_STREAM" in frame.flags:
            self.ended.add(stream)

    def _note_control(self, frame: Frame) -> None:
        acks = "ACK" in frame.flags
        if isinstance(frame, PingFrame) and acks:
            self.pongs.append(frame.opaque_data)
        elif isinstance(frame, SettingsFrame) and acks:
            self.settings_acks += 1
        elif isinstance(frame, SettingsFrame):
            self.greeted = True
            self.settings.update(frame.settings)
