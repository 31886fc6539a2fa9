"""What RFC 9113 lets neither side send; the sections are in the names."""

from __future__ import annotations

from hyperframe.frame import PingFrame

from tests.http2.client import Field
from txmultipart.http2.frames import frame

NO_ERROR, PROTOCOL, FLOW, CLOSED, SIZE = 0, 1, 3, 5, 6
REFUSED, CANCEL, COMPRESSION, CALM = 7, 8, 9, 11

PING = PingFrame(0, b"12345678").serialize()

#: After the SETTINGS of who sends it; and the code of the other's last word.
FRAMES = {
    "4.2-too-long-headers": (b"\x00\x40\x01\1\4\0\0\0\1", SIZE),
    "4.2-too-long-unknown": (b"\x00\x40\x01\xee\0\0\0\0\0", SIZE),
    "6.1-stream-0": (frame(0, 0, 0, b"x"), PROTOCOL),
    "6.3-stream-0": (frame(2, 0, 0, bytes(5)), PROTOCOL),
    "6.3-size": (frame(2, 0, 1, bytes(4)), SIZE),
    "6.4-stream-0": (frame(3, 0, 0, bytes(4)), PROTOCOL),
    "6.4-size": (frame(3, 0, 1, bytes(3)), SIZE),
    "6.5-ack-with-payload": (frame(4, 1, 0, bytes(6)), SIZE),
    "6.5-stream": (frame(4, 0, 1), PROTOCOL),
    "6.5.2-window": (frame(4, 0, 0, b"\0\4\x80\0\0\0"), FLOW),
    "6.5.2-frame-too-small": (frame(4, 0, 0, b"\0\5\0\0\x3f\xff"), PROTOCOL),
    "6.5.2-frame-too-large": (frame(4, 0, 0, b"\0\5\1\0\0\0"), PROTOCOL),
    "6.7-stream": (frame(6, 0, 1, bytes(8)), PROTOCOL),
    "6.7-size": (frame(6, 0, 0, bytes(6)), SIZE),
    "6.8-stream": (frame(7, 0, 1, bytes(8)), PROTOCOL),
    "6.8-size": (frame(7, 0, 0, bytes(7)), SIZE),
    "6.9-size": (frame(8, 0, 0, bytes(3)), SIZE),
    "6.9.1-overflow": (frame(8, 0, 0, b"\x7f\xff\xff\xff"), FLOW),
    "6.10-nothing-to-continue": (frame(9, 4, 1), PROTOCOL),
    "10.5-settings": (frame(4, 0, 0, b"\0\xaa\0\0\0\1" * 33), CALM),
}

#: Behind a head that is good.
FIELDS: dict[str, Field] = {
    "8.2.1-uppercase": ("X-Mine", "v"),
    "8.2.1-blank-in-name": ("x mine", "v"),
    "8.2.1-colon-in-name": ("x:mine", "v"),
    "8.2.1-no-name": ("", "v"),
    "8.2.1-delete-in-name": ("x\x7f", "v"),
    "8.2.1-line-break": ("x", "a\r\nb"),
    "8.2.1-nul": ("x", "a\0b"),
    "8.2.1-control": ("x", "a\1b"),
    "8.2.1-blank-before": ("x", " a"),
    "8.2.1-blank-after": ("x", "a\t"),
    "8.2.2-connection": ("connection", "close"),
    "8.2.2-keep-alive": ("keep-alive", "1"),
    "8.2.2-proxy-connection": ("proxy-connection", "close"),
    "8.2.2-transfer-encoding": ("transfer-encoding", "chunked"),
    "8.2.2-upgrade": ("upgrade", "h2c"),
}


def frames_after(begin: bytes) -> dict[str, tuple[bytes, int]]:
    """``FRAMES``, each with what a connection begins with before it."""
    return {name: (begin + sent, code) for name, (sent, code) in FRAMES.items()}


def behind(head: list[Field]) -> dict[str, list[Field]]:
    """``FIELDS``, each behind ``head``."""
    return {name: [*head, field] for name, field in FIELDS.items()}
