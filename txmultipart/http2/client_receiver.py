"""ClientReceiver: keeps from h2 what it would end the connection for.

A head that is malformed costs its own stream (RFC 9113 section 8.1.1), and no other. But
a header block has to be decoded whatever it is for, or all later ones mean something
else. So h2 is given a decoder that asks us about what it has decoded:

::

    HEADERS for                     h2 sees            and
    a stream, well-formed           a bare head        ``take_head`` keeps the real one
    a stream, malformed             nothing            the stream is reset
    a stream that we reset          nothing            it is dropped
    any other                       a bare head        judges

    frames of the server on         are
    streams that we never opened    PROTOCOL_ERROR (sections 5.1 and 5.1.1)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, cast

from h2.connection import H2Connection
from hpack import Decoder

from txmultipart.http2.errors import MalformedMessage, StreamReset
from txmultipart.http2.fields import Field
from txmultipart.http2.floods import Floods
from txmultipart.http2.frames import END_STREAM, Head, Kind
from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.receiver import Receiver, Streams
from txmultipart.http2.rules import protocol_error


class HeadTaker(Protocol):
    """A stream that waits for heads."""

    def take_head(self, fields: list[Field], *, ended: bool) -> list[Field]:
        """Keep a head, and give what h2 is to see; may raise ``MalformedMessage``."""
        ...


class _NotForH2(Exception):
    """Goes through h2 as no error of its own would: it never sees the frame."""

    def __init__(self, stream: Any, error: MalformedMessage | None) -> None:
        self.stream, self.error = stream, error


class _Decoder(Decoder):
    """Shows ``judge`` what it has decoded, and h2 what that gives."""

    judge: Callable[[list[Field]], list[Field]]

    def decode(self, data: bytes, raw: bool = False) -> Iterable[Any]:
        """The fields of a block."""
        return self.judge(cast(list[Field], super().decode(data, raw)))


#: For a stream that h2 knows best about.
_ANY_HEAD: list[Field] = [(b":status", b"200")]


class ClientReceiver(Receiver):
    """What the splitter of a client's connection hands its frames to."""

    def __init__(
        self, h2: H2Connection, options: HTTP2Options, floods: Floods, streams: Streams
    ) -> None:
        super().__init__(h2, options, floods, streams)
        self._max_fields = options.max_header_fields
        self._block = Head(0, 0, 0, 0)  # the first frame of the last header block
        decoder = _Decoder(options.max_header_list)
        decoder.judge = self._judge
        h2.decoder = decoder

    def frame(self, head: Head, whole: bytes) -> None:
        """A frame other than DATA."""
        self._check_idle(head)
        if head.kind == Kind.HEADERS:
            self._block = head
        try:
            super().frame(head, whole)
        except _NotForH2 as passed:
            if passed.error is not None:
                said = f"the server's answer is malformed: {passed.error}"
                error = StreamReset(passed.error.error_code, message=said)
                self.streams.reset(passed.stream, error)

    def priority_update(self, stream_id: int, value: bytes) -> None:
        """Servers have no such wishes (RFC 9218 section 7.1)."""
        raise protocol_error("PRIORITY_UPDATE from a server")

    def _check_idle(self, head: Head) -> None:
        if head.kind in (Kind.HEADERS, Kind.RST_STREAM) and (
            head.stream_id % 2 == 0
            or head.stream_id > self.h2.highest_outbound_stream_id
        ):
            raise protocol_error("a frame on a stream that was not opened")

    def _judge(self, fields: list[Field]) -> list[Field]:
        stream_id, ended = self._block.stream_id, bool(self._block.flags & END_STREAM)
        stream: Any = self.streams.find(stream_id)
        if stream is None and stream_id in self.reset_by_us:
            self.forget(stream_id, ended)
            raise _NotForH2(None, None)
        if stream is None or stream.inbound.remote_ended:
            return _ANY_HEAD
        try:
            if len(fields) > self._max_fields:
                raise MalformedMessage("too many fields")
            return cast(HeadTaker, stream).take_head(fields, ended=ended)
        except MalformedMessage as error:
            raise _NotForH2(stream, error) from None
