"""Live content with codings: each write leaves at once, and can be decoded at once."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from tests.body.doubles import Downstream, Outcome, next_of, untimed, value_of
from txmultipart.body.coded_sink import decoders
from txmultipart.body.coder_chain import feed_all, finish_all
from txmultipart.body.live import LivePayload
from txmultipart.body.mixed_replace import MixedReplaceWriter
from txmultipart.body.producer import RawBody
from txmultipart.body.reader import MultipartReader
from txmultipart.body.writer import MultipartWriter
from txmultipart.limits import UNLIMITED, Limits
from txmultipart.sansio.coder import MAX_PIECE
from txmultipart.sansio.codings import Coder
from txmultipart.sansio.headers import PartHeaders

ENCODINGS = ["gzip", "deflate", "br", "zstd", "deflate, gzip", "identity"]
TRANSFERS = ["base64", "quoted-printable", "binary"]
CODINGS: dict[str, dict[str, str]] = {
    **{name: {"Content-Encoding": name} for name in ENCODINGS},
    **{name: {"Content-Transfer-Encoding": name} for name in TRANSFERS},
    "zstd as base64": {
        "Content-Encoding": "zstd",
        "Content-Transfer-Encoding": "base64",
    },
}
#: Where one or two bytes of what was made wait for more.
IN_TRIPLES = {"base64", "zstd as base64"}
each_coding = pytest.mark.parametrize("name", CODINGS)
FRAME = bytes(range(160)) * 2  # 10 ms of sound, 16 kHz


class Rig:
    """A live payload with codings that is sent, and what the other side makes of it."""

    def __init__(self, name: str, **reactions: Any) -> None:
        self.payload = LivePayload(content_type=None)
        self.payload.update_headers(CODINGS[name])
        self.body = RawBody(self.payload)
        self.consumer: Any = Downstream(**reactions)
        self.done = Outcome(self.body.startProducing(self.consumer))
        headers = PartHeaders(CODINGS[name])
        self.coders: list[Coder] = decoders(headers, Limits(max_ratio=UNLIMITED))
        self.decoded = b""
        self._seen = 0

    def decode(self) -> bytes:
        """All that can be made of what has left so far."""
        self._add(partial(feed_all, self.coders), self.consumer.pieces[self._seen :])
        self._seen = len(self.consumer.pieces)
        return self.decoded

    def _add(self, step: Any, pieces: list[bytes]) -> None:
        for piece in pieces:
            self.decoded += b"".join(step(piece))

    def end(self) -> bytes:
        """What it was, all in all."""
        self.payload.finish()
        assert self.done.value is None
        self.decode()
        return self.decoded + b"".join(finish_all(self.coders))


@each_coding
def test_each_write_leaves_at_once_and_can_be_decoded(name: str) -> None:
    rig = Rig(name)
    for number in range(1, 50):
        taken = Outcome(rig.payload.write(FRAME))
        assert len(rig.consumer.pieces) == number  # a chunk or DATA frame of its own
        assert taken.value is None
        whole = FRAME * number
        assert whole.startswith(rig.decode())
        if name == "base64":
            assert len(whole) - len(rig.decoded) <= 2
        elif name != "zstd as base64":
            assert rig.decoded == whole
    assert rig.end() == FRAME * 49


def test_of_base64_on_top_of_a_coding_a_byte_or_two_of_that_wait() -> None:
    rig = Rig("zstd as base64")
    for number in range(1, 50):
        rig.payload.write(FRAME)
        # The last bytes of a flushed block may be among those that wait.
        assert len(rig.decode()) >= len(FRAME) * (number - 1)
    assert rig.end() == FRAME * 49


@each_coding
def test_the_smallest_writes(name: str) -> None:
    rig = Rig(name)
    for number in range(1, 10):
        rig.payload.write(b"x")
        if name not in IN_TRIPLES:
            assert rig.decode() == b"x" * number
    assert rig.end() == b"x" * 9


def test_base64_leaves_in_whole_triples() -> None:
    rig = Rig("base64")
    sizes = []
    for _ in range(6):
        rig.payload.write(b"x")
        sizes.append(len(rig.consumer.data))
    assert sizes == [0, 0, 4, 4, 4, 8]
    assert rig.end() == b"x" * 6


@each_coding
def test_a_large_write_leaves_in_pieces(name: str) -> None:
    rig = Rig(name)
    content = FRAME * 1000
    rig.payload.write(content)
    assert max(map(len, rig.consumer.pieces)) <= max(MAX_PIECE, len(content))
    if name not in IN_TRIPLES:
        assert rig.decode() == content
    assert rig.end() == content


@each_coding
def test_a_write_while_it_is_paused_leaves_when_it_is_resumed(name: str) -> None:
    rig = Rig(name)
    rig.payload.write(FRAME)
    rig.body.pauseProducing()
    count = len(rig.consumer.pieces)
    waiting = [Outcome(rig.payload.write(FRAME)) for _ in range(2)]
    assert len(rig.consumer.pieces) == count
    rig.body.resumeProducing()
    assert [write.fired for write in waiting] == [True, True]
    assert len(rig.consumer.pieces) == count + 2
    assert rig.end() == FRAME * 3


@untimed
@given(st.sampled_from(sorted(CODINGS)), st.lists(st.binary(min_size=1, max_size=300)))
def test_any_writes(name: str, writes: list[bytes]) -> None:
    rig = Rig(name)
    for data in writes:
        rig.payload.write(data)
    assert rig.end() == b"".join(writes)


def test_among_other_parts_only_the_live_one_is_flushed() -> None:
    writer, live = MultipartWriter(boundary="b"), LivePayload(content_type=None)
    plain = [b"a" * 100] * 50
    writer.append(plain, CODINGS["gzip"])
    writer.append(live, CODINGS["gzip"])
    consumer: Any = Downstream()
    done = Outcome(writer.startProducing(consumer))
    before = len(consumer.data)
    assert before < 400  # nothing of the fifty pieces was flushed by itself
    for number in (1, 2, 3):
        live.write(FRAME)
        assert len(consumer.data) > before + number
    live.finish()
    assert done.value is None
    assert decoded_parts(writer.content_type, consumer.data) == [
        b"".join(plain),
        FRAME * 3,
    ]


def decoded_parts(content_type: str, body: bytes) -> list[bytes]:
    reader = MultipartReader(content_type)
    reader.write(body)
    reader.unregisterProducer()

    async def read() -> list[bytes]:
        return [await part.read(decode=True) async for part in reader]

    return value_of(Deferred.fromCoroutine(read()))


def test_a_coded_multipart_is_flushed_while_its_live_part_is_sent() -> None:
    inner, live = MultipartWriter(boundary="i"), LivePayload(content_type=None)
    inner.append(b"before")
    inner.append(live)
    outer = MultipartWriter(boundary="o")
    outer.append(inner, CODINGS["gzip"])
    consumer: Any = Downstream()
    done = Outcome(outer.startProducing(consumer))
    sizes = [len(consumer.data)]
    for _ in range(3):
        live.write(FRAME)
        sizes.append(len(consumer.data))
    assert sizes == sorted(set(sizes))
    live.finish()
    assert done.value is None
    reader = MultipartReader(outer.content_type)
    reader.write(consumer.data)
    nested = next_of(reader).parts()
    assert value_of(next_of(nested).read()) == b"before"
    assert value_of(next_of(nested).read()) == FRAME * 3


def test_frames_inside_a_coded_body_leave_one_by_one() -> None:
    frames = MixedReplaceWriter("f", max_waiting=9)
    writer = MultipartWriter(boundary="b")
    writer.append(frames, CODINGS["deflate"])
    consumer: Any = Downstream()
    done = Outcome(writer.startProducing(consumer))
    sizes = []
    for number in range(3):
        frames.send(b"%d" % number * 99)
        sizes.append(len(consumer.data))
    assert sizes == sorted(set(sizes))
    frames.finish()
    assert done.value is None


def test_a_source_of_bytes_is_not_flushed() -> None:
    def pieces() -> Iterator[bytes]:
        yield from [FRAME] * 99

    sizes = {}
    for kind, content in (("live", LivePayload()), ("plain", pieces())):
        writer = MultipartWriter(boundary="b")
        writer.append(content, CODINGS["gzip"])
        consumer: Any = Downstream()
        done = Outcome(writer.startProducing(consumer))
        if isinstance(content, LivePayload):
            for piece in pieces():
                content.write(piece)
            content.finish()
        assert done.value is None
        sizes[kind] = len(consumer.data)
    assert sizes["plain"] < sizes["live"] < 99 * len(FRAME)
