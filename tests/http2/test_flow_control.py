"""Flow control in both directions (RFC 9113 section 5.2): who waits, and who must not."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hyperframe.frame import DataFrame, SettingsFrame

from tests.http2.client import Client, Pipe, data_frames
from tests.http2.resources import Echo, Taker, Text, Writer
from txmultipart.http2.stream import Stream

KiB = 1 << 10
MiB = 1 << 20
FIRST = 128 * KiB


def held(client: Client) -> int:
    """Bytes of bodies that the connection holds."""
    streams = client.connection.streams.values()
    return sum(len(data) for stream in streams for data in stream.inbound._held)


def begin(client: Client, path: str = "/") -> int:
    """Begin an upload."""
    return client.request("PUT", path, end=False)


class TestInbound:
    """What a peer may send."""

    def test_no_stream_credit_before_somebody_takes_the_bytes(self) -> None:
        taker = Taker()
        client = Client(taker)
        stream_id = begin(client)
        client.data(stream_id, bytes(FIRST))
        assert client.credit[stream_id] == 0
        assert held(client) == FIRST
        pieces = taker.take()
        assert sum(map(len, pieces)) == FIRST
        assert held(client) == 0
        assert client.read().credit[stream_id] == FIRST + 3 * FIRST
        client.lose()

    def test_the_window_grows_with_the_consumer_up_to_a_bound(self) -> None:
        taker = Taker()
        client = Client(taker)
        stream_id = begin(client)
        pieces = taker.take()
        sent = 0
        for _ in range(600):
            client.data(stream_id, bytes(64 * KiB))
            sent += 64 * KiB
        assert sum(map(len, pieces)) == sent
        open_now = FIRST + client.credit[stream_id] - sent
        assert 2 * MiB <= open_now <= 4 * MiB
        assert client.connection.budget.granted == 4 * MiB
        client.reset(stream_id)
        assert client.connection.budget.granted == 0

    def test_windows_do_not_grow_beyond_the_sum(self) -> None:
        options: dict[str, Any] = {
            "windows_together": 1 * MiB,
            "first_window": 64 * KiB,
        }
        taker = Taker()
        client = Client(taker, max_streams=10, **options)
        for _ in range(9):
            stream_id = begin(client)
            taker.take()
            for _ in range(8):
                client.data(stream_id, bytes(32 * KiB))
        assert client.connection.budget.granted == 9 * 64 * KiB + 2 * 192 * KiB
        assert client.code is None
        client.lose()

    @pytest.mark.parametrize("first", [1, 1000, 65_534])
    def test_a_body_that_comes_before_the_word_of_a_smaller_window(
        self, first: int
    ) -> None:
        client = Client(Echo(), first_window=first)
        stream_id = client.request("PUT", end=False)
        for size in (16_384, 16_384, 16_384, 16_383):
            client.data(stream_id, bytes(size))
        client.data(stream_id, end=True)
        assert client.code is None
        assert client.answers[stream_id].body == bytes(65_535)
        client.lose()

    def test_credit_comes_in_lumps(self) -> None:
        client = Client(Echo())
        stream_id = begin(client)
        client.data(stream_id, bytes(8 * KiB))
        assert client.credit[stream_id] == 0
        client.data(stream_id, bytes(8 * KiB))
        assert client.credit[stream_id] == 16 * KiB + 3 * FIRST
        client.lose()

    def test_a_consumer_that_pauses_keeps_the_credit(self) -> None:
        taker = Taker()
        client = Client(taker)
        stream_id = begin(client)
        pieces = taker.take()
        sink: Any = taker.sink
        plain = sink.write
        sink.write = lambda data: (plain(data), sink.producer.pauseProducing())
        client.data(stream_id, bytes(100 * KiB))
        client.data(stream_id, bytes(20 * KiB))
        assert len(pieces) == 1
        assert client.credit[stream_id] == 0
        sink.write = plain
        sink.producer.resumeProducing()
        assert sum(map(len, pieces)) == 120 * KiB
        assert client.read().credit[stream_id] == 120 * KiB + 3 * FIRST
        client.lose()

    @pytest.mark.parametrize("size", [1, 31 * KiB])
    def test_a_sink_that_pauses_at_each_piece_gets_all(self, size: int) -> None:
        taker = Taker()
        client = Client(taker)
        stream_id = begin(client)
        pieces = taker.take()
        sink: Any = taker.sink
        plain = sink.write
        sink.write = lambda data: (plain(data), sink.producer.pauseProducing())
        sent = 0
        while sent < 40 * size:
            client.data(stream_id, bytes(size))
            sent += size
            sink.producer.resumeProducing()
            client.read()
        client.data(stream_id, end=True)
        assert sum(map(len, pieces)) == sent
        client.lose()

    def test_a_consumer_that_pauses_and_resumes_while_it_takes(self) -> None:
        taker = Taker()
        client = Client(taker)
        stream_id = begin(client)
        pieces = taker.take()
        transport = taker.requests[0].transport
        plain = taker.sink.write

        def write(data: bytes) -> None:
            plain(data)
            transport.pauseProducing()
            transport.resumeProducing()

        taker.sink.write = write
        for _ in range(10):
            client.data(stream_id, bytes(32 * KiB))
        assert sum(map(len, pieces)) == 320 * KiB
        client.lose()

    def test_stalled_streams_do_not_delay_another(self) -> None:
        taker = Taker()
        client = Client(taker)
        for _ in range(99):
            client.data(begin(client), bytes(FIRST))
        assert held(client) == 99 * FIRST
        stream_id = begin(client)
        pieces = taker.take()
        for _ in range(40):
            client.data(stream_id, bytes(64 * KiB))
        assert sum(map(len, pieces)) == 40 * 64 * KiB
        taker.answer()
        assert client.read().answers[stream_id].body == b"done"
        assert client.connection.budget.granted <= 32 * MiB
        client.lose()

    def test_a_body_that_nobody_wants_any_more(self) -> None:
        taker = Taker()
        client = Client(taker)
        stream_id = begin(client)
        taker.take()
        taker.requests[0]._flow.stopProducing()
        client.data(stream_id, b"abc")
        assert held(client) == 3
        client.lose()

    def test_small_frames_are_held_in_few_pieces(self) -> None:
        taker = Taker()
        client = Client(taker)
        first, second = begin(client), begin(client)
        for _ in range(5000):
            client.send(*data_frames(first, b"ab"), *data_frames(second, b"cd"))
        stream = client.connection.streams[first]
        assert len(stream.inbound._held) == 3
        assert held(client) == 20_000
        assert b"".join(taker.take(0)) == b"ab" * 5000
        client.lose()

    def test_more_than_the_window_costs_the_connection(self) -> None:
        client = Client(Taker())
        stream_id = begin(client)
        client.data(stream_id, bytes(FIRST))
        client.data(stream_id, b"x")
        assert client.code == 3
        assert client.is_closed

    @pytest.mark.parametrize("way", ["client", "server", "early answer", "length"])
    def test_no_credit_leaks(self, way: str) -> None:
        taker = Taker()
        client = Client(taker, max_resets=1000)
        size, total, other = 60 * KiB, 0, 0
        for _ in range(600):
            more = [("content-length", "60000")] if way == "length" else []
            stream_id = client.request("PUT", "/", *more, end=False)
            if way == "server":
                taker.requests[-1].loseConnection()
            if way == "early answer":
                taker.answer()
                client.advance(1)
            client.data(stream_id, bytes(size))
            client.reset(stream_id) if way == "client" else client.settle()
            total += size
            other += client.credit[stream_id]
        missing = 65535 + client.credit[0] - total
        assert 16 * MiB - missing <= 8 * MiB
        assert other == 0
        assert client.connection.streams == {}
        assert client.connection.budget.granted == 0
        assert client.lives() or way
        client.lose()

    @pytest.mark.parametrize("pad", [0, 1, 255])
    @pytest.mark.parametrize("step", [1, 7, 10_000])
    def test_pads_count_and_are_not_seen(self, pad: int, step: int) -> None:
        taker = Taker()
        client = Client(taker)
        stream_id = begin(client)
        pieces = taker.take()
        frames = b""
        for _ in range(20):
            frame = DataFrame(stream_id, b"x" * 100, pad_length=pad)
            frame.flags.add("PADDED")
            frames += frame.serialize()
        last = DataFrame(stream_id, b"", pad_length=pad)
        last.flags |= {"PADDED", "END_STREAM"}
        frames += last.serialize()
        for at in range(0, len(frames), step):
            client.raw(frames[at : at + step])
        assert b"".join(pieces) == b"x" * 2000
        assert taker.sink.producer is None
        left = client.connection.h2.inbound_flow_control_window
        assert 16 * MiB - left == 2000 + 21 * (pad + 1)
        client.lose()

    def test_nothing_but_pads_comes_back_as_credit(self) -> None:
        client = Client(Taker(), max_empty_frames=10_000)
        stream_id = begin(client)
        frame = DataFrame(stream_id, b"x", pad_length=255)
        frame.flags.add("PADDED")
        for _ in range(300):
            client.send(frame)
        assert client.code is None
        client.lose()


class TestOutbound:
    """What we may send."""

    def test_no_more_than_the_window(self) -> None:
        client = Client(Text(bytes(200_000)), window=1000)
        answer = client.answers[client.request()]
        assert len(answer.body) == 1000
        client.update(500, 1)
        assert len(answer.body) == 1500
        client.update(500_000, 1)
        assert len(answer.body) == 65535
        client.update(500_000)
        assert len(answer.body) == 200_000
        assert answer.ended

    def test_a_window_that_settings_open(self) -> None:
        client = Client(Text(bytes(5000)), window=0)
        answer = client.answers[client.request()]
        assert answer.body == b""
        client.send(SettingsFrame(0, {4: 3000}))
        assert len(answer.body) == 3000
        client.send(SettingsFrame(0, {4: 6000}))
        assert len(answer.body) == 5000

    def test_a_window_below_zero(self) -> None:
        client = Client(Text(bytes(5000)), window=3000)
        answer = client.answers[client.request()]
        client.send(SettingsFrame(0, {4: 1000}))
        client.update(2000, 1)
        assert len(answer.body) == 3000
        client.update(1, 1)
        assert len(answer.body) == 3001
        assert client.clock.getDelayedCalls()
        client.lose()

    def test_the_end_takes_no_window(self) -> None:
        writer = Writer()
        client = Client(writer, window=4)
        stream_id = client.request()
        writer.requests[0].write(b"1234")
        client.read()
        writer.requests[0].finish()
        answer = client.read().answers[stream_id]
        assert (answer.body, answer.ended) == (b"1234", True)

    def test_frames_are_as_long_as_they_may_be(self) -> None:
        client = Client(Text(bytes(60_000)))
        answer = client.answers[client.request()]
        assert answer.frames == [16384, 16384, 16384, 10848]

    def test_small_writes_become_one_frame(self) -> None:
        writer = Writer()
        client = Client(writer, window=0)
        stream_id = client.request()
        for _ in range(100):
            writer.requests[0].write(b"0123456789")
        client.update(10_000, stream_id)
        assert client.answers[stream_id].frames == [1000]
        client.lose()

    def test_one_large_write_is_cut_in_place(self) -> None:
        data = bytes(range(256)) * (40 * KiB)
        client = Client(Text(data), window=1 << 30)
        client.update(1 << 30)
        answer = client.answers[client.request()]
        assert answer.body == data
        assert answer.ended

    def test_turns(self) -> None:
        writer = Writer()
        client = Client(writer, window=1 << 20)
        for _ in range(3):
            client.request()
        transport = client.transport
        client.connection.pauseProducing()
        for request in writer.requests:
            request.write(bytes(200 * KiB))
            request.finish()
        client.update(1 << 20)
        assert transport.value() == b""
        client.connection.resumeProducing()
        client.read()
        order = [f.stream_id for f in client.seen if isinstance(f, DataFrame)]
        turns = [order[0]] + [b for a, b in pairwise(order) if a != b]
        assert turns[:6] == [1, 3, 5, 1, 3, 5]
        assert all(len(client.answers[n].body) == 200 * KiB for n in (1, 3, 5))

    def test_a_transport_that_is_full_stops_everybody(self) -> None:
        class Full(Pipe):
            limit: int | None = None

            def write(self, data: bytes) -> None:
                super().write(data)
                if self.limit is not None and len(self.value()) > self.limit:
                    self.producer.pauseProducing()

        transport = Full()
        client = Client(Text(bytes(1 << 20)), window=1 << 20, transport=transport)
        client.update(1 << 20)
        transport.limit = 100_000
        stream_id = client.request()
        assert len(client.answers[stream_id].body) <= 200_000
        for _ in range(20):
            transport.producer.resumeProducing()
            client.read()
        assert len(client.answers[stream_id].body) == 1 << 20

    def test_whoever_does_not_read_answers_is_not_heard(self) -> None:
        client = Client(Echo(), max_unread_control=1000)
        client.connection.pauseProducing()
        frame = b"\0\0\x08\6\0\0\0\0\0" + b"p" * 8
        client.raw(frame * 50)
        assert client.transport.reading
        client.raw(frame * 50)
        assert not client.transport.reading
        client.connection.resumeProducing()
        assert client.transport.reading
        client.connection.pauseProducing()
        client.connection.resumeProducing()
        assert client.lives()

    def test_a_window_update_for_nobody(self) -> None:
        client = Client(Echo())
        stream_id = client.request()
        client.update(10, stream_id)
        assert client.lives()


class TestStalls:
    """A peer that lets us wait loses its stream, one that we let wait does not."""

    def advance(self, client: Client, seconds: int) -> None:
        for _ in range(seconds):
            client.advance(1)

    def test_a_body_that_does_not_come(self) -> None:
        taker = Taker()
        client = Client(taker, timeout=20)
        stream_id = begin(client)
        taker.take()
        self.advance(client, 19)
        assert client.answers[stream_id].reset is None
        client.data(stream_id, bytes(19 * 500))
        self.advance(client, 19)
        assert client.answers[stream_id].reset is None
        self.advance(client, 10)
        assert client.answers[stream_id].reset == 8
        assert len(taker.sink.failures) == 1
        client.lose()

    def test_a_body_that_nobody_takes(self) -> None:
        taker = Taker()
        client = Client(taker, timeout=20)
        stream_id = begin(client)
        client.data(stream_id, bytes(FIRST))
        self.advance(client, 200)
        assert client.answers[stream_id].reset is None
        assert not client.is_closed
        client.lose()

    def test_an_answer_that_nobody_takes(self) -> None:
        client = Client(Text(bytes(100_000)), timeout=20)
        stream_id = client.request()
        self.advance(client, 10)
        client.update(10, stream_id).update(10)
        self.advance(client, 19)
        assert client.answers[stream_id].reset is None
        self.advance(client, 10)
        assert client.answers[stream_id].reset == 8
        self.advance(client, 20)
        assert client.code == 0
        client.lose()

    def test_an_answer_that_takes_its_time(self) -> None:
        writer = Writer()
        client = Client(writer, timeout=20)
        stream_id = client.request()
        self.advance(client, 200)
        writer.requests[0].finish()
        assert client.read().answers[stream_id].ended

    def test_no_timeout(self) -> None:
        client = Client(Taker(), timeout=None)
        begin(client)
        self.advance(client, 1000)
        assert not client.is_closed
        assert client.clock.getDelayedCalls() == []
        client.lose()


def test_a_transport_of_its_own() -> None:
    """``request.transport.pauseProducing()`` holds back this body and no other."""
    taker = Taker()
    client = Client(taker)
    first, second = begin(client), begin(client)
    for index in (0, 1):
        taker.take(index)
    sinks: Any = taker.requests
    assert isinstance(sinks[0].transport, Stream)
    sinks[0].transport.pauseProducing()
    client.send(*data_frames(first, b"a"), *data_frames(second, b"b"))
    assert (taker.bodies[0].taken, taker.bodies[1].taken) == (0, 1)
    sinks[0].transport.resumeProducing()
    assert taker.bodies[0].taken == 1
    client.lose()
