"""Floods: each ends with ENHANCE_YOUR_CALM after a number of frames that is known."""

from __future__ import annotations

from typing import Any

import pytest
from hyperframe.frame import RstStreamFrame
from twisted.web.resource import Resource

from tests.http2.client import GET, Client
from tests.http2.resources import Echo, Taker, Writer
from txmultipart.http2 import floods
from txmultipart.http2.errors import ConnectionBroken
from txmultipart.http2.floods import Bucket
from txmultipart.http2.frames import frame

CALM = 11

#: One frame of the flood, and how many of them are let through.
FLOODS = {
    "ping": (frame(6, 0, 0, bytes(8)), 1000),
    "ping acknowledged": (frame(6, 1, 0, bytes(8)), 1000),
    "settings": (frame(4, 0, 0), 99),
    "priority": (frame(2, 0, 7, bytes(5)), 1000),
    "window": (frame(8, 0, 0, b"\0\0\0\1"), 102),
    "window of the stream": (frame(8, 0, 1, b"\0\0\0\1"), 102),
    "empty data": (frame(0, 0, 1), 100),
    "empty data with a pad": (frame(0, 8, 1, b"\0"), 100),
    "unknown and empty": (frame(0xEE, 0, 0), 100),
    "unknown": (frame(0xEE, 0, 0, bytes(1000)), (8 << 20) // 1009),
    "unknown and small": (frame(0xEE, 0, 0, b"x"), (8 << 20) // 64),
    "settings acknowledged": (frame(4, 1, 0), 99),
}


@pytest.mark.parametrize(("flood", "allowed"), FLOODS.values(), ids=FLOODS.keys())
def test_a_flood(flood: bytes, allowed: int) -> None:
    client = Client(Taker())
    client.request("PUT", "/", end=False)
    count = 0
    while client.code is None and count <= allowed:
        client.raw(flood * 50)
        count += 50
    assert client.code == CALM
    assert count - 50 <= allowed
    client.advance(2)
    assert client.transport.aborting
    client.lose()


def test_resets_of_the_client() -> None:
    writer = Writer()
    client = Client(writer)
    while client.code is None and len(writer.requests) < 1000:
        made = client.head(GET)
        client.send(made, RstStreamFrame(made.stream_id, 8))
    assert client.code == CALM
    assert len(writer.requests) == 201
    assert len(writer.ends) == 201


@pytest.mark.parametrize("way", ["window", "data", "malformed", "length", "trailers"])
def test_resets_that_the_client_makes_us_send(way: str) -> None:
    client = Client(Writer())
    for _ in range(400):
        if client.code is not None:
            break
        if way == "malformed":
            client.send(client.head([*GET, ("X", "y")]))
        elif way == "window":
            client.update(0x7FFFFFFF, client.request())
        elif way == "data":
            client.data(client.request(), b"x")
        elif way == "length":
            size = ("content-length", "1")
            client.data(client.request("PUT", "/", size, end=False), b"xy")
        else:
            stream_id = client.request("PUT", "/", end=False)
            client.send(client.head([(":x", "y")], stream_id))
        client.settle()
    assert client.code == CALM


def test_headers_on_a_stream_that_was_reset() -> None:
    client = Client(Echo())
    made = client.head([*GET, ("X", "y")], end=False)
    client.send(made)
    for _ in range(300):
        if client.code is None:
            client.send(client.head([("x", "y")], made.stream_id, end=False))
    assert client.code == CALM


def test_data_on_streams_that_are_over() -> None:
    client = Client(Echo(), max_resets=5)
    stream_id = client.request("PUT", "/", end=False)
    client.reset(stream_id)
    for _ in range(10):
        if client.code is None:
            client.data(stream_id, b"x")
    assert client.code == CALM


def test_streams_too_many() -> None:
    client = Client(Writer(), max_refusals=500)
    for _ in range(1000):
        if client.code is None:
            client.request()
    assert client.code == CALM
    assert len([a for a in client.answers.values() if a.reset == 7]) == 500


@pytest.mark.parametrize("turns", [True, False], ids=["in turns", "one stream"])
@pytest.mark.parametrize(("size", "allowed"), [(2, 175_000), (8, 1 << 30)])
def test_small_frames_of_data(turns: bool, size: int, allowed: int) -> None:
    taker = Taker()
    client = Client(taker)
    streams = [client.request("PUT", "/", end=False) for _ in range(2)]
    for index in (0, 1):
        taker.take(index)
    order = streams if turns else streams[:1] * 2
    pair = b"".join(frame(0, 0, stream_id, bytes(size)) for stream_id in order)
    count = 0
    while client.code is None and count < 200_000:
        client.raw(pair * 1000)
        count += 2000
    assert (client.code == CALM) == (allowed < 200_000)
    assert count <= allowed + 2000
    client.lose()


def test_useful_bytes_are_no_flood() -> None:
    client = Client(Echo())
    stream_id = client.request("PUT", "/", end=False)
    for _ in range(400):
        client.data(stream_id, bytes(64 << 10))
        client.raw(frame(0xEE, 0, 0, bytes(4000)))
    assert client.code is None
    client.lose()


class Page(Resource):
    """Answers with 16 KiB."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return bytes(16 << 10)


@pytest.mark.parametrize("updating", [True, False])
def test_downloads_and_small_requests_are_no_flood(
    updating: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(floods, "_FREE", 4096)
    client = Client(Page(), window=(1 << 31) - 1)
    client.update((1 << 31) - 1 - 65_535)
    for _ in range(300):
        stream_id = client.request("GET", "/")
        if updating:
            client.update(16 << 10)
        assert len(client.answers.pop(stream_id).body) == 16 << 10
    assert client.code is None
    client.lose()


def test_a_bucket_is_filled_again() -> None:
    now = [0.0]
    bucket = Bucket(3, 2, lambda: now[0])
    for _ in range(3):
        bucket.take()
    now[0] = 1.0
    bucket.take()
    bucket.take()
    with pytest.raises(ConnectionBroken):
        bucket.take()
    now[0] = 1000.0
    bucket._left = 0
    for _ in range(3):
        bucket.take()
    with pytest.raises(ConnectionBroken):
        bucket.take()


def test_pings_at_leisure_are_no_flood() -> None:
    client = Client(Taker())
    client.request("PUT", "/", end=False)
    for _ in range(50):
        client.raw(frame(6, 0, 0, bytes(8)) * 30)
        client.advance(1)
    assert client.code is None
    client.lose()


def test_many_that_reset_were_remembered_and_forgotten() -> None:
    client = Client(Taker(), max_resets=5000)
    for _ in range(1100):
        client.send(client.head([*GET, ("X", "y")], end=False))
    assert len(client.connection.receiver.reset_by_us) == 1024
    assert client.code is None
