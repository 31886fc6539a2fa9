"""Frames of a server that break a rule of RFC 9113; the sections are in the test names.

A broken connection: GOAWAY with the code, closed, and the request lost with the same
code. A broken stream: RST_STREAM with the code, its request lost, and the next one is
answered.
"""

from __future__ import annotations

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    SettingsFrame,
)

from tests.http2.broken import (
    CALM,
    CANCEL,
    CLOSED,
    COMPRESSION,
    FLOW,
    NO_ERROR,
    PING,
    PROTOCOL,
    REFUSED,
    SIZE,
    behind,
    frames_after,
)
from tests.http2.client import Field
from tests.http2.server import OK, Ear, Server
from txmultipart.http2 import ConnectionTerminated, StreamReset
from txmultipart.http2.frames import frame

BEGIN = SettingsFrame(0).serialize()
#: ``:status: 200`` in the static table.
STATUS = b"\x88"
HEAD = frame(1, 4, 1, STATUS)

#: What is answered to a request on stream 1, and the code of the client's last word.
BROKEN = {
    **frames_after(BEGIN),
    "3.4-first-ping": (PING, PROTOCOL),
    "3.4-first-headers": (HEAD, PROTOCOL),
    "3.4-first-settings-ack": (frame(4, 1, 0), PROTOCOL),
    "3.4-http1": (b"HTTP/1.1 400 Bad Request\r\n\r\n", PROTOCOL),
    "4.2-too-long-data": (BEGIN + HEAD + b"\x00\x40\x01\0\0\0\0\0\1", SIZE),
    "4.2-far-too-long": (BEGIN + b"\xff\xff\xff\0\0\0\0\0\1", SIZE),
    "4.2-too-long-settings": (BEGIN + b"\x00\x40\x02\4\0\0\0\0\0", SIZE),
    "4.3-bad-block": (BEGIN + frame(1, 4, 1, b"\xff" * 6), COMPRESSION),
    "4.3-bad-index": (BEGIN + frame(1, 4, 1, b"\xfe"), COMPRESSION),
    "4.3-index-0": (BEGIN + frame(1, 4, 1, b"\x80"), COMPRESSION),
    "4.3-bad-huffman": (BEGIN + frame(1, 4, 1, b"\0\x84" + b"\xff" * 4), COMPRESSION),
    "4.3-table-too-large": (BEGIN + frame(1, 4, 1, b"\x3f\xe2\x1f\x88"), COMPRESSION),
    "4.3-cut-short": (BEGIN + frame(1, 4, 1, b"\x88\x40\x0a"), COMPRESSION),
    "4.3-interrupted-by-ping": (BEGIN + frame(1, 0, 1, STATUS) + PING, PROTOCOL),
    "4.3-interrupted-by-headers": (
        BEGIN + frame(1, 0, 1, STATUS) + frame(1, 4, 1, STATUS),
        PROTOCOL,
    ),
    "4.3-interrupted-by-data": (
        BEGIN + frame(1, 0, 1, STATUS) + frame(0, 0, 1, b"x"),
        PROTOCOL,
    ),
    "4.3-interrupted-by-unknown": (
        BEGIN + frame(1, 0, 1, STATUS) + frame(0xEE, 0, 0),
        PROTOCOL,
    ),
    "5.1-idle-data": (BEGIN + frame(0, 0, 5, b"x"), PROTOCOL),
    "5.1-idle-headers": (BEGIN + frame(1, 4, 5, STATUS), PROTOCOL),
    "5.1-idle-reset": (BEGIN + frame(3, 0, 5, bytes(4)), PROTOCOL),
    "5.1-idle-update": (BEGIN + frame(8, 0, 5, b"\0\0\0\1"), PROTOCOL),
    "5.1-idle-continuation": (BEGIN + frame(9, 4, 5, STATUS), PROTOCOL),
    "5.1-closed-continuation": (
        BEGIN + frame(1, 5, 1, STATUS) + frame(9, 4, 1, STATUS),
        PROTOCOL,
    ),
    "5.1.1-even-headers": (BEGIN + frame(1, 4, 2, STATUS), PROTOCOL),
    "5.1.1-even-data": (BEGIN + frame(0, 0, 2, b"x"), PROTOCOL),
    "5.1.1-even-reset": (BEGIN + frame(3, 0, 2, bytes(4)), PROTOCOL),
    "5.1.1-even-update": (BEGIN + frame(8, 0, 2, b"\0\0\0\1"), PROTOCOL),
    "5.3.1-depends-on-itself": (BEGIN + frame(2, 0, 1, b"\0\0\0\1\1"), PROTOCOL),
    "6.1-no-pad-length": (BEGIN + HEAD + frame(0, 8, 1), SIZE),
    "6.1-pad-too-long": (BEGIN + HEAD + frame(0, 8, 1, b"\x03ab"), PROTOCOL),
    "6.2-stream-0": (BEGIN + frame(1, 4, 0, STATUS), PROTOCOL),
    "6.2-pad-too-long": (BEGIN + frame(1, 12, 1, b"\xff\x88"), PROTOCOL),
    "6.2-no-pad-length": (BEGIN + frame(1, 12, 1), SIZE),
    "6.2-no-room-for-priority": (BEGIN + frame(1, 0x24, 1, b"\0\0"), SIZE),
    "6.5-size": (BEGIN + frame(4, 0, 0, bytes(3)), SIZE),
    "6.5.2-push-1": (BEGIN + frame(4, 0, 0, b"\0\2\0\0\0\1"), PROTOCOL),
    "6.5.2-push-2": (BEGIN + frame(4, 0, 0, b"\0\2\0\0\0\2"), PROTOCOL),
    "6.6-push": (
        BEGIN + frame(5, 4, 1, b"\0\0\0\2\x82\x86\x84\x41\1a"),
        PROTOCOL,
    ),
    "6.6-push-stream-0": (BEGIN + frame(5, 4, 0, b"\0\0\0\2\x82"), PROTOCOL),
    "6.6-push-in-pieces": (BEGIN + frame(5, 0, 1, b"\0\0\0\2\x82"), PROTOCOL),
    "6.9-zero-on-the-connection": (BEGIN + frame(8, 0, 0, bytes(4)), PROTOCOL),
    "6.9-zero-on-a-stream": (BEGIN + frame(8, 0, 1, bytes(4)), PROTOCOL),
    "6.9.1-more-than-the-window": (
        BEGIN + HEAD + frame(0, 0, 1, bytes(16384)) * 9,
        FLOW,
    ),
    "6.9.2-overflow-by-settings": (
        BEGIN
        + frame(8, 0, 1, b"\x7f\xff\0\0")
        + frame(4, 0, 0, b"\0\4\x7f\xff\xff\xff"),
        FLOW,
    ),
    "6.10-after-the-last": (BEGIN + HEAD + frame(9, 4, 1, STATUS), PROTOCOL),
    "6.10-another-stream": (BEGIN + frame(1, 0, 1, STATUS) + frame(9, 4, 3), PROTOCOL),
    "6.10-stream-0": (BEGIN + frame(1, 0, 1, STATUS) + frame(9, 4, 0), PROTOCOL),
    "rfc9218-7.1-update": (BEGIN + frame(16, 0, 0, b"\0\0\0\1u=1"), PROTOCOL),
    "10.5-block": (
        BEGIN + frame(1, 0, 1, bytes(16384)) + frame(9, 0, 1, bytes(16384)) * 16,
        CALM,
    ),
    "10.5-pieces": (
        BEGIN + frame(1, 0, 1, STATUS) + frame(9, 0, 1, b"\x88") * 33,
        CALM,
    ),
}


