"""Every time that runs on a connection to a server, on a clock."""

from __future__ import annotations

from typing import Any

import pytest
from hyperframe.frame import SettingsFrame

from tests.http2.client import ACK, GET, Client
from tests.http2.resources import Echo, Taker, Text, Writer
from txmultipart.http2 import PREFACE
from txmultipart.http2.frames import frame

TIMEOUT, CALM, CANCEL = 4, 11, 8
KiB = 1 << 10


def advance(client: Client, seconds: int, step: float = 1) -> Client:
    for _ in range(round(seconds / step)):
        client.advance(step)
    return client


class TestSettings:
    """The peer has to agree to ours (section 6.5.3)."""

    def begin(self, **options: Any) -> Client:
        client = Client(Writer(), greet=False, **options)
        return client.raw(PREFACE + SettingsFrame(0).serialize())

    def test_it_does_not(self) -> None:
        client = self.begin()
        client.request()
        advance(client, 9)
        assert not client.is_closed
        client.advance(1)
        assert client.code == TIMEOUT
        assert client.is_closed
        client.lose()

    def test_it_does(self) -> None:
        client = self.begin(settings_time=5)
        client.request()
        advance(client, 4)
        client.raw(ACK)
        advance(client, 40)
        assert client.code is None
        client.lose()
        assert client.clock.getDelayedCalls() == []


class TestHeaders:
    """A block of fields has to come to its end."""

    def test_a_frame_that_comes_in_drops(self) -> None:
        client = Client(Writer(), timeout=None)
        client.request()
        whole = client.head([*GET, ("x-long", "a" * 50)]).serialize()
        for at in range(len(whole)):
            client.raw(whole[at : at + 1])
            client.advance(1.5)
            if client.code is not None:
                break
        assert client.code == CALM
        client.lose()

    @pytest.mark.parametrize("kind", ["nothing", "empty continuations"])
    def test_a_block_that_does_not_end(self, kind: str) -> None:
        client = Client(Writer(), timeout=None, header_time=4)
        client.raw(frame(1, 1, 1, b"\x82"))
        for _ in range(3):
            client.advance(1)
            if kind != "nothing":
                client.raw(frame(9, 0, 1, b"\x86"))
        assert client.code is None
        client.advance(1)
        assert client.code == CALM
        client.lose()

    def test_blocks_that_all_end_in_time(self) -> None:
        """As of a busy client whose reads end in the middle of a block each."""
        client = Client(Echo(), timeout=None, header_time=4)
        more = [("x-number", str(number)) for number in range(50)]
        whole = b"".join(client.head([*GET, each]).serialize() for each in more)
        for at in range(0, len(whole), 17):
            client.raw(whole[at : at + 17])
            assert client.code is None
            client.advance(1)
        assert sum(a.ended for a in client.answers.values()) == 50
        advance(client, 10)
        assert client.code is None
        client.lose()


