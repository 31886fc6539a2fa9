"""Windows, both ways: nothing stalls, nothing is asked for twice, nothing is kept."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hyperframe.frame import SettingsFrame, WindowUpdateFrame

from tests.http2.server import Ear, Server
from txmultipart.http2.frames import frame

KiB = 1 << 10


class Flow:
    """A push producer with so many bytes to send, 1000 at a time."""

    def __init__(self, ear: Ear, size: int) -> None:
        self.left = size
        self.made = 0
        self.is_paused = False
        self.stops = 0
        self._stream = ear.stream
        ear.stream.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self.is_paused = False
        while self.left and not self.is_paused:
            size = min(1000, self.left)
            self.left -= size
            self.made += size
            self._stream.write(bytes(size))
        if not self.left and not self.is_paused:
            self._stream.unregisterProducer()
            self._stream.end()

    def pauseProducing(self) -> None:
        self.is_paused = True

    def stopProducing(self) -> None:
        self.stops += 1


class Pull:
    """A pull producer."""

    def __init__(self, ear: Ear, pieces: int) -> None:
        self.left = pieces
        self._stream = ear.stream
        ear.stream.registerProducer(self, False)

    def resumeProducing(self) -> None:
        if self.left:
            self.left -= 1
            self._stream.write(bytes(1000))
        else:
            self._stream.unregisterProducer()
            self._stream.end()

    def stopProducing(self) -> None:
        raise AssertionError("it was to finish")


# Requests -----------------------------------------------------------------------------


def test_a_body_waits_for_the_window_and_its_producer_too() -> None:
    server = Server()
    ear = server.open("PUT", end=False)
    flow = Flow(ear, 1_000_000)
    server.read()
    assert len(server.requests[1].body) == 65535
    assert flow.made < 65535 + 70_000
    assert flow.is_paused
    while not server.requests[1].ended:
        assert flow.is_paused or not flow.left
        server.send(WindowUpdateFrame(0, 50_000), WindowUpdateFrame(1, 50_000))
    assert len(server.requests[1].body) == 1_000_000
    assert flow.stops == 0
    server.close()


def test_a_pull_producer() -> None:
    server = Server()
    Pull(server.open("PUT", end=False), 100)
    server.clock.pump([0] * 300)
    server.update(100_000).update(100_000, 1)
    server.clock.pump([0] * 300)
    server.read()
    assert len(server.requests[1].body) == 100_000
    assert server.requests[1].ended
    server.close()


def test_a_full_transport_holds_everybody_back() -> None:
    server = Server(greet={4: 1 << 20})
    server.update(1 << 24)
    server.client.pauseProducing()
    ear = server.open("PUT", end=False)
    flow = Flow(ear, 500_000)
    assert flow.is_paused
    assert server.read().requests[1].body == b""
    server.client.resumeProducing()
    server.client.pauseProducing()
    assert 0 < len(server.read().requests[1].body) <= 500_000
    server.client.resumeProducing()
    assert len(server.read().requests[1].body) == 500_000
    server.close()


def test_a_window_that_only_settings_raise() -> None:
    server = Server(greet={4: 0})
    server.upload(bytes(1000))
    assert server.requests[1].frames == []
    server.set(INITIAL_WINDOW_SIZE=400)
    assert server.requests[1].frames == [400]
    server.set(INITIAL_WINDOW_SIZE=5000)
    assert server.requests[1].frames == [400, 600]
    assert server.requests[1].ended
    server.close()


def test_a_negative_window() -> None:
    server = Server(greet={4: 1000})
    server.upload(bytes(3000))
    server.set(INITIAL_WINDOW_SIZE=100)  # 900 below zero
    server.update(900, 1)
    assert server.requests[1].frames == [1000]
    server.update(1, 1)
    assert server.requests[1].frames == [1000, 1]
    server.set(INITIAL_WINDOW_SIZE=10_000)
    assert server.requests[1].frames == [1000, 1, 1999]
    assert server.requests[1].ended
    server.close()


def test_the_end_takes_no_window() -> None:
    server = Server(greet={4: 5})
    ear = server.upload(b"12345", end=False)
    assert server.requests[1].frames == [5]
    server.set(INITIAL_WINDOW_SIZE=0)
    ear.stream.end()
    assert server.read().requests[1].frames == [5, 0]
    assert server.requests[1].ended
    server.close()


def test_a_window_of_one_byte() -> None:
    server = Server(greet={4: 1})
    server.upload(bytes(20))
    for _ in range(19):
        server.update(1, 1)
    assert server.requests[1].frames == [1] * 20
    assert server.requests[1].ended
    assert server.clock.getDelayedCalls() == []
    server.close()


def test_what_comes_together_is_answered_together() -> None:
    server = Server(greet={4: 1})
    server.upload(bytes(1000))
    server.send(*[WindowUpdateFrame(1, 1) for _ in range(500)])
    assert server.requests[1].frames == [1, 500]
    server.send(WindowUpdateFrame(1, 1), SettingsFrame(0, settings={4: 5000}))
    assert server.requests[1].frames == [1, 500, 499]
    server.close()


def test_nothing_is_done_while_there_is_no_window() -> None:
    server = Server(greet={4: 0})
    ears = [server.upload(bytes(1000)) for _ in range(50)]
    seen = len(server.seen)
    server.clock.pump([1] * 100)
    assert len(server.read().seen) == seen
    assert server.clock.getDelayedCalls() == []
    assert all(ear.calls == [] for ear in ears)
    server.close()


@pytest.mark.parametrize(
    ("size", "longest"),
    [(16384, 16384), (16385, 16385), (1 << 20, 65536), (16777215, 65536)],
)
def test_frames_as_long_as_the_server_takes_them(size: int, longest: int) -> None:
    server = Server(greet={5: size, 4: 1 << 24})
    server.longest = 1 << 16
    server.update(1 << 24)
    server.upload(bytes(300_000))
    frames = server.requests[1].frames
    assert sum(frames) == 300_000
    assert max(frames) == longest
    server.set(MAX_FRAME_SIZE=16384)
    server.upload(bytes(100_000))
    assert max(server.requests[3].frames) == 16384
    server.close()


def test_a_head_longer_than_a_frame() -> None:
    server = Server()
    more = [(f"x-{n}", "y" * 1000) for n in range(40)]
    server.open("GET", "/", *more)
    kinds = [frame.type for frame in server.seen if frame.stream_id == 1]
    assert kinds[0] == 1
    assert set(kinds[1:]) == {9}
    assert server.requests[1].head["x-39"] == "y" * 1000
    server.close()


def test_uploads_take_turns() -> None:
    server = Server(greet={4: 1 << 24})
    for _ in range(10):
        server.upload(bytes(1_000_000))
    total = 65535
    while total < 5_000_000:
        server.update(100_000)
        total += 100_000
    sizes = [len(server.requests[n].body) for n in range(1, 21, 2)]
    assert sum(sizes) == total
    assert max(sizes) < 2 * min(sizes)
    server.close()


def test_a_small_window_of_the_connection_is_shared_out() -> None:
    server = Server(greet={4: 1 << 20})
    for _ in range(5):
        server.upload(bytes(100_000))
    for _ in range(50):
        server.update(1000)
    sizes = [len(server.requests[n].body) for n in range(3, 11, 2)]
    assert max(sizes) - min(sizes) <= 1000
    server.close()


def test_ninety_nine_uploads_beside_one_that_nobody_reads() -> None:
    server = Server(greet={4: 20_000, 3: 100})
    ears = [server.upload(bytes(100_000)) for _ in range(100)]
    for _ in range(1000):
        server.update(100_000)
        open_ones = [n for n in range(3, 201, 2) if not server.requests[n].ended]
        if not open_ones:
            break
        server.send(*[WindowUpdateFrame(n, 20_000) for n in open_ones])
    for n in range(3, 201, 2):
        assert server.requests[n].body == bytes(100_000)
        server.answer(n, end=True)
    assert [ear.calls for ear in ears[1:]] == [["responded", "ended"]] * 99
    assert len(server.requests[1].body) == 20_000
    assert list(server.client.streams) == [1]
    server.close()


# Answers ------------------------------------------------------------------------------


def test_credit_goes_back_when_bytes_were_taken() -> None:
    server = Server(first_window=64 * KiB, largest_window=64 * KiB)
    ear = server.open()
    ear.stream.pauseProducing()
    server.answer(1).data(1, bytes(64 * KiB))
    assert server.credit[1] == 0
    assert ear.pieces == []
    ear.stream.resumeProducing()
    assert server.read().credit[1] == 64 * KiB
    assert len(ear.body) == 64 * KiB
    server.close()


def test_a_window_grows_while_its_taker_keeps_up() -> None:
    server = Server(first_window=64 * KiB, largest_window=1 << 20)
    server.open()
    server.answer(1)
    for _ in range(20):
        server.data(1, bytes(32 * KiB))
    assert server.credit[1] >= 1 << 20
    server.close()


def test_the_window_of_the_connection_goes_back_at_once() -> None:
    server = Server(connection_window=1 << 20)
    first = server.open()
    first.stream.pauseProducing()
    server.answer(1).data(1, bytes(128 * KiB))
    before = server.credit[0]
    stalled = [server.open() for _ in range(3)]
    for ear in stalled:
        ear.stream.pauseProducing()
        number = ear.stream.stream_id
        server.answer(number).data(number, bytes(128 * KiB))
    assert server.credit[0] - before >= 2 * 128 * KiB
    assert server.lives()
    server.close()


def cancelled(server: Server, ear: Ear) -> None:
    ear.stream.cancel()


def malformed(server: Server, ear: Ear) -> None:
    server.answer(ear.stream.stream_id, 103)


def reset_by_the_server(server: Server, ear: Ear) -> None:
    server.reset(ear.stream.stream_id)


def paused_and_cancelled(server: Server, ear: Ear) -> None:
    ear.stream.pauseProducing()
    server.data(ear.stream.stream_id, bytes(50_000))
    ear.stream.cancel()


def too_long(server: Server, ear: Ear) -> None:
    server.data(ear.stream.stream_id, bytes(16384))


#: How a stream may end with bytes on their way, and what is sent until then.
CANCELS = {
    cancelled: 0,
    malformed: 0,
    reset_by_the_server: 0,
    paused_and_cancelled: 50_000,
    too_long: 16384,
}


@pytest.mark.parametrize(("how", "more"), CANCELS.items())
def test_the_window_of_the_connection_is_not_lost_with_streams(
    how: Callable[[Server, Ear], None], more: int
) -> None:
    server = Server(connection_window=1 << 20)
    sent = 0
    for _ in range(100):
        ear = server.open()
        number = ear.stream.stream_id
        length = "55000" if how is too_long else "150000"
        server.answer(number, 200, ("content-length", length))
        server.data(number, bytes(50_000))
        how(server, ear)
        server.settle()
        sent += 50_000 + more
        if how is not reset_by_the_server:
            server.data(number, bytes(10_000), end=True)  # was on its way
            sent += 10_000
        server.pong_all()
        assert 65535 + server.credit[0] - sent >= 1 << 19
    assert server.code is None
    assert server.lives()
    server.close()


def test_pads_are_given_back() -> None:
    server = Server(first_window=64 * KiB, largest_window=64 * KiB)
    ear = server.open()
    server.answer(1)
    for _ in range(1000):
        server.raw(frame(0, 8, 1, b"\xff" + b"x" + bytes(255)))
    assert ear.body == b"x" * 1000
    assert 64 * KiB + server.credit[1] - 1000 * 257 >= 32 * KiB
    server.close()


def test_a_body_that_comes_byte_by_byte_is_held_in_few_pieces() -> None:
    server = Server()
    ear = server.open()
    ear.stream.pauseProducing()
    server.answer(1)
    for _ in range(5000):
        server.raw(frame(0, 0, 1, b"xy"))
    ear.stream.resumeProducing()
    assert ear.body == b"xy" * 5000
    assert len(ear.pieces) < 10
    server.close()


def test_an_early_answer_ends_the_upload() -> None:
    server = Server()
    ear = server.open("PUT", end=False)
    flow = Flow(ear, 10_000_000)
    ear.then["refused_body"] = flow.stopProducing
    server.answer(1, 413, ("content-length", "9")).data(1, b"too large")
    assert ear.calls == ["responded", "received"]
    made = flow.made
    server.data(1, end=True)
    assert ear.calls[2:] == ["refused_body", "ended"]
    assert (ear.status, ear.body) == (413, b"too large")
    assert (server.requests[1].reset, flow.stops, flow.made) == (0, 1, made)
    server.reset(1, 0)
    assert server.client.room == 256
    assert server.lives()
    server.close()


def test_early_answers_keep_the_windows_right() -> None:
    server = Server(connection_window=1 << 20)
    for _ in range(200):
        ear = server.upload(bytes(300), end=False)
        number = ear.stream.stream_id
        server.answer(number, 413).data(number, bytes(20_000), end=True)
        assert ear.calls[-1] == "ended"
        server.update(300)
    assert 65535 + server.credit[0] - 200 * 20_000 >= 1 << 19
    assert server.client.h2.outbound_flow_control_window == 65535
    server.close()


def test_an_answer_that_begins_early_and_goes_on() -> None:
    server = Server()
    ear = server.upload(b"ping ", end=False)
    server.answer(1).data(1, b"pong ")
    assert ear.body == b"pong "
    ear.stream.write(b"ping")
    ear.stream.end()
    server.read()
    assert server.requests[1].body == b"ping ping"
    server.data(1, b"pong", end=True)
    assert (ear.body, ear.refused) == (b"pong pong", 0)
    assert server.requests[1].reset is None
    server.close()


def test_the_last_frame_in_pieces() -> None:
    server = Server()
    ear = server.open("PUT", end=False)
    server.answer(1).raw(frame(0, 1, 1, b"1234567")[:-3])
    assert ear.calls == ["responded", "received"]
    ear.stream.end()
    server.read()
    assert list(server.client.streams) == [1]
    server.raw(b"567")
    assert ear.calls[-1] == "ended"
    assert (ear.body, ear.refused) == (b"1234567", 0)
    assert server.requests[1].reset is None
    server.close()


@pytest.mark.parametrize("end", [True, False])
@pytest.mark.parametrize("how", ["cancel", "lose", "nothing"])
def test_in_the_last_frame(how: str, end: bool) -> None:
    server = Server()
    ear = server.open("PUT", end=end)
    server.answer(1).raw(frame(0, 1, 1, b"1234567")[:-3])
    if how == "cancel":
        ear.stream.cancel()
    elif how == "lose":
        server.lose()
    server.raw(b"567")
    assert ear.is_told is (how != "cancel")
    assert ear.calls[-1] == {"cancel": "received", "lose": "lost"}.get(how, "ended")
    server.close()
