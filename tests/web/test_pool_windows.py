"""Windows of every kind seen from the pool: no request stalls, and no frames are tiny."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from hyperframe.frame import SettingsFrame

from tests.web.far import Asked, End, Far
from txmultipart.body.producer import RawBody

SIZE = 300_000


def crumbs() -> Iterator[bytes]:
    """A body in small pieces, of a length that nobody knows."""
    for _ in range(SIZE // 100):
        yield bytes(100)


BODIES: dict[str, Callable[[], RawBody]] = {
    "in one piece": lambda: RawBody(bytes(SIZE)),
    "in crumbs": lambda: RawBody(crumbs()),
}


def is_out(end: End) -> bool:
    return all(request.ended for request in end.open_requests.values())


def answer(far: Far, asked: list[Asked]) -> None:
    """All arrived whole, and are answered."""
    for number, request in far.end.open_requests.items():
        if number in far.end.answered:
            continue
        assert request.body == bytes(SIZE)
        far.end.answer(number, end=True)
    assert [one.response.code for one in asked] == [200] * len(asked)
    far.close()


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("count", [1, 20])
@pytest.mark.parametrize("step", [1000, 32768])
def test_frames_are_as_long_as_the_credit(
    body: Callable[[], RawBody], count: int, step: int
) -> None:
    """The window of the connection is what is short; no stream gets crumbs of it."""
    far = Far()
    asked = [far.ask(str(n), b"PUT", body()) for n in range(count)]
    far.end.greet({SettingsFrame.INITIAL_WINDOW_SIZE: 1 << 20})
    while not is_out(far.end):
        far.end.update(step)
        far.advance(0)
    frames = [request.frames for request in far.end.open_requests.values()]
    short = [n for request in frames for n in request[:-1] if 0 < n < 900]
    assert len(short) <= count
    answer(far, asked)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_windows_that_only_settings_open(body: Callable[[], RawBody]) -> None:
    far = Far()
    asked = [far.ask(str(n), b"PUT", body()) for n in range(5)]
    far.end.greet({SettingsFrame.INITIAL_WINDOW_SIZE: 0}).update(5 * SIZE)
    window = 0
    while not is_out(far.end):
        window += 20_000
        far.end.set(INITIAL_WINDOW_SIZE=window)
        far.advance(0)
    assert window == SIZE
    answer(far, asked)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_windows_far_below_zero(body: Callable[[], RawBody]) -> None:
    far = Far()
    asked = far.ask("", b"PUT", body())
    far.end.greet().update(5 * SIZE)
    for _ in range(10):
        far.end.set(INITIAL_WINDOW_SIZE=0)
        far.advance(0)
        before = len(far.end.open_requests[1].body)
        far.end.update(10_000, 1)
        far.advance(0)
        assert len(far.end.open_requests[1].body) == before
        far.end.set(INITIAL_WINDOW_SIZE=65_535)
        far.advance(0)
        assert len(far.end.open_requests[1].body) == before + 10_000
    far.end.update(SIZE, 1)
    far.advance(0)
    answer(far, [asked])


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_window_of_one_byte_that_opens(body: Callable[[], RawBody]) -> None:
    far = Far()
    far.ask()
    far.end.greet({SettingsFrame.INITIAL_WINDOW_SIZE: 1}).answer(1, end=True)
    asked = far.ask("", b"PUT", body())
    far.end.update(5 * SIZE)
    far.advance(0)
    request = far.end.open_requests[3]
    for n in range(50):
        assert request.frames == [1] * (1 + n), "there is no more credit than that"
        far.end.update(1, 3)
        far.advance(0)
    far.end.update(SIZE, 3)
    far.advance(0)
    assert all(n > 10_000 for n in request.frames[51:-2])
    assert len(request.frames) < 51 + SIZE // 10_000
    answer(far, [asked])


def test_no_streams_for_a_while() -> None:
    """More than one is waiting, some with bodies; they go in their order."""
    far = Far()
    first = far.ask("first")
    far.end.greet({SettingsFrame.MAX_CONCURRENT_STREAMS: 0})
    asked = [far.ask(str(n), b"PUT", RawBody(b"x")) for n in range(5)]
    far.advance(1000)
    assert len(far.end.open_requests) == 1
    far.end.answer(1, end=True)
    assert first.response.code == 200
    far.end.set(MAX_CONCURRENT_STREAMS=2)
    for number in range(3, 13, 2):
        assert far.end.open_requests[number].head[":path"] == f"/{(number - 3) // 2}"
        far.end.answer(number, end=True)
    assert [one.response.code for one in asked] == [200] * 5
    far.close()