@pytest.mark.parametrize("step", [1 << 20, 1], ids=["whole", "byte by byte"])
@pytest.mark.parametrize(("sent", "code"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_connection(sent: bytes, code: int, step: int) -> None:
    server = Server(greet=False)
    ear = server.open("PUT", end=False)
    ear.stream.pauseProducing()  # so that no credit goes back
    for at in range(0, len(sent), step):
        server.raw(sent[at : at + step])
    assert server.code == code
    assert server.is_closed
    assert server.transport.producer is None
    assert ear.is_told or ear.stream.inbound.remote_ended
    if ear.reason is not None:
        assert isinstance(ear.error, ConnectionTerminated)
        assert ear.code == code
    server.client.dataReceived(PING)
    assert server.read().acks == 0
    server.advance(1.9)
    assert not server.transport.aborting
    server.advance(0.2)
    assert server.transport.aborting
    if ear.reason is None:
        ear.stream.cancel()
    server.close()


@pytest.mark.parametrize("sent", [frame(0, 0, 1, b"x"), HEAD], ids=["data", "headers"])
def test_5_1_a_closed_stream(sent: bytes) -> None:
    server = Server()
    ear, other = server.open(), server.open()
    server.answer(1, end=True).raw(sent)
    assert server.code == CLOSED or server.requests[1].reset == CLOSED
    assert ear.calls == ["responded", "ended"]
    assert server.code is None or other.code == CLOSED
    server.close()


def test_3_4_the_client_begins() -> None:
    server = Server(greet=False).read()
    assert server.settings == {1: 4096, 2: 0, 4: 131072, 5: 16384, 6: 262144, 9: 1}
    assert server.credit == {0: (16 << 20) - 65535}
    server.close()


def test_3_4_requests_need_not_wait_for_settings() -> None:
    server = Server(greet=False)
    assert server.client.room == 100
    ear = server.open()
    assert server.requests[1].ended
    server.greet().answer(1, end=True)
    assert ear.calls == ["responded", "ended"]
    server.close()


def test_4_1_unknown_frames_and_the_reserved_bit_are_ignored() -> None:
    server = Server()
    ear = server.open()
    server.raw(frame(0xEE, 0xFF, 7, b"some bytes") + frame(0xEE, 0, 0))
    server.raw(frame(0xA, 0, 1, b"\0\0h2") + frame(0xC, 0, 0, b"\0\1a"))
    server.raw(b"\0\0\x08\6\0\x80\0\0\0" + bytes(8))
    assert server.acks == 1
    server.answer(1).raw(b"\0\0\1\0\0\x80\0\0\1x").data(1, end=True)
    assert ear.body == b"x"
    server.close()


def test_4_1_unknown_flags_are_ignored() -> None:
    server = Server()
    ear = server.open()
    server.raw(frame(1, 0xD2 | 4, 1, STATUS)).raw(frame(0, 0xF6 | 1, 1, b"x"))
    assert ear.body == b"x"
    assert ear.calls[-1] == "ended"
    server.close()


def test_4_2_the_longest_frames() -> None:
    server = Server()
    ear = server.open()
    server.answer(1, 200, ("x", "y" * 16000)).data(1, bytes(16384), end=True)
    assert ear.body == bytes(16384)
    server.close()


def test_4_3_blocks_are_decoded_whatever_they_are_for() -> None:
    server = Server()
    first, second, third = (server.open() for _ in range(3))
    first.stream.cancel()
    server.answer(1, 200, ("x-first", "of its own"))
    server.answer(3, 99, ("x-second", "as well"))
    server.answer(5, 200, ("x-first", "of its own"), ("x-second", "as well"))
    assert server.settle().requests[3].reset == PROTOCOL
    assert third.fields == {"x-first": "of its own", "x-second": "as well"}
    assert (first.calls, second.calls) == ([], ["lost"])
    server.close()


def test_5_1_frames_after_our_reset_are_dropped() -> None:
    server = Server()
    ear = server.open("PUT", end=False)
    ear.stream.cancel()
    seen = len(server.read().seen)
    server.answer(1, 100).answer(1).data(1, bytes(100_000)).update(5, 1)
    server.send(PriorityFrame(1)).trailers(1, ("x", "y"))
    assert len(server.seen) == seen
    assert server.lives()
    server.close()


def test_5_1_a_reset_after_the_end() -> None:
    server = Server()
    ear = server.open()
    server.answer(1, end=True).reset(1, 0).reset(1, 8).update(1, 1)
    assert ear.calls == ["responded", "ended"]
    assert server.lives()
    server.close()


@pytest.mark.parametrize("kind", ["data", "headers"])
def test_5_1_frames_after_their_reset(kind: str) -> None:
    server = Server()
    ear = server.open()
    server.reset(1)
    if kind == "data":
        server.data(1, b"x")
    else:
        server.answer(1)
    assert ear.calls == ["lost"]
    assert server.requests[1].reset == CLOSED
    assert server.lives()
    server.close()


def test_5_1_headers_after_the_end_of_an_answer_to_a_request_under_way() -> None:
    # The frame that ends it has come in part, when the next one cannot come yet.
    server = Server()
    ear = server.open("PUT", end=False)
    server.answer(1, end=True)
    assert ear.calls == ["responded", "refused_body", "ended"]
    server.answer(1)
    assert server.requests[1].resets == 2
    assert server.code is None
    server.close()


def test_5_1_2_no_more_than_the_server_allows() -> None:
    server = Server(greet={3: 2})
    assert server.client.room == 2
    server.open()
    server.open()
    assert server.client.room == 0
    assert len(server.requests) == 2
    server.close()


def test_5_4_1_the_last_word_names_no_stream() -> None:
    server = Server()
    server.open()
    server.raw(frame(6, 0, 0, bytes(6)))
    assert server.goaway is not None
    assert server.goaway.last_stream_id == 0
    server.close()


MALFORMED: dict[str, list[Field]] = {
    **behind(OK),
    "8.1-no-status": [("x", "y")],
    "8.1-nothing": [],
    "8.1-101": [(":status", "101")],
    "8.3-unknown": [*OK, (":x", "y")],
    "8.3-for-requests": [*OK, (":path", "/")],
    "8.3-twice": [*OK, *OK],
    "8.3-late": [("x", "y"), *OK],
    "8.3.2-letters": [(":status", "abc")],
    "8.3.2-two-digits": [(":status", "20")],
    "8.3.2-four-digits": [(":status", "2000")],
    "8.3.2-reason": [(":status", "200 OK")],
    "8.3.2-empty": [(":status", "")],
    "8.3.2-zero": [(":status", "099")],
    "8.3.2-six": [(":status", "600")],
    "8.3.2-sign": [(":status", "+20")],
    "8.1.1-length-of-letters": [*OK, ("content-length", "x")],
    "8.1.1-negative-length": [*OK, ("content-length", "-1")],
    "8.1.1-two-lengths": [*OK, ("content-length", "1"), ("content-length", "2")],
    "8.1.1-a-list-of-lengths": [*OK, ("content-length", "1, 1")],
    "8.1.1-far-too-long": [*OK, ("content-length", "9" * 20)],
    "10.5.1-too-many-fields": [*OK, *[("x", "y")] * 1000],
}


@pytest.mark.parametrize("end", [False, True])
@pytest.mark.parametrize("given", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_head(given: list[Field], end: bool) -> None:
    server = Server()
    other, ear = server.open(), server.open("PUT", end=False)
    server.send(server.head(3, given, end=end)).settle()
    assert server.requests[3].reset == PROTOCOL
    assert server.code is None
    assert ear.calls == ["lost"]
    assert isinstance(ear.error, StreamReset)
    assert (ear.error.error_code, ear.error.remote) == (PROTOCOL, False)
    assert ear.stream.processed
    server.answer(1, end=True)
    assert other.status == 200
    assert server.lives()
    assert server.client.h2.open_outbound_streams == 0
    server.close()


def interim_and_the_end(server: Server) -> None:
    server.answer(1, 103, end=True)


def interim_too_late(server: Server) -> None:
    server.answer(1).answer(1, 103)


def two_heads(server: Server) -> None:
    server.answer(1).answer(1)


def trailers_and_no_end(server: Server) -> None:
    server.answer(1).trailers(1, ("x", "y"), end=False)


def trailers_and_no_head(server: Server) -> None:
    server.trailers(1, ("x", "y"))


def pseudo_trailers(server: Server) -> None:
    server.answer(1).trailers(1, (":status", "200"))


def bad_trailers(server: Server) -> None:
    server.answer(1).trailers(1, ("X", "y"))


def data_and_no_head(server: Server) -> None:
    server.data(1, b"x")


def the_end_and_no_head(server: Server) -> None:
    server.data(1, end=True)


def data_after_interim(server: Server) -> None:
    server.answer(1, 100).data(1, b"x", end=True)


def length_and_no_body(server: Server) -> None:
    server.answer(1, 200, ("content-length", "1"), end=True)


def too_short(server: Server) -> None:
    server.answer(1, 200, ("content-length", "5")).data(1, b"1234", end=True)


def too_short_by_an_empty_frame(server: Server) -> None:
    server.answer(1, 200, ("content-length", "5")).data(1, b"12").data(1, end=True)


def too_short_by_trailers(server: Server) -> None:
    server.answer(1, 200, ("content-length", "5")).data(1, b"12").trailers(1)


def too_long(server: Server) -> None:
    server.answer(1, 200, ("content-length", "5")).data(1, b"123").data(1, b"456")


def body_with_204(server: Server) -> None:
    server.answer(1, 204).data(1, b"x")


def body_with_304(server: Server) -> None:
    server.answer(1, 304, ("content-length", "1")).data(1, b"x", end=True)


BAD_ORDER = [
    *[interim_and_the_end, interim_too_late, two_heads, trailers_and_no_end],
    *[trailers_and_no_head, pseudo_trailers, bad_trailers, data_and_no_head],
    *[the_end_and_no_head, data_after_interim, length_and_no_body, too_short],
    *[too_short_by_an_empty_frame, too_short_by_trailers, too_long],
    *[body_with_204, body_with_304],
]


@pytest.mark.parametrize("sent", BAD_ORDER, ids=lambda sent: str(sent.__name__))
@pytest.mark.parametrize("ended", [True, False])
def test_8_1_a_malformed_answer(sent: object, ended: bool) -> None:
    assert callable(sent)
    server = Server()
    ear = server.open("PUT", end=ended)
    sent(server)
    server.settle()
    assert server.requests[1].reset == PROTOCOL
    assert server.code is None
    assert ear.calls[-1] == "lost"
    assert ear.code == PROTOCOL
    assert server.lives()
    server.close()


def test_8_1_a_body_for_head() -> None:
    server = Server()
    ear = server.open("HEAD")
    server.answer(1, 200, ("content-length", "5"))
    assert ear.length == 0
    server.data(1, b"12345", end=True).settle()
    assert server.requests[1].reset == PROTOCOL
    assert ear.calls == ["responded", "lost"]
    server.close()


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)]
)
@pytest.mark.parametrize("how", ["headers", "data", "trailers", "padded"])
def test_8_1_1_the_length_of_a_body_that_is_not_sent(
    method: str, status: int, how: str
) -> None:
    server = Server()
    ear = server.open(method)
    server.answer(1, status, ("content-length", "5"), end=how == "headers")
    if how == "data":
        server.data(1, end=True)
    elif how == "trailers":
        server.trailers(1, ("x", "y"))
    elif how == "padded":
        server.raw(frame(0, 9, 1, b"\2\0\0"))
    assert ear.calls == ["responded", "ended"]
    assert (ear.length, ear.fields) == (0, {"content-length": "5"})
    server.close()


