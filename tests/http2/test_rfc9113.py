"""Frames that break a rule of RFC 9113; the sections are in the names of the tests.

A broken connection: GOAWAY with the code, and closed. A broken stream: RST_STREAM with
the code, and the next request is answered.
"""

from __future__ import annotations

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    SettingsFrame,
)

from tests.guard import LoggedErrors
from tests.http2.broken import (
    CALM,
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
from tests.http2.client import GET, Client, Field, fields
from tests.http2.resources import Echo, Taker, Writer
from txmultipart.http2 import PREFACE
from txmultipart.http2.frames import frame

BEGIN = PREFACE + SettingsFrame(0).serialize()

#: What is sent after the preface and SETTINGS, and the code that it is answered with.
BROKEN = {
    **frames_after(BEGIN),
    "3.4-first-frame": (PREFACE + PING, PROTOCOL),
    "3.4-first-settings-ack": (PREFACE + frame(4, 1, 0), PROTOCOL),
    "4.2-too-long-data": (BEGIN + b"\xff\xff\xff\0\0\0\0\0\1", SIZE),
    "4.3-bad-block": (BEGIN + frame(1, 5, 1, b"\xff\xff\xff\xff\xff\xff"), COMPRESSION),
    "4.3-interrupted": (BEGIN + frame(1, 0, 1, b"") + PING, PROTOCOL),
    "4.3-interrupted-by-unknown": (
        BEGIN + frame(1, 0, 1, b"\x82") + frame(0xEE, 0, 0),
        PROTOCOL,
    ),
    "5.1-data-on-idle": (BEGIN + frame(0, 0, 1, b"x"), PROTOCOL),
    "5.1-reset-on-idle": (BEGIN + frame(3, 0, 1, bytes(4)), PROTOCOL),
    "5.1-update-on-idle": (BEGIN + frame(8, 0, 1, b"\0\0\0\1"), PROTOCOL),
    "5.1.1-even": (BEGIN + frame(1, 5, 2, b"\x82\x86\x84\x41\1a"), PROTOCOL),
    "6.1-no-pad-length": (BEGIN + frame(0, 8, 1, b""), SIZE),
    "6.1-pad-too-long": (BEGIN + frame(0, 8, 1, b"\x03ab"), PROTOCOL),
    "6.2-stream-0": (BEGIN + frame(1, 5, 0, b"\x82"), PROTOCOL),
    "6.2-pad": (BEGIN + frame(1, 13, 1, b"\xff\x82"), PROTOCOL),
    "6.5-size": (BEGIN + frame(4, 0, 0, bytes(5)), SIZE),
    "6.5.2-push": (BEGIN + frame(4, 0, 0, b"\0\2\0\0\0\2"), PROTOCOL),
    "6.6-push": (BEGIN + frame(5, 4, 1, bytes(4)), PROTOCOL),
    "6.9-zero": (BEGIN + frame(8, 0, 0, bytes(4)), PROTOCOL),
    "6.10-another-stream": (BEGIN + frame(1, 0, 1, b"\x82") + frame(9, 4, 3), PROTOCOL),
    "10.5-block": (
        BEGIN + frame(1, 0, 1, bytes(16000)) + frame(9, 0, 1, bytes(16000)) * 4,
        CALM,
    ),
    "10.5-pieces": (
        BEGIN + frame(1, 0, 1, b"\x82") + frame(9, 0, 1, b"\x82") * 9,
        CALM,
    ),
}


@pytest.mark.parametrize("step", [1 << 20, 1], ids=["whole", "byte by byte"])
@pytest.mark.parametrize(("sent", "code"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_connection(sent: bytes, code: int, step: int) -> None:
    client = Client(Echo(), greet=False)
    for at in range(0, len(sent), step):
        client.raw(sent[at : at + step])
    assert client.code == code
    assert client.is_closed
    assert client.transport.producer is None
    client.protocol.dataReceived(PING)
    assert client.read().pings == 0
    assert not client.transport.aborting
    client.advance(2)
    assert client.transport.aborting


def test_3_4_no_preface() -> None:
    # What begins like it comes here only when that was negotiated.
    client = Client(Echo(), greet=False)
    client.protocol.dataReceived(PREFACE[:3])
    client.protocol._speak_http2()
    client.raw(b"PRI * HTTP/2.1")
    assert client.code == PROTOCOL


def test_4_1_unknown_frames_and_the_reserved_bit_are_ignored() -> None:
    client = Client(Echo())
    client.raw(frame(0xEE, 0xFF, 7, b"some bytes") + frame(0xEE, 0, 0))
    client.raw(b"\0\0\x08\6\0\x80\0\0\0" + bytes(8))
    assert client.pings == 1
    stream_id = client.request("PUT", "/", end=False)
    client.raw(b"\0\0\1\0\0\x80\0\0" + bytes([stream_id]) + b"x")
    client.data(stream_id, end=True)
    assert client.answers[stream_id].body == b"x"


def test_5_1_1_numbers_grow() -> None:
    client = Client(Echo())
    client.send(client.head(GET, 5))
    client.send(client.head(GET, 3))
    assert client.code in (PROTOCOL, CLOSED)


def test_5_1_2_streams_too_many_are_refused() -> None:
    client = Client(Writer())
    streams = [client.request() for _ in range(150)]
    resets = [client.answers[stream_id].reset for stream_id in streams]
    assert resets == [None] * 100 + [REFUSED] * 50
    assert client.code is None
    client.reset(streams[0])
    again = client.request()
    assert client.answers[again].reset is None
    client.lose()


def test_5_1_2_bodies_of_refused_streams_are_dropped() -> None:
    client = Client(Taker(), max_streams=1)
    client.request("PUT", "/", end=False)
    refused = client.request("PUT", "/", end=False)
    seen = len(client.seen)
    client.data(refused, bytes(100_000), end=True)
    assert len(client.seen) == seen
    client.lose()


def test_5_4_1_the_last_word_names_the_last_stream() -> None:
    client = Client(Echo())
    client.request()
    client.request()
    client.raw(frame(6, 0, 0, bytes(6)))
    assert [frame.last_stream_id for frame in client.goaways] == [3]


def test_5_4_1_requests_are_told() -> None:
    writer = Writer()
    client = Client(writer)
    client.request()
    client.raw(frame(6, 0, 0, bytes(6)))
    assert "FRAME_SIZE_ERROR" in str(writer.ends[0].value)


MALFORMED: dict[str, list[Field]] = {
    **behind(GET),
    "8.2.2-te": fields("GET", "/", ("te", "gzip")),
    "8.3-unknown": [*GET, (":x", "y")],
    "8.3-for-answers": [*GET, (":status", "200")],
    "8.3-twice": [*GET, (":path", "/")],
    "8.3-late": [*GET[:3], ("x", "y"), GET[3]],
    "8.3.1-no-method": GET[1:],
    "8.3.1-no-scheme": [GET[0], *GET[2:]],
    "8.3.1-no-path": [*GET[:2], GET[3]],
    "8.3.1-empty-path": fields("GET", ""),
    "8.3.1-path-with-blank": fields("GET", "/a b"),
    "8.3.1-path-with-fragment": fields("GET", "/a#b"),
    "8.3.1-absolute-path": fields("GET", "http://a/"),
    "8.3.1-star-with-get": fields("GET", "*"),
    "8.3.1-method-with-blank": fields("GET /x HTTP/1.1"),
    "8.3.1-scheme": [GET[0], (":scheme", "ftp"), *GET[2:]],
    "8.3.1-userinfo": [*GET[:3], (":authority", "a@b")],
    "8.3.1-authority-with-slash": [*GET[:3], (":authority", "a/b")],
    "8.3.1-empty-authority": [*GET[:3], (":authority", "")],
    "8.3.1-two-hosts": fields("GET", "/", ("host", "other.test")),
    "8.3.1-a-host-that-is-none": [*GET[:3], ("host", "a b")],
    "8.5-connect-with-path": [(":method", "CONNECT"), *GET[2:]],
    "8.5-connect-without-authority": [(":method", "CONNECT")],
    "8.1.1-length-and-no-body": fields("PUT", "/", ("content-length", "1")),
}


@pytest.mark.parametrize("given", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_request(given: list[Field]) -> None:
    writer = Writer()
    client = Client(writer)
    made = client.head(given)
    client.send(made)
    assert client.answers[made.stream_id].reset == PROTOCOL
    assert client.code is None
    assert writer.requests == []
    client.request("GET", "/", ("te", "trailers"), ("host", "example.test"))
    assert len(writer.requests) == 1
    client.lose()


def test_a_malformed_request_with_a_body() -> None:
    client = Client(Echo())
    made = client.head(fields("PUT", "/", ("X", "y")), end=False)
    client.send(made)
    assert client.answers[made.stream_id].reset == PROTOCOL
    client.data(made.stream_id, b"abc")
    client.send(client.head([("x-sum", "1")], made.stream_id))
    assert client.lives()


@pytest.mark.parametrize("value", ["x", "-1", "1, 1", "+1"])
def test_8_1_1_a_length_that_is_none(value: str) -> None:
    client = Client(Taker())
    stream_id = client.request("PUT", "/", ("content-length", value), end=False)
    assert client.answers[stream_id].reset == PROTOCOL or client.code == PROTOCOL
    client.lose()


@pytest.mark.parametrize(
    ("announced", "sent", "how"),
    [
        (10, 5, "data"),
        (10, 11, "data"),
        (10, 5, "trailers"),
        (10, 5, "empty data"),
        (0, 1, "data"),
        (10, 11, "more to come"),
    ],
)
def test_8_1_1_a_body_of_another_length(announced: int, sent: int, how: str) -> None:
    taker = Taker()
    client = Client(taker)
    length = ("content-length", str(announced))
    stream_id = client.request("PUT", "/", length, end=False)
    client.data(stream_id, bytes(sent), end=how == "data")
    if how == "trailers":
        client.send(client.head([("x-sum", "1")], stream_id))
    elif how == "empty data":
        client.data(stream_id, end=True)
    assert client.settle().answers[stream_id].reset == PROTOCOL
    assert client.connection.streams == {}
    client.request()
    taker.answer()
    assert client.read().answers[stream_id + 2].body == b"done"


@pytest.mark.parametrize("how", ["data", "trailers", "empty data"])
def test_8_1_1_a_body_of_the_right_length(how: str) -> None:
    client = Client(Echo())
    stream_id = client.request("PUT", "/", ("content-length", "5"), end=False)
    client.data(stream_id, b"12345", end=how == "data")
    if how == "trailers":
        client.send(client.head([("x-sum", "1")], stream_id))
    elif how == "empty data":
        client.data(stream_id, end=True)
    assert client.answers[stream_id].body == b"12345"


@pytest.mark.parametrize("given", [[(":path", "/")], [("X", "y")]])
def test_8_1_bad_trailers(given: list[Field]) -> None:
    client = Client(Taker())
    stream_id = client.request("PUT", "/", end=False)
    client.send(client.head(given, stream_id))
    assert client.settle().answers[stream_id].reset == PROTOCOL
    assert client.code is None
    client.lose()


def test_8_1_trailers_have_to_end_the_stream() -> None:
    client = Client(Taker())
    stream_id = client.request("PUT", "/", end=False)
    client.send(client.head([("x", "y")], stream_id, end=False))
    assert client.code == PROTOCOL


def test_5_1_data_after_the_end() -> None:
    writer = Writer()
    client = Client(writer)
    stream_id = client.request()
    client.data(stream_id, b"x")
    assert client.settle().answers[stream_id].reset == CLOSED
    assert len(writer.ends) == 1
    assert client.code is None
    client.lose()


def test_5_1_data_on_a_closed_stream() -> None:
    client = Client(Echo())
    stream_id = client.request()
    assert client.answers[stream_id].ended
    client.data(stream_id, b"x")
    assert client.code == CLOSED or client.answers[stream_id].reset == CLOSED


def test_5_1_headers_on_a_closed_stream() -> None:
    client = Client(Echo())
    stream_id = client.request()
    client.send(client.head(GET, stream_id))
    assert client.code == CLOSED


def test_6_9_1_the_window_of_a_stream_overflows() -> None:
    writer = Writer()
    client = Client(writer)
    stream_id = client.request()
    client.update(0x7FFFFFFF, stream_id)
    assert client.answers[stream_id].reset == FLOW
    assert len(writer.ends) == 1
    assert client.code is None
    client.lose()


def test_5_3_1_a_stream_that_depends_on_itself() -> None:
    client = Client(Echo())
    client.send(PriorityFrame(1, depends_on=1))
    assert client.code == PROTOCOL


def test_6_2_headers_in_pieces_with_a_pad_and_a_priority() -> None:
    client = Client(Echo())
    block = client.encoder.encode(GET)
    first = HeadersFrame(1, block[:5], pad_length=3, depends_on=0, stream_weight=7)
    first.flags |= {"END_STREAM", "PADDED", "PRIORITY"}
    second, third = ContinuationFrame(1, block[5:6]), ContinuationFrame(1, block[6:])
    third.flags.add("END_HEADERS")
    client.send(first, second, third)
    assert client.answers[1].body == b"hello"


def test_6_7_pings_are_answered() -> None:
    client = Client(Echo())
    client.send(PingFrame(0, b"12345678"))
    (ping,) = (frame for frame in client.seen if isinstance(frame, PingFrame))
    assert ping.opaque_data == b"12345678"
    assert "ACK" in ping.flags
    acknowledged = PingFrame(0, b"12345678")
    acknowledged.flags.add("ACK")
    client.send(acknowledged)
    assert client.pings == 1


def test_6_8_goaway_lets_streams_finish() -> None:
    taker = Taker()
    client = Client(taker)
    first, second = (client.request("PUT", "/", end=False) for _ in range(2))
    client.send(GoAwayFrame(0)).send(GoAwayFrame(0))
    assert not client.is_closed
    for index, stream_id in enumerate((first, second)):
        pieces = taker.take(index)
        client.data(stream_id, b"abc", end=True)
        assert pieces == [b"abc"]
        assert not client.is_closed
    assert client.answers[client.request()].reset == REFUSED
    taker.answer(0)
    taker.answer(1)
    client.read()
    assert [client.answers[n].body for n in (first, second)] == [b"done"] * 2
    assert client.code == NO_ERROR
    assert client.is_closed


def test_6_8_one_last_word_only() -> None:
    client = Client(Echo())
    client.raw(GoAwayFrame(0).serialize() + frame(6, 0, 0, bytes(6)))
    assert client.code == NO_ERROR


def test_6_8_goaway_when_nothing_is_open() -> None:
    client = Client(Echo())
    client.raw(GoAwayFrame(0).serialize() + PING)
    assert (client.code, client.is_closed) == (NO_ERROR, True)
    client.lose()
    assert client.clock.getDelayedCalls() == []


def test_6_5_the_table_of_our_encoder_stays_small() -> None:
    client = Client(Echo())
    client.send(SettingsFrame(0, {1: 0xFFFFFFFF}))
    assert client.connection.h2.encoder.header_table_size == 4096
    client.send(SettingsFrame(0, {1: 100}))
    assert client.connection.h2.encoder.header_table_size == 100
    assert client.lives()


def test_10_5_1_too_many_fields() -> None:
    client = Client(Echo())
    crumbs: list[Field] = [("cookie", "a")] * 97
    made = client.head(fields("GET", "/", *crumbs))
    client.send(made)
    assert client.answers[made.stream_id].status == 431
    with_body = client.head(fields("PUT", "/", *crumbs), end=False)
    client.send(with_body)
    answer = client.answers[with_body.stream_id]
    assert (answer.status, answer.ended, answer.reset) == (431, True, NO_ERROR)
    client.data(with_body.stream_id, b"abc", end=True)
    assert client.lives()


def test_10_5_1_too_many_bytes_of_fields() -> None:
    client = Client(Echo())
    long: list[Field] = [("x-long", "y" * 1000)] * 40
    client.send(client.head(fields("GET", "/", *long)))
    assert client.code == CALM


def test_everything_byte_by_byte() -> None:
    client = Client(Echo())
    made = client.head(fields("PUT", "/"), end=False)
    data = DataFrame(1, b"hello")
    data.flags.add("END_STREAM")
    for byte in made.serialize() + data.serialize() + PING:
        client.raw(bytes([byte]))
    assert client.answers[1].body == b"hello"
    assert client.pings == 1


def test_a_defect_of_a_request_does_not_end_the_connection(
    logged_errors: LoggedErrors,
) -> None:
    class Broken(Taker):
        def render(self, request: object) -> int:
            super().render(request)
            self.bodies[-1].write = self.fail  # type: ignore[method-assign]
            return 1

        def fail(self, data: bytes) -> None:
            raise ZeroDivisionError

    taker = Broken()
    client = Client(taker)
    stream_id = client.request("PUT", "/", end=False)
    taker.requests[0].transport.resumeProducing()
    client.data(stream_id, b"abc")
    assert client.settle().answers[stream_id].reset == 2
    assert len(logged_errors.flush(ZeroDivisionError)) == 1
    assert client.code is None
    client.lose()


@pytest.mark.parametrize(
    "sizes", [[0], [100], [4096], [1 << 31], [0, 4096], [100, 100], [1 << 31, 100]]
)
def test_6_5_2_another_table_for_our_fields(sizes: list[int]) -> None:
    client = Client(Echo())
    client.request()
    for size in sizes:
        client.send(SettingsFrame(0, settings={1: size}))
    client.decoder.max_allowed_table_size = sizes[-1]
    for _ in range(2):
        stream_id = client.request()
        assert client.answers[stream_id].status == 200
    assert client.connection.h2.encoder.header_table_size == min(4096, sizes[-1])
    client.lose()
