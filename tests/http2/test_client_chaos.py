"""Any frames in any order: what is wrong costs the streams concerned, and nobody else.

Stream 1 is a bystander: nothing is done to it by name. As long as the connection is not
broken it is answered in the end, whatever happened to the others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.http2.client import Field
from tests.http2.server import Ear, Server
from txmultipart.http2 import ConnectionTerminated, StreamReset, feed
from txmultipart.http2.client_stream import State
from txmultipart.http2.connection import Stage
from txmultipart.http2.frames import frame

indices = st.integers(0, 7)
sizes = st.sampled_from([0, 1, 5, 100, 20_000])
codes = st.sampled_from([0, 1, 2, 5, 7, 8, 11, 13, 4711])
flag = st.booleans()

HEADS: list[list[Field]] = [
    [(":status", "200")],
    [(":status", "200"), ("content-length", "5")],
    [(":status", "204")],
    [(":status", "103")],
    [(":status", "abc")],
    [(":status", "413"), ("content-length", "x")],
    [(":status", "200"), ("X", "y")],
    [("x-sum", "1")],
    [],
]


class Game:
    """A connection and all the requests that were made on it."""

    def __init__(self) -> None:
        self.server = Server(
            greet={4: 1000},
            first_window=65535,
            largest_window=65535,
            connection_window=1 << 20,
            stall_time=None,
        )
        self.ears: list[Ear] = []
        self.bystander = self.open(True)
        self.open(False)

    def open(self, end: bool) -> Ear:
        ear = Ear()
        self.server.open("GET" if end else "PUT", end=end, ear=ear)
        self.ears.append(ear)
        return ear

    def ear(self, number: int) -> Ear:
        """One of them, but not the first; one that is open, if there is any."""
        others = self.ears[1:]
        open_ones = [e for e in others if e.stream.state in (State.WAITING, State.BODY)]
        chosen = open_ones or others
        return chosen[number % len(chosen)]


Act = Callable[[Game], object]


def acts() -> st.SearchStrategy[Act]:
    def on_server(call: Callable[..., object], *given: Any) -> st.SearchStrategy[Act]:
        return st.builds(
            lambda values: lambda game: call(game.server, *values), st.tuples(*given)
        )

    def on_stream(call: Callable[..., object], *given: Any) -> st.SearchStrategy[Act]:
        def act(number: int, values: tuple[Any, ...]) -> Act:
            return lambda game: call(
                game.server, game.ear(number).stream.stream_id, *values
            )

        return st.builds(act, indices, st.tuples(*given))

    def on_client(call: Callable[..., object], *given: Any) -> st.SearchStrategy[Act]:
        def act(number: int, values: tuple[Any, ...]) -> Act:
            return lambda game: (call(game.ear(number), *values), game.server.read())

        return st.builds(act, indices, st.tuples(*given))

    heads, pads = st.sampled_from(HEADS), st.integers(0, 9)
    return st.one_of(
        st.builds(lambda end: lambda game: _open(game, end), flag),
        st.builds(lambda end: lambda game: _open(game, end), flag),
        on_stream(
            lambda s, n, given, end: s.send(s.head(n, given, end=end)), heads, flag
        ),
        on_stream(lambda s, n: s.answer(n)),
        on_stream(lambda s, n, k, end: _data(s, n, bytes(k), end), sizes, flag),
        on_stream(lambda s, n, k: s.raw(frame(0, 9, n, bytes([k]) + bytes(k))), pads),
        on_stream(lambda s, n, code: s.reset(n, code), codes),
        on_stream(lambda s, n: s.update(1000, n)),
        on_stream(lambda s, n: s.raw(frame(2, 0, n, bytes(5)))),
        on_stream(
            lambda s, n, code, dice: s.leave(n, code) if not dice else None, codes, pads
        ),
        on_server(lambda s, k: s.update(k), st.integers(1, 100_000)),
        on_server(lambda s, k: s.set(INITIAL_WINDOW_SIZE=k), sizes),
        on_server(lambda s, k: s.set(MAX_CONCURRENT_STREAMS=k), st.integers(0, 20)),
        on_server(lambda s, k: s.set(HEADER_TABLE_SIZE=k), st.integers(0, 5000)),
        on_server(lambda s: s.pong_all()),
        on_server(lambda s: s.raw(frame(6, 0, 0, bytes(8)))),
        on_server(lambda s, k: s.raw(frame(0xEE, 255, k, bytes(k))), pads),
        on_server(lambda s, k: s.advance(k), st.sampled_from([0, 1, 15])),
        on_server(lambda s: s.client.pauseProducing()),
        on_server(lambda s: s.client.resumeProducing()),
        on_client(lambda ear: ear.stream.cancel()),
        on_client(lambda ear: ear.stream.pauseProducing()),
        on_client(lambda ear: ear.stream.resumeProducing()),
        on_client(lambda ear, k: ear.stream.write(bytes(k)), sizes),
        on_client(lambda ear: ear.stream.end()),
        on_client(lambda ear: ear.stream.end([(b"x", b"y")])),
    )


def _open(game: Game, end: bool) -> None:
    if game.server.client.room:
        game.open(end)


def _data(server: Server, number: int, data: bytes, end: bool) -> None:
    # Within the windows: to break those is another test.
    books = server.client.h2
    opened = books.streams.get(number)
    window = books.inbound_flow_control_window
    if opened is not None:
        window = min(window, opened.inbound_flow_control_window)
    server.data(number, data[: max(0, window)], end=end)


def check(game: Game) -> None:
    """What holds at every moment."""
    client = game.server.client
    for ear in game.ears:
        told = ear.is_told or ear.stream.state in (State.OVER, State.WHOLE)
        is_open = client.streams.get(ear.stream.stream_id) is ear.stream
        assert is_open or told
        assert not (is_open and ear.is_told)
        if ear.error is not None:
            assert isinstance(ear.error, (StreamReset, ConnectionTerminated))
    if client.stage is not Stage.CLOSED:
        assert client.h2.open_outbound_streams <= len(client.streams)
        assert client.room <= 256


def finish(game: Game) -> None:
    """What holds in the end."""
    server, client = game.server, game.server.client
    client.resumeProducing()
    server.settle()
    if client.stage is not Stage.CLOSED:
        assert game.bystander.calls == []
        server.answer(1, 200, ("x", "y")).data(1, b"unharmed", end=True)
        assert game.bystander.body == b"unharmed"
        assert game.bystander.calls == ["responded", "received", "ended"]
    for ear in game.ears:
        ear.stream.cancel()
    check(game)
    server.close()


@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(played=st.lists(acts(), min_size=20, max_size=60), early=st.integers(0, 6))
def test_any_frames_in_any_order(played: list[Act], early: int) -> None:
    game = Game()
    for number in range(early):
        game.open(bool(number % 2))
    for act in played:
        if game.server.client.stage is not Stage.CLOSED:
            act(game)
            check(game)
    finish(game)


@settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(played=st.lists(acts(), min_size=20, max_size=60))
def test_the_same_with_the_plain_feed(played: list[Act]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "stand_in_holds", lambda: False)
        game = Game()
    for number in range(4):
        game.open(bool(number % 2))
    for act in played:
        if game.server.client.stage is not Stage.CLOSED:
            act(game)
            check(game)
    finish(game)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(noise=st.binary(max_size=200), cut=st.integers(1, 9))
def test_noise(noise: bytes, cut: int) -> None:
    game = Game()
    for at in range(0, len(noise), cut):
        game.server.raw(noise[at : at + cut])
    check(game)
    for ear in game.ears:
        ear.stream.cancel()
    game.server.close()


frames = st.builds(
    frame,
    st.one_of(st.integers(0, 9), st.integers(0, 255)),
    st.one_of(st.sampled_from([0, 1, 4, 5, 8, 9, 13, 32, 36]), st.integers(0, 255)),
    st.one_of(st.sampled_from([0, 1, 3]), st.integers(0, (1 << 32) - 1)),
    st.one_of(st.sampled_from([b"", b"\x88", bytes(4), bytes(8)]), st.binary()),
)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(sent=st.lists(frames, max_size=20), cut=st.integers(1, 100))
def test_noise_in_frames(sent: list[bytes], cut: int) -> None:
    game = Game()
    data = b"".join(sent)
    for at in range(0, len(data), cut):
        game.server.raw(data[at : at + cut])
    game.server.settle()
    check(game)
    for ear in game.ears:
        ear.stream.cancel()
    game.server.close()
