"""Splitter: cuts what comes into frames, before h2 sees any of it.

h2 collects a frame whole before it looks at its length, puts no bound on floods,
and lets its state run ahead of the events when it is given several frames. So each
frame's nine bytes are looked at here first, and only then is it collected, up to a
size that was agreed on, and handed on alone. DATA is not collected at all.

::

    state    what comes next                    and then
    PREFACE  a client's 24 bytes (section 3.4)  HEAD
    HEAD     nine bytes                         by the kind of frame, see below
    PAD      the length of a DATA frame's pad   BODY
    BODY     bytes of a body, passed on         PADDING or HEAD
    PADDING  bytes of a pad, dropped            HEAD
    WHOLE    the rest of a frame, collected     HEAD, the frame handed on
    SKIP     a frame of a kind unknown to us    HEAD

    kind                state
    DATA                PAD if it is padded, else BODY
    GOAWAY              WHOLE, but not for h2, which would end everything
    PRIORITY_UPDATE     WHOLE, but not for h2, which does not know it; SKIP if long
    any other of ours   WHOLE
    unknown             SKIP

Whole DATA frames of one stream that came in one read are handed on as if they
were one: what h2 does for a frame is done once for all of them.
"""

from __future__ import annotations

from typing import Any, Protocol

from txmultipart.http2.floods import Floods
from txmultipart.http2.frames import (
    END_STREAM,
    HEADER,
    PADDED,
    PREFACE,
    STREAM_MASK,
    Head,
    Kind,
    frame,
    parse_head,
)
from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.rules import (
    NOT_HTTP2,
    SETTING,
    FrameRules,
    frame_size_error,
    protocol_error,
)
from txmultipart.http2.runs import UPDATE_SIZE, find_run, find_updates

#: The settings that h2 knows. It keeps every other one for ever.
_KNOWN_SETTINGS = frozenset(n.to_bytes(2, "big") for n in (1, 2, 3, 4, 5, 6, 8))

_LONGEST_HINT = 1024


class Handler(Protocol):
    """Who is told of the frames. Each method may raise what ends the connection."""

    def data_header(self, stream_id: int, body: int, end: bool, pad: int | None) -> Any:
        """DATA with ``body`` bytes begins; gives who takes them, None if nobody does."""
        ...

    def data_body(self, target: Any, data: bytes) -> None:
        """Some of the bytes."""
        ...

    def data_end(self, target: Any) -> None:
        """The last byte of a stream was passed on."""
        ...

    def frame(self, head: Head, whole: bytes) -> None:
        """Any other frame, with its header."""
        ...

    def windows_opened(self, added: dict[int, int]) -> None:
        """WINDOW_UPDATE frames: what they add to each window, by stream."""
        ...

    def goaway(self, last_stream_id: int, error_code: int) -> None:
        """The peer wants no more streams."""
        ...

    def priority_update(self, stream_id: int, value: bytes) -> None:
        """The peer has another wish about the order of answers."""
        ...