@pytest.mark.parametrize("how", ["data", "trailers", "empty data", "padded"])
def test_8_1_1_a_body_of_the_right_length(how: str) -> None:
    server = Server()
    ear = server.open()
    server.answer(1, 200, ("content-length", "5"), ("content-length", "5"))
    assert ear.length == 5
    if how == "padded":
        server.raw(frame(0, 9, 1, b"\x0212345\0\0"))
    else:
        server.data(1, b"12345", end=how == "data")
    if how == "trailers":
        server.trailers(1, ("x-sum", "1"))
    elif how == "empty data":
        server.data(1, end=True)
    assert ear.body == b"12345"
    assert ear.trailers == ([(b"x-sum", b"1")] if how == "trailers" else [])
    server.close()


def test_8_1_interim_answers() -> None:
    server = Server()
    ear = server.open()
    server.answer(1, 100).answer(1, 103, ("link", "</a>")).answer(1, 199)
    assert ear.interim == [100, 103, 199]
    server.answer(1, end=True)
    assert ear.calls[-1] == "ended"
    server.close()


def test_6_2_a_head_in_pieces_with_a_pad_and_a_priority() -> None:
    server = Server()
    ear = server.open()
    block = server.encoder.encode([*OK, ("x", "yz")])
    first = HeadersFrame(1, block[:1], pad_length=3, depends_on=0, stream_weight=7)
    first.flags |= {"END_STREAM", "PADDED", "PRIORITY"}
    pieces: list[Frame] = [ContinuationFrame(1, block[n : n + 1]) for n in (1, 2)]
    last = ContinuationFrame(1, block[3:])
    last.flags.add("END_HEADERS")
    server.send(first, *pieces, ContinuationFrame(1), last)
    assert ear.fields == {"x": "yz"}
    assert ear.calls[-1] == "ended"
    server.close()


