"""Any frames in any order: the peer's fault is answered, and nothing else happens.

The seeds are fixed, so that what fails once fails again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.http2.client import GET, Client, Field, fields
from tests.http2.resources import Echo, Taker, Text, Writer
from txmultipart.http2 import feed
from txmultipart.http2.connection import Stage
from txmultipart.http2.frames import frame

pytestmark = pytest.mark.filterwarnings(
    "ignore:twisted.web.resource._Unsafe:DeprecationWarning"
)

LENGTH: Field = ("content-length", "300")


def begin(client: Client, dice: random.Random) -> None:
    more = [LENGTH] if dice.random() < 0.3 else []
    end = dice.random() < 0.4
    made = client.head(fields(dice.choice(["PUT", "GET", "HEAD"]), "/", *more), end=end)
    client.send(made)


def some_stream(client: Client, dice: random.Random) -> int:
    """Mostly one that is open; others end the connection, and so the game."""
    if not client.connection.streams:
        begin(client, dice)
    if dice.random() < 0.01 or not client.connection.streams:
        return dice.randrange(1, client._next + 2, 2)
    streams: list[int] = list(client.connection.streams)
    return dice.choice(streams)


def body(client: Client, dice: random.Random) -> None:
    size = dice.choice([0, 1, 100, 300, 5000])
    client.data(some_stream(client, dice), bytes(size), end=dice.random() < 0.3)


def padded(client: Client, dice: random.Random) -> None:
    pad, flags = dice.randrange(20), dice.choice([8, 9])
    payload = bytes([pad]) + bytes(dice.randrange(30) + pad)
    client.raw(frame(0, flags, some_stream(client, dice), payload))


def trailers(client: Client, dice: random.Random) -> None:
    client.send(client.head([("x-sum", "1")], some_stream(client, dice)))


def reset(client: Client, dice: random.Random) -> None:
    client.reset(some_stream(client, dice), dice.randrange(20))


def update(client: Client, dice: random.Random) -> None:
    stream_id = dice.choice([0, some_stream(client, dice)])
    client.update(dice.choice([1, 1000, 100_000]), stream_id)


def settings(client: Client, dice: random.Random) -> None:
    window = dice.choice([0, 100, 65535, 1 << 20]).to_bytes(4, "big")
    client.raw(frame(4, 0, 0, b"\0\4" + window))


def ping(client: Client, dice: random.Random) -> None:
    client.raw(frame(6, dice.randrange(2), 0, bytes(8)))


def priority(client: Client, dice: random.Random) -> None:
    client.raw(frame(2, 0, some_stream(client, dice), bytes(5)))


def unknown(client: Client, dice: random.Random) -> None:
    client.raw(frame(dice.randrange(10, 256), 255, 7, bytes(dice.randrange(100))))


def noise(client: Client, dice: random.Random) -> None:
    if dice.random() < 0.03:
        kind, size = dice.randrange(12), dice.randrange(20)
        client.raw(frame(kind, dice.randrange(256), dice.randrange(9), bytes(size)))


def reprioritise(client: Client, dice: random.Random) -> None:
    value = dice.choice([b"u=0", b"u=7, i", b"i", b"", b"\xff"])
    stream_id = some_stream(client, dice).to_bytes(4, "big")
    client.raw(frame(0x10, 0, 0, stream_id + value))


def farewell(client: Client, dice: random.Random) -> None:
    if dice.random() < 0.1:
        client.connection.leave()
        client.read()
        if dice.random() < 0.5:
            client.raw(frame(6, 1, 0, b"farewell"))


def goaway(client: Client, dice: random.Random) -> None:
    if dice.random() < 0.1 and client.connection.streams:
        client.raw(frame(7, 0, 0, bytes(8)))


def malformed(client: Client, dice: random.Random) -> None:
    client.send(client.head([*GET, ("X", "y")], end=dice.random() < 0.5))


def wait(client: Client, dice: random.Random) -> None:
    client.advance(dice.choice([0, 0.1, 1]))


def block(client: Client, dice: random.Random) -> None:
    connection = client.connection
    dice.choice([connection.pauseProducing, connection.resumeProducing])()
    client.read()


def answer(client: Client, dice: random.Random) -> None:
    """Do something to a request that is under way, as a resource would."""
    streams = [s for s in client.connection.streams.values() if s.request is not None]
    if not streams:
        return
    stream = dice.choice(streams)
    request = stream.request
    act = dice.randrange(6)
    if act == 0:
        request.write(bytes(dice.choice([0, 10, 100_000])))
    elif act == 1:
        request.finish()
    elif act == 2:
        request.loseConnection()
    elif act == 3:
        stream.pauseProducing()
    else:
        stream.resumeProducing()
    client.read()


ACTS: list[Callable[[Client, random.Random], None]] = [
    *[begin, body, body, answer, answer, answer],
    *[
        reprioritise,
        farewell,
        padded,
        trailers,
        reset,
        update,
        settings,
        ping,
        priority,
        unknown,
    ],
    *[noise, goaway, malformed, wait, block],
]


def play(root: Any, seed: int) -> Client:
    """A hundred things in an order that ``seed`` says."""
    dice = random.Random(seed)
    client = Client(root, timeout=20)
    for _ in range(100):
        if not client.is_closed:
            dice.choice(ACTS)(client, dice)
    client.advance(0)
    return client


@pytest.mark.parametrize("root", [Writer, Taker, Echo, lambda: Text(bytes(200_000))])
@pytest.mark.parametrize("way", ["as it is", "plain feed"])
def test_chaos(root: Any, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "plain feed":
        monkeypatch.setattr(feed, "stand_in_holds", lambda: False)
    closed = 0
    for seed in range(60):
        client = play(root(), seed)
        connection = client.connection
        closed += client.is_closed
        if not client.is_closed:
            windows = [s.inbound._window for s in connection.streams.values()]
            granted = sum(each.size for each in windows if not each._closed)
            assert connection.budget.granted == granted
            assert connection.h2.open_inbound_streams <= len(connection.streams)
        client.lose().advance(0)
        assert connection.stage is Stage.CLOSED
        assert connection.budget.granted == 0
        assert client.clock.getDelayedCalls() == []
    assert 0 < closed < 60


@pytest.mark.parametrize("seed", range(20))
def test_both_feeds_say_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = play(Echo(), seed)
    monkeypatch.setattr(feed, "stand_in_holds", lambda: False)
    plain = play(Echo(), seed)
    assert quick.code == plain.code
    assert _frames(quick) == _frames(plain)
    quick.lose()
    plain.lose()


def _frames(client: Client) -> list[tuple[str, int, int]]:
    # Not those of heads, in which the time of day stands.
    return [
        (type(f).__name__, f.stream_id, 0 if f.type == 1 else f.body_len)
        for f in client.seen
    ]