class Splitter:
    """The bytes of one connection, one frame after the other, to ``handler``."""

    def __init__(
        self,
        handler: Handler,
        options: HTTP2Options,
        floods: Floods,
        *,
        preface: bool = True,
    ) -> None:
        self._handler = handler
        # A client has sent its preface by now: it means HTTP/2.
        self._rules = FrameRules(options, hint="" if preface else NOT_HTTP2)
        self._longest = options.max_frame
        self._floods = floods
        self._step = self._preface if preface else self._header
        self._part = b""  # of the preface or of a frame header
        self._head = Head(0, 0, 0, 0)
        self._left = 0  # bytes of this frame until the next state
        self._pad = 0
        self._target: Any = None
        self._whole = bytearray()
        self._blocks = 0
        self._stopped = False

    def stop(self) -> None:
        """Hand nothing more on, not even from the bytes that are being looked at."""
        self._stopped = True

    @property
    def open_block(self) -> int:
        """The number of the header block that has begun and not ended; 0: none."""
        collects = self._head.kind in (Kind.HEADERS, Kind.CONTINUATION) and self._whole
        return self._blocks if self._rules.block or collects else 0

    @property
    def begun(self) -> int:
        """Bytes still to come of the frame that has begun; a header not yet whole: 0."""
        return self._left + self._pad

    def receive(self, data: bytes) -> None:
        """Some bytes have come. Raises ``ConnectionBroken`` when they break a rule."""
        self._floods.received(len(data))
        place, size = 0, len(data)
        while place < size and not self._stopped:
            place = self._step(data, place)
        self._floods.check()

    # The states -------------------------------------------------------------------

    def _preface(self, data: bytes, place: int) -> int:
        piece = data[place : place + len(PREFACE) - len(self._part)]
        self._part += piece
        if not PREFACE.startswith(self._part):
            raise protocol_error("no preface")
        if len(self._part) == len(PREFACE):
            self._part, self._step = b"", self._header
        return place + len(piece)

    def _header(self, data: bytes, place: int) -> int:
        if self._part or len(data) - place < HEADER.size:
            return self._header_in_parts(data, place)
        run = self._run(data, place)
        if run:
            return run
        self._begin(parse_head(data, place))
        return place + HEADER.size

    def _header_in_parts(self, data: bytes, place: int) -> int:
        piece = data[place : place + HEADER.size - len(self._part)]
        self._part += piece
        if len(self._part) == HEADER.size:
            head, self._part = parse_head(self._part), b""
            self._begin(head)
        return place + len(piece)

    def _pad_length(self, data: bytes, place: int) -> int:
        self._begin_body(data[place])
        return place + 1

    def _body(self, data: bytes, place: int) -> int:
        piece = data[place : place + self._left]
        self._left -= len(piece)
        if self._target is not None:
            self._handler.data_body(self._target, piece)
        if not self._left:
            self._after_body()
        return place + len(piece)

    def _padding(self, data: bytes, place: int) -> int:
        size = min(self._pad, len(data) - place)
        self._pad -= size
        if not self._pad:
            self._end_data()
        return place + size

    def _collect(self, data: bytes, place: int) -> int:
        piece = data[place : place + self._left]
        self._whole += piece
        self._left -= len(piece)
        if not self._left:
            self._hand_on()
        return place + len(piece)

    def _skip(self, data: bytes, place: int) -> int:
        size = min(self._left, len(data) - place)
        self._left -= size
        if not self._left:
            self._step = self._header
        return place + size

    # A frame begins ---------------------------------------------------------------

    def _begin(self, head: Head) -> None:
        self._rules.check(head)
        self._floods.frame(head)
        self._head, self._left = head, head.length
        self._blocks += head.kind == Kind.HEADERS
        if head.kind == Kind.DATA:
            self._begin_data()
        elif head.kind > Kind.CONTINUATION and not _is_hint(head):
            self._step = self._skip if head.length else self._header
        else:
            self._whole = bytearray(frame_header(head))
            self._step = self._collect
            if not head.length:
                self._hand_on()

    # DATA -------------------------------------------------------------------------

    def _begin_data(self) -> None:
        if not self._head.flags & PADDED:
            self._begin_body(None)
        elif not self._head.length:
            raise frame_size_error("no room for the length of the pad")
        else:
            self._step = self._pad_length

    def _begin_body(self, pad: int | None) -> None:
        head = self._head
        body = head.length if pad is None else head.length - 1 - pad
        if body < 0:  # Section 6.1
            raise protocol_error("a pad is longer than its frame")
        end = bool(head.flags & END_STREAM)
        self._floods.body(body, end)
        self._target = self._handler.data_header(head.stream_id, body, end, pad)
        self._left, self._pad, self._step = body, pad or 0, self._body
        if not body:
            self._after_body()

    def _after_body(self) -> None:
        self._step = self._padding
        if not self._pad:
            self._end_data()

    def _end_data(self) -> None:
        self._step = self._header
        target, self._target = self._target, None
        if target is not None and self._head.flags & END_STREAM:
            self._handler.data_end(target)

    def _run(self, data: bytes, place: int) -> int:
        """Hand on whole frames of one kind as one; where they end, or 0."""
        kind = data[place + 3]
        if self._rules.block or not self._rules.greeted:
            return 0
        if kind == Kind.DATA:
            return self._data_run(data, place)
        return self._update_run(data, place) if kind == Kind.WINDOW_UPDATE else 0

    def _data_run(self, data: bytes, place: int) -> int:
        stream_id, pieces, end = find_run(data, place, self._longest)
        if len(pieces) < 2:
            return 0
        joined = b"".join(pieces)
        self._floods.frames(len(pieces), len(joined))
        self._floods.body(len(joined), False)
        target = self._handler.data_header(stream_id, len(joined), False, None)
        if target is not None:
            self._handler.data_body(target, joined)
        return end

    # WINDOW_UPDATE ----------------------------------------------------------------

    def _update_run(self, data: bytes, place: int) -> int:
        added, count = find_updates(data, place)
        if count:
            self._floods.updates(count)
            self._handler.windows_opened(added)
        return place + count * UPDATE_SIZE if count else 0

    # All other frames -------------------------------------------------------------

    def _hand_on(self) -> None:
        whole, self._whole = bytes(self._whole), bytearray()
        self._step = self._header
        if self._head.kind == Kind.GOAWAY:
            self._hand_on_goaway(whole[HEADER.size :])
        elif self._head.kind == Kind.PRIORITY_UPDATE:
            self._hand_on_priority(whole[HEADER.size :])
        elif self._head.kind == Kind.SETTINGS:
            self._handler.frame(self._head, known_settings(self._head, whole))
        else:
            self._handler.frame(self._head, whole)

    def _hand_on_goaway(self, payload: bytes) -> None:
        if len(payload) < 8:
            raise frame_size_error("GOAWAY is too short")
        last, error_code = (int.from_bytes(payload[i : i + 4], "big") for i in (0, 4))
        self._handler.goaway(last & STREAM_MASK, error_code)

    def _hand_on_priority(self, payload: bytes) -> None:
        # RFC 9218 section 7.1
        stream_id = int.from_bytes(payload[:4], "big") & STREAM_MASK
        if len(payload) < 4:
            raise frame_size_error("PRIORITY_UPDATE is too short")
        if not stream_id:
            raise protocol_error("PRIORITY_UPDATE for no stream")
        self._handler.priority_update(stream_id, payload[4:])


def _is_hint(head: Head) -> bool:
    # A longer one says nothing that we could use.
    return head.kind == Kind.PRIORITY_UPDATE and head.length <= _LONGEST_HINT


def frame_header(head: Head) -> bytes:
    """The nine bytes of ``head``."""
    high, low = head.length >> 8, head.length & 0xFF
    return HEADER.pack(high, low, head.kind, head.flags, head.stream_id)


def known_settings(head: Head, whole: bytes) -> bytes:
    """A SETTINGS frame without the settings that h2 does not know."""
    entries = [whole[i : i + SETTING] for i in range(HEADER.size, len(whole), SETTING)]
    known = b"".join(entry for entry in entries if entry[:2] in _KNOWN_SETTINGS)
    return frame(head.kind, head.flags, 0, known)