def test_6_5_settings_are_acknowledged() -> None:
    server = Server()
    before = sum(isinstance(f, SettingsFrame) for f in server.seen)
    server.send(SettingsFrame(0)).set(MAX_CONCURRENT_STREAMS=7)
    acks = [f for f in server.seen if isinstance(f, SettingsFrame)][before:]
    assert ["ACK" in f.flags for f in acks] == [True, True]
    assert server.client.room == 7
    server.close()


def test_6_5_2_unknown_settings_are_ignored() -> None:
    server = Server()
    server.raw(frame(4, 0, 0, b"\xff\xaa\0\0\0\1"))
    assert server.lives()
    server.close()


def test_6_5_3_settings_in_the_order_in_which_they_came() -> None:
    server = Server()
    server.raw(frame(4, 0, 0, b"\0\3\0\0\0\1\0\3\0\0\0\5"))
    assert server.client.room == 5
    server.close()


def test_6_5_2_a_smaller_table_for_our_fields() -> None:
    server = Server()
    server.open("GET", "/", ("x-long", "a" * 50))
    server.set(HEADER_TABLE_SIZE=0)
    server.decoder.max_allowed_table_size = 0
    server.open("GET", "/", ("x-long", "a" * 50))
    assert server.requests[3].head["x-long"] == "a" * 50
    server.set(HEADER_TABLE_SIZE=1 << 31)
    assert server.client.h2.encoder.header_table_size == 4096
    server.close()


