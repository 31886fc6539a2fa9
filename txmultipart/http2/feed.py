"""What h2 is given: whole frames, and of DATA no more than that it comes.

h2 keeps the books: the state of each stream, both windows, how long a body is. For
that it needs the length of a DATA frame and not its bytes, which it would copy and,
in the versions named below, print in hexadecimal for a log that nobody keeps. So it
is told of DATA when the header is in, and the bytes go past it.

Two ways, with one meaning:

- ``StandInFeed`` puts a frame whose data is a ``range`` into h2's own buffer of
  frames. That attribute is not documented: ``holds`` tries it out, once.
- ``PlainFeed`` gives h2 zeros instead of the bytes, by its documented interface.
  It is right with every h2, and several times as slow.

Tried with h2 4.4.1 and hyperframe 6.1.0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, cast

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event
from h2.exceptions import FlowControlError
from h2.settings import SettingCodes
from hyperframe.frame import DataFrame

from txmultipart.http2.frames import END_STREAM, PADDED, Kind, frame


class PlainFeed:
    """DATA as zeros, by the documented interface."""

    def __init__(self, connection: H2Connection) -> None:
        self._connection = connection

    def frame(self, whole: bytes) -> list[Event]:
        """A frame other than DATA has come."""
        return self._connection.receive_data(whole)

    def account(
        self, stream_id: int, body: int, end: bool, pad: int | None
    ) -> list[Event]:
        """The header of a DATA frame has come: ``body`` bytes will, and a pad."""
        # Several frames may have been taken as one, which is too long for h2.
        limit = self._connection.max_inbound_frame_size
        events = []
        while body > limit:
            events += self._zeros(stream_id, limit, False, None)
            body -= limit
        return events + self._zeros(stream_id, body, end, pad)

    def _zeros(
        self, stream_id: int, body: int, end: bool, pad: int | None
    ) -> list[Event]:
        flags = (END_STREAM if end else 0) | (0 if pad is None else PADDED)
        front = b"" if pad is None else bytes((pad,))
        payload = front + bytes(body + (pad or 0))
        return self._connection.receive_data(
            frame(Kind.DATA, flags, stream_id, payload)
        )


class StandInFeed(PlainFeed):
    """DATA as frames without bytes, by way of h2's buffer of frames."""

    def __init__(self, connection: H2Connection) -> None:
        super().__init__(connection)
        buffer = _FrameBuffer(connection.incoming_buffer)
        connection.incoming_buffer = cast(Any, buffer)
        self._buffer = buffer
        self._frames = {
            (end, padded): _stand_in(end, padded)
            for end in (False, True)
            for padded in (False, True)
        }

    def account(
        self, stream_id: int, body: int, end: bool, pad: int | None
    ) -> list[Event]:
        """The header of a DATA frame has come: ``body`` bytes will, and a pad."""
        stand_in = self._frames[end, pad is not None]
        stand_in.stream_id, stand_in.data = stream_id, range(body)
        stand_in.pad_length = pad or 0
        self._buffer.next = stand_in
        return self._connection.receive_data(b"")


class _FrameBuffer:
    """Stands in for h2's buffer: gives ``next`` if there is one, else what h2 has."""

    next: Any = None

    def __init__(self, real: Any) -> None:
        self._real = real

    @property
    def max_frame_size(self) -> int:
        """What h2 sets before each use."""
        return cast(int, self._real.max_frame_size)

    @max_frame_size.setter
    def max_frame_size(self, size: int) -> None:
        self._real.max_frame_size = size

    def add_data(self, data: bytes) -> None:
        """Bytes for the real one."""
        if data:
            self._real.add_data(data)

    def __iter__(self) -> Iterator[Any]:
        stand_in, self.next = self.next, None
        return iter(self._real) if stand_in is None else iter((stand_in,))


def _stand_in(end: bool, padded: bool) -> Any:
    stand_in: Any = DataFrame(1)
    names = [("END_STREAM", end), ("PADDED", padded)]
    # h2 asks what is in it, and no more.
    stand_in.flags = tuple(name for name, wanted in names if wanted)
    # h2 takes repr() of every frame; this is the costly part of it.
    stand_in._body_repr = str
    return stand_in


def make_feed(connection: H2Connection) -> PlainFeed:
    """The quicker way, if it is a way with the h2 that is installed."""
    return StandInFeed(connection) if stand_in_holds() else PlainFeed(connection)


@cache
def stand_in_holds() -> bool:
    """Whether ``StandInFeed`` does to the installed h2 what ``PlainFeed`` does."""
    return holds(StandInFeed)


def holds(feed: Callable[[H2Connection], PlainFeed]) -> bool:
    """Whether ``feed`` keeps h2's books as its documented interface would."""
    try:
        return _books(feed) == _books(PlainFeed)
    except Exception:  # whatever an h2 that has changed may do
        return False


def _books(make: Callable[[H2Connection], PlainFeed]) -> list[object]:
    """What h2 makes of a few frames of DATA."""
    server, feed = _open_stream(make)
    found: list[object] = []
    for body, end, pad in ((1000, False, None), (7, False, 3), (0, True, None)):
        for event in feed.account(1, body, end, pad):
            size = getattr(event, "flow_controlled_length", None)
            length = len(event.data) if isinstance(event, DataReceived) else None
            found += [type(event), size, length]
        found += [server.inbound_flow_control_window]
    return [*found, _overruns(make)]


def _overruns(make: Callable[[H2Connection], PlainFeed]) -> bool:
    """Whether more than the window is refused."""
    _, feed = _open_stream(make)
    try:
        for _ in range(10):
            feed.account(1, 16384, False, None)
    except FlowControlError:
        return True
    return False


def _open_stream(
    make: Callable[[H2Connection], PlainFeed],
) -> tuple[H2Connection, PlainFeed]:
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    client.update_settings({SettingCodes.ENABLE_PUSH: 0})
    fields = [(":method", "PUT"), (":path", "/"), (":scheme", "http")]
    client.send_headers(1, [*fields, (":authority", "a")])
    server = H2Connection(H2Configuration(client_side=False))
    server.initiate_connection()
    feed = make(server)
    feed.frame(client.data_to_send())
    return server, feed
