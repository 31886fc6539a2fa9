"""A Content-Length that is none costs one request (section 8.1.1), and no connection."""

from __future__ import annotations

from typing import Any

import pytest
from hpack import Encoder
from hyperframe.frame import SettingsFrame

from tests.http2.client import Client
from tests.http2.resources import Echo, Taker, Text
from txmultipart.http2.decoder import LengthDecoder

LENGTH = "content-length"
PROTOCOL = 1


@pytest.mark.parametrize(
    "lengths",
    [["x"], [""], ["-1"], ["+1"], ["1 2"], ["1,1"], ["1", "2"], ["9" * 20], ["\xb2"]],
)
@pytest.mark.parametrize("end", [True, False])
def test_it_costs_its_stream(lengths: list[str], end: bool) -> None:
    client = Client(Echo())
    good = client.request("PUT", "/", (LENGTH, "3"), end=False)
    bad = client.request("PUT", "/", *((LENGTH, each) for each in lengths), end=end)
    assert client.answers[bad].reset == PROTOCOL
    assert client.code is None
    client.data(good, b"abc", end=True)
    assert client.answers[good].body == b"abc"
    assert client.lives()
    client.lose()


def test_in_trailers_as_well() -> None:
    taker = Taker()
    client = Client(taker)
    stream_id = client.request("PUT", "/", end=False)
    client.data(stream_id, b"abc")
    client.send(client.head([(LENGTH, "x")], stream_id))
    assert client.answers[stream_id].reset == PROTOCOL
    assert client.code is None
    client.lose()


def test_all_else_is_decoded_as_ever() -> None:
    fields: list[Any] = [(b"a", b"1"), (b"content-length", b"5"), (b"b", b"")]
    encoder = Encoder()
    for _ in range(2):
        block = encoder.encode(fields)
        assert list(LengthDecoder().decode(encoder.encode([]) or b"", raw=True)) == []
    plain = LengthDecoder()
    assert list(plain.decode(Encoder().encode(fields), raw=True)) == fields
    assert block


class TestTableSize:
    """A peer may change the size of our table as often as it likes (RFC 7541 4.2)."""

    def sizes(self, client: Client, *sizes: int) -> None:
        client.decoder.max_allowed_table_size = max(sizes)
        for size in sizes:
            client.send(SettingsFrame(0, {1: size}))

    @pytest.mark.parametrize(
        "sizes",
        [(0,), (0, 4096), (4096, 0), (100, 0, 200), (1 << 31, 0, 1 << 31), (0, 0)],
    )
    def test_changes(self, sizes: tuple[int, ...]) -> None:
        client = Client(Text(b"hello"))
        for _ in range(3):
            client.request()
        self.sizes(client, *sizes)
        for _ in range(3):
            answer = client.answers[client.request()]
            assert answer.headers["content-type"] == "text/plain"
        assert client.connection.h2.encoder.header_table_size == min(sizes[-1], 4096)
        assert client.decoder.header_table_size <= 4096
        client.lose()

    def test_several_in_one_frame_and_between_answers(self) -> None:
        client = Client(Text(b"hello"))
        for round_ in range(10):
            frames = [SettingsFrame(0, {1: size}) for size in (0, 64, 4096 - round_)]
            client.decoder.max_allowed_table_size = 4096
            client.send(*frames)
            assert client.answers[client.request()].status == 200
        client.lose()
