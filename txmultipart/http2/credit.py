"""Credit: what we may still send, in h2's books, and DATA that uses it.

h2 keeps both windows (section 6.9), and each frame that changes one costs it some 20
microseconds: three DATA and two WINDOW_UPDATE frames for each 40 KiB, where a peer
leaves its windows as they are at first. So a run of frames is entered as one.

Two ways, with one meaning:

- ``LumpCredit`` takes a run from both numbers, and adds to them, where h2 would do that
  and nothing else. Those attributes are not documented: ``holds`` tries them out, once.
- ``PlainCredit`` has h2 make each frame, by its documented interface. It is right with
  every h2, and several times as slow.

Tried with h2 4.4.1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection

from txmultipart.http2.frames import HEADER, Kind, window_update

Buffer = bytes | memoryview

_DATA = int(Kind.DATA)

#: What a window is at most (section 6.9.1).
_LARGEST = (1 << 31) - 1


class PlainCredit:
    """Frame by frame, by the documented interface."""

    def __init__(self, connection: H2Connection) -> None:
        self._connection = connection

    def window(self, stream_id: int) -> int:
        """What may be sent on a stream; below zero after some changes of settings."""
        return self._connection.local_flow_control_window(stream_id)

    def opened(self, stream_id: int, increment: int) -> bool:
        """A right WINDOW_UPDATE frame has come; False: h2 is to be given it."""
        return False

    def send(
        self, stream_id: int, pieces: Sequence[Buffer], *, end: bool
    ) -> list[Buffer]:
        """Send a DATA frame of each piece, the last with END_STREAM if ``end``.

        Gives what is to be written before what h2 has ready from then on. The pieces
        are not too long, and there is window for all. Raises what h2 raises.
        """
        last = len(pieces) - 1
        for place, piece in enumerate(pieces):
            self._connection.send_data(
                stream_id, piece, end_stream=end and place == last
            )
        return []


class LumpCredit(PlainCredit):
    """All at once, by way of the numbers in h2's books."""

    def window(self, stream_id: int) -> int:
        """What may be sent on a stream; below zero after some changes of settings."""
        stream = self._connection.streams.get(stream_id)
        return self._left(stream) if stream is not None else super().window(stream_id)

    def opened(self, stream_id: int, increment: int) -> bool:
        """A right WINDOW_UPDATE frame has come; False: h2 is to be given it."""
        books = self._connection
        window: Any = books.streams.get(stream_id) if stream_id else books
        if window is None or (stream_id and not window.open):
            return False
        total = window.outbound_flow_control_window + increment
        if total > _LARGEST:
            return False
        window.outbound_flow_control_window = total
        return True

    def send(
        self, stream_id: int, pieces: Sequence[Buffer], *, end: bool
    ) -> list[Buffer]:
        """Send a DATA frame of each piece, the last with END_STREAM if ``end``."""
        run = pieces[:-1] if end else pieces
        ahead = self._send_run(stream_id, run) if run else []
        if end:
            super().send(stream_id, pieces[-1:], end=True)
        return ahead

    def _send_run(self, stream_id: int, pieces: Sequence[Buffer]) -> list[Buffer]:
        books, stream = self._connection, self._connection.streams.get(stream_id)
        size = sum(map(len, pieces))
        if stream is None or not stream.open or size > self._left(stream):
            return super().send(stream_id, pieces, end=False)  # h2 says what is wrong
        books.outbound_flow_control_window -= size
        stream.outbound_flow_control_window -= size
        ahead: list[Buffer] = [books.data_to_send()]
        for piece in pieces:
            high, low = divmod(len(piece), 256)
            ahead += HEADER.pack(high, low, _DATA, 0, stream_id), piece
        return ahead

    def _left(self, stream: Any) -> int:
        left: int = stream.outbound_flow_control_window
        return min(left, int(self._connection.outbound_flow_control_window))


def make_credit(connection: H2Connection) -> PlainCredit:
    """The quicker way, if it is a way with the h2 that is installed."""
    return LumpCredit(connection) if lumps_hold() else PlainCredit(connection)


@cache
def lumps_hold() -> bool:
    """Whether ``LumpCredit`` does to the installed h2 what ``PlainCredit`` does."""
    return holds(LumpCredit)


def holds(credit: Callable[[H2Connection], PlainCredit]) -> bool:
    """Whether ``credit`` keeps h2's books as its documented interface would."""
    try:
        return _books(credit) == _books(PlainCredit)
    except Exception:  # whatever an h2 that has changed may do
        return False


def _books(make: Callable[[H2Connection], PlainCredit]) -> list[object]:
    """What h2 makes of frames that go and windows that open."""
    books = _open_stream()
    credit, found = make(books), list[object]()
    for run, end in (((9, 5000), False), ((1,), False), ((2, 3), True)):
        ahead = credit.send(1, [bytes(size) for size in run], end=end)
        found.append(b"".join([*ahead, books.data_to_send()]))
        for stream_id in (0, 1):
            if not credit.opened(stream_id, 1000):
                books.receive_data(window_update(stream_id, 1000))
            found.append(books.local_flow_control_window(1))
            found.append(credit.window(1))
    return [*found, books.outbound_flow_control_window]


def _open_stream() -> H2Connection:
    books = H2Connection(H2Configuration(client_side=True))
    books.initiate_connection()
    fields = [(":method", "PUT"), (":path", "/"), (":scheme", "http")]
    books.send_headers(1, [*fields, (":authority", "a")])
    return books
