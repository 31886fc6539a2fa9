"""FrameRules: what a frame's nine bytes have to say, and after which frame (RFC 9113).

::

    rule                                                 section  error
    no frame is longer than we announced                 4.2      FRAME_SIZE_ERROR
    kinds of a fixed size have it                        6        FRAME_SIZE_ERROR
    kinds for streams, or for none, are on such          6        PROTOCOL_ERROR
    the first frame is SETTINGS                          3.4      PROTOCOL_ERROR
    nothing interrupts a header block                    4.3      PROTOCOL_ERROR
    nobody pushes                                        8.4      PROTOCOL_ERROR
    settings, header blocks and their pieces are few     10.5     ENHANCE_YOUR_CALM
"""

from __future__ import annotations

from typing import NamedTuple

from h2.errors import ErrorCodes

from txmultipart.http2.errors import ConnectionBroken
from txmultipart.http2.floods import calm
from txmultipart.http2.frames import ACK, END_HEADERS, Head, Kind
from txmultipart.http2.options import HTTP2Options

#: Whoever says nothing of HTTP/2 to a client may speak something else.
NOT_HTTP2 = "the server does not speak HTTP/2 here: is h2c right?"

#: Bytes of one setting.
SETTING = 6


class Shape(NamedTuple):
    """What a kind of frame has to look like."""

    size: int | None = None
    on_stream: bool | None = True


_SHAPES: dict[int, Shape] = {
    Kind.DATA: Shape(),
    Kind.HEADERS: Shape(),
    Kind.PRIORITY: Shape(5),
    Kind.RST_STREAM: Shape(4),
    Kind.SETTINGS: Shape(on_stream=False),
    Kind.PUSH_PROMISE: Shape(),
    Kind.PING: Shape(8, on_stream=False),
    Kind.GOAWAY: Shape(on_stream=False),
    Kind.WINDOW_UPDATE: Shape(4, on_stream=None),
    Kind.CONTINUATION: Shape(),
    Kind.PRIORITY_UPDATE: Shape(on_stream=False),
}
_ANY_SHAPE = Shape(on_stream=None)


class FrameRules:
    """The rules, and what they remember of the frames before."""

    def __init__(self, options: HTTP2Options, *, hint: str = "") -> None:
        self._options = options
        #: What may be wrong if the first frame is none.
        self._hint = f"; {hint}" if hint else ""
        #: Whether the first SETTINGS have begun.
        self.greeted = False
        #: The stream whose header block is open, or 0.
        self.block = 0
        self._size = self._pieces = 0

    def check(self, head: Head) -> None:
        """Raise ``ConnectionBroken`` if a frame may not begin like this."""
        # First, since what is no frame at all looks like a long one.
        self._check_order(head)
        if head.length > self._options.max_frame:
            raise frame_size_error("a frame is too long")
        _check_shape(head)
        if head.kind == Kind.SETTINGS:
            self._check_settings(head)
        elif head.kind in (Kind.HEADERS, Kind.CONTINUATION):
            self._check_block(head)
        elif head.kind == Kind.PUSH_PROMISE:
            raise protocol_error("a push: clients cannot, servers were told not to")

    def _check_order(self, head: Head) -> None:
        if not self.greeted and (head.kind != Kind.SETTINGS or head.flags & ACK):
            raise protocol_error(f"the first frame is not SETTINGS{self._hint}")
        self.greeted = True
        continues = head.kind == Kind.CONTINUATION
        if continues != bool(self.block):
            raise protocol_error("a header block is interrupted, or there is none")
        if continues and head.stream_id != self.block:
            raise protocol_error("a header block goes on in another stream")

    def _check_settings(self, head: Head) -> None:
        if head.length % SETTING or (head.flags & ACK and head.length):
            raise frame_size_error("settings of an odd length")
        if head.length > SETTING * self._options.max_settings:
            raise calm("too many settings")

    def _check_block(self, head: Head) -> None:
        begins = head.kind == Kind.HEADERS
        self._size = head.length + (0 if begins else self._size)
        self._pieces = 0 if begins else self._pieces + 1
        self.block = 0 if head.flags & END_HEADERS else head.stream_id
        if self._size > self._options.max_header_block:
            raise calm("a header block is too long")
        if self._pieces > self._options.max_continuations:
            raise calm("a header block is in too many pieces")


def _check_shape(head: Head) -> None:
    shape = _SHAPES.get(head.kind, _ANY_SHAPE)
    if shape.on_stream is not None and shape.on_stream != bool(head.stream_id):
        raise protocol_error("a frame on a stream of the wrong kind")
    if shape.size is not None and shape.size != head.length:
        raise frame_size_error("a frame of the wrong size")


def protocol_error(message: str) -> ConnectionBroken:
    """A rule was broken that has no code of its own."""
    return ConnectionBroken(ErrorCodes.PROTOCOL_ERROR, message)


def frame_size_error(message: str) -> ConnectionBroken:
    """A frame has a size that it cannot have."""
    return ConnectionBroken(ErrorCodes.FRAME_SIZE_ERROR, message)