class TestBodies:
    """A body has to come at the least rate, unless we hold it back."""

    def test_a_byte_now_and_then_is_not_enough(self) -> None:
        taker = Taker()
        client = Client(taker, timeout=60)
        stream_id = client.request("PUT", "/", end=False)
        taker.take()
        client.data(stream_id, bytes(1000 * KiB)[: 100 * KiB])
        for _ in range(59):
            client.data(stream_id, b"x")
            client.advance(1)
        assert client.answers[stream_id].reset is None
        for _ in range(31):
            if client.answers[stream_id].reset is None:
                client.data(stream_id, b"x")
            client.advance(1)
        assert client.answers[stream_id].reset == CANCEL
        assert len(taker.sink.failures) == 1
        assert client.code is None
        client.lose()

    @pytest.mark.parametrize("rate", [500, 700, 100_000])
    def test_slowly_but_steadily(self, rate: int) -> None:
        taker = Taker()
        client = Client(taker, timeout=60)
        stream_id = client.request("PUT", "/", end=False)
        pieces = taker.take()
        for _ in range(600):
            client.data(stream_id, bytes(min(rate, 32 * KiB)))
            client.advance(1)
        assert client.answers[stream_id].reset is None
        assert sum(map(len, pieces)) >= 600 * 500
        client.lose()

    def test_a_body_that_we_hold_back_has_all_the_time(self) -> None:
        taker = Taker()
        client = Client(taker, timeout=20)
        stream_id = client.request("PUT", "/", end=False)
        taker.take()
        for _ in range(100):
            client.data(stream_id, bytes(20))
            taker.sink.producer.pauseProducing()
            advance(client, 19, 9.5)
            taker.sink.producer.resumeProducing()
            client.advance(0.03)
        assert client.answers[stream_id].reset is None
        client.lose()

    def test_to_be_held_back_for_a_moment_is_no_excuse(self) -> None:
        taker = Taker()
        client = Client(taker, timeout=20)
        stream_id = client.request("PUT", "/", end=False)
        taker.take()
        for _ in range(31):
            if client.answers[stream_id].reset is None:
                client.data(stream_id, b"x")
                taker.sink.producer.pauseProducing()
                client.advance(0.1)
                taker.sink.producer.resumeProducing()
                client.advance(0.9)
        assert client.answers[stream_id].reset == CANCEL
        client.lose()

    @pytest.mark.parametrize("rate", [600, 400])
    def test_a_slow_line_that_many_share(self, rate: int) -> None:
        """One body at a time moves; together they are quick enough, or not."""
        taker = Taker()
        client = Client(taker, timeout=60)
        streams = [client.request("PUT", "/", end=False) for _ in range(100)]
        for index in range(100):
            taker.take(index)
        for second in range(400):
            chosen = streams[second // 4]
            if client.answers[chosen].reset is None:
                client.data(chosen, bytes(rate), end=second % 4 == 3)
            client.advance(1)
        resets = [client.answers[each].reset for each in streams]
        assert (set(resets) == {None}) == (rate == 600)
        assert client.code is None
        client.lose()

    def test_when_the_others_are_done_it_is_asked_again(self) -> None:
        taker = Taker()
        client = Client(taker, timeout=20)
        lazy = client.request("PUT", "/", end=False)
        busy = client.request("PUT", "/", end=False)
        for index in (0, 1):
            taker.take(index)
        for _ in range(200):
            client.data(busy, bytes(1000))
            client.advance(1)
        assert client.answers[lazy].reset is None
        client.data(busy, end=True)
        taker.answer(1)
        advance(client, 26)
        assert client.answers[lazy].reset == CANCEL
        client.lose()


class TestAnswers:
    """An answer has to be taken at the least rate."""

    def test_a_window_that_opens_by_a_byte(self) -> None:
        client = Client(Text(bytes(100 * KiB)), window=0, timeout=20)
        stream_id = client.request()
        for _ in range(31):
            if client.answers[stream_id].reset is None:
                client.update(1, stream_id)
            client.advance(1)
        assert client.answers[stream_id].reset == CANCEL
        client.lose()

    def test_a_window_that_opens_slowly(self) -> None:
        client = Client(Text(bytes(100 * KiB)), window=0, timeout=20)
        client.update(100 * KiB)
        stream_id = client.request()
        for _ in range(205):
            client.update(500, stream_id)
            client.advance(1)
        assert client.answers[stream_id].ended
        client.lose()

    def test_on_a_line_that_many_share(self) -> None:
        """The connection's window opens slowly, and lets one answer through at a time."""
        client = Client(Text(bytes(400 * KiB)), window=1 << 20, timeout=20)
        streams = [client.request() for _ in range(3)]
        for _ in range(300):
            client.update(700)
            client.advance(1)
        assert [client.answers[each].reset for each in streams] == [None] * 3
        advance(client, 30)
        assert {client.answers[each].reset for each in streams} == {CANCEL}
        client.lose()

    def test_an_end_that_nobody_takes(self) -> None:
        """All but the end was written before the transport took no more."""
        writer = Writer()
        client = Client(writer, timeout=20)
        client.request()
        writer.requests[0].write(bytes(100))
        client.connection.pauseProducing()
        writer.requests[0].finish()
        advance(client, 31)
        assert client.connection.streams == {}
        advance(client, 20)
        assert client.is_closed
        client.lose()

    def test_an_end_takes_no_window(self) -> None:
        """It waits for the line only, and others may keep that busy."""
        writer = Writer()
        client = Client(writer, timeout=20, window=1000)
        busy, done = client.request(), client.request()
        writer.requests[0].write(bytes(100 * KiB))
        writer.requests[1].write(bytes(1000))
        client.connection.pauseProducing()
        writer.requests[1].finish()
        for _ in range(100):
            # What is written here goes out past the one that waits.
            client.connection.find(busy).outbound.take(600)
            client.advance(1)
        assert client.answers[done].reset is None
        client.connection.resumeProducing()
        assert client.read().answers[done].ended
        client.lose()

    def test_a_window_of_its_own_that_is_closed_is_no_matter_of_the_line(self) -> None:
        client = Client(Text(bytes(100 * KiB)), window=0, timeout=20)
        client.update(1 << 20)
        closed, open_ = client.request(), client.request()
        for _ in range(26):
            client.update(1000, open_)
            client.advance(1)
        assert client.answers[closed].reset == CANCEL
        assert client.answers[open_].reset is None
        client.lose()