def test_6_7_pings_are_answered() -> None:
    server = Server()
    server.send(PingFrame(0, b"12345678"))
    (ping,) = (f for f in server.seen if isinstance(f, PingFrame))
    assert ping.opaque_data == b"12345678"
    assert "ACK" in ping.flags
    server.pong(b"unasked!")
    assert server.acks == 1
    assert server.lives()
    server.close()


def test_6_8_goaway_with_the_reserved_bit() -> None:
    server = Server()
    ear = server.open()
    server.raw(frame(7, 0, 0, b"\x80\0\0\1" + bytes(4) + b"and more"))
    server.answer(1, end=True)
    assert ear.status == 200
    assert server.code == NO_ERROR
    server.close()


def test_6_9_updates_of_the_connection_and_of_a_stream() -> None:
    server = Server(greet={4: 10})
    server.upload(bytes(100))
    assert server.requests[1].frames == [10]
    server.update(20, 1)
    assert server.requests[1].frames == [10, 20]
    server.close()


def test_6_9_1_the_window_of_a_stream_overflows() -> None:
    server = Server()
    ear = server.open("PUT", end=False)
    server.update(0x7FFFFFFF, 1)
    assert server.requests[1].reset == FLOW
    assert (ear.code, ear.error.remote) == (FLOW, False)
    assert server.lives()
    server.close()


def test_8_4_nothing_may_be_pushed() -> None:
    server = Server()
    ear = server.open()
    server.raw(frame(5, 4, 1, b"\0\0\0\2\x82\x86\x84\x41\1a"))
    assert server.code == PROTOCOL
    assert ear.code == PROTOCOL
    server.close()


def test_8_7_a_refused_stream_may_be_tried_again() -> None:
    server = Server()
    ear, other, late = Ear(), server.open(), server.open()
    server.open(ear=ear)
    server.reset(5, REFUSED).reset(1, CANCEL)
    assert (ear.stream.processed, other.stream.processed) == (False, True)
    assert (ear.code, ear.error.remote) == (REFUSED, True)
    server.answer(3).reset(3, REFUSED)
    assert late.stream.processed
    server.close()


def test_one_frame_after_the_last_word_is_not_looked_at() -> None:
    server = Server()
    ear = server.open()
    server.raw(GoAwayFrame(0, 0).serialize() + HEAD + frame(6, 0, 0, bytes(6)))
    assert ear.calls == ["lost"]
    assert server.code == NO_ERROR
    server.close()
