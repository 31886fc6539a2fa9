"""The size of reads follows what comes."""

from __future__ import annotations

from weakref import WeakSet

import pytest
from hyperframe.frame import DataFrame

from tests.http2.client import Client, Pipe
from tests.http2.resources import Echo
from txmultipart.http2.reading import ReadSize, WholeReads

KiB = 1 << 10
FRAME = 9 + 16 * KiB


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever another test has left has no share."""
    monkeypatch.setattr(ReadSize, "_in_bulk", WeakSet())


class Socket(Pipe):
    """As a transport on a socket."""

    bufferSize = 64 * KiB


def test_full_reads_make_it_larger_and_small_ones_usual_again() -> None:
    socket, sizes = Socket(), []
    read = ReadSize(socket)
    for size in (100, 63, 64, 255, 256, 1024, 1024, 32, 31, 64, 256, 500):
        read.adapt(size * KiB)
        sizes.append(socket.bufferSize // KiB)
    assert sizes == [256, 256, 256, 256, 1024, 1024, 1024, 1024, 64, 256, 1024, 1024]
    for _ in range(2):
        read.stop()
        assert socket.bufferSize == 64 * KiB


def test_reads_that_are_not_full_change_nothing() -> None:
    socket = Socket()
    read = ReadSize(socket)
    for size in (0, 1, 63 * KiB):
        read.adapt(size)
        assert socket.bufferSize == 64 * KiB


def test_many_that_read_in_bulk_share() -> None:
    sockets = [Socket() for _ in range(40)]
    reads = [ReadSize(socket) for socket in sockets]

    def turn() -> int:
        for socket, read in zip(sockets, reads, strict=True):
            read.adapt(socket.bufferSize)
        return sum(socket.bufferSize for socket in sockets)

    turn(), turn()
    assert turn() == 40 * 256 * KiB  # each has at least that
    while len(reads) > 8:
        reads.pop().stop()
        sockets.pop()
    assert turn() == 8 * 1024 * KiB
    for read in reads[1:]:
        read.stop()
    reads[0].adapt(sockets[0].bufferSize)
    assert sockets[0].bufferSize == 1024 * KiB
    reads[0].stop()


def test_one_that_is_forgotten_has_no_share() -> None:
    socket = Socket()
    read = ReadSize(socket)
    read.adapt(64 * KiB)
    assert len(ReadSize._in_bulk) == 1
    del read
    assert not ReadSize._in_bulk


def test_a_transport_that_is_no_socket() -> None:
    pipe = Pipe()
    ReadSize(pipe).adapt(64 * KiB)
    assert not hasattr(pipe, "bufferSize")


def test_a_layer_on_a_socket_reads_nothing() -> None:
    layer = Layer()
    ReadSize(layer).adapt(64 * KiB)
    assert not hasattr(layer, "bufferSize")
    assert layer.transport.bufferSize == 64 * KiB


def test_a_connection_does_so() -> None:
    socket = Socket()
    client = Client(Echo(), transport=socket)
    client.data(client.request("PUT", "/", end=False), bytes(64 * KiB))
    assert 256 * KiB <= socket.bufferSize <= 272 * KiB
    client.lose()
    assert socket.bufferSize == 64 * KiB


@pytest.mark.parametrize(
    ("begun", "frame", "size"),
    [
        (0, 1, 256 * KiB),  # no frames
        (0, FRAME, 16 * FRAME),
        (100, FRAME, 100 + 16 * FRAME),
        (0, 400 * KiB, 400 * KiB),
        (600 * KiB, 600 * KiB, 2 * 256 * KiB),  # frames larger than a read in bulk
    ],
)
def test_a_read_in_bulk_ends_with_a_frame(begun: int, frame: int, size: int) -> None:
    socket = Socket()
    read = ReadSize(socket)
    read.adapt(60 * KiB, begun, frame)
    assert socket.bufferSize == 64 * KiB
    read.adapt(64 * KiB, begun, frame)
    assert socket.bufferSize == size
    read.adapt(100, begun, frame)
    assert socket.bufferSize == 64 * KiB


def test_a_frame_that_a_read_has_cut_is_whole_after_the_next() -> None:
    socket = Socket()
    client = Client(Echo(), transport=socket)
    stream_id = client.request("PUT", "/", end=False)
    frames = DataFrame(stream_id, bytes(16 * KiB)).serialize() * 40
    place, cuts = 0, []
    while place < len(frames):
        read = frames[place : place + socket.bufferSize]
        client.raw(read)
        place += len(read)
        cuts.append(place % FRAME)
    assert cuts[0]
    assert not any(cuts[1:])
    client.lose()


class Layer:
    """As TLS on a socket: gives each read in pieces of three bytes."""

    def __init__(self) -> None:
        self.transport = Socket()
        self.seen: list[bytes] = []
        self.reads = WholeReads(self.seen.append)

    def dataReceived(self, data: bytes) -> None:
        if data == b"bad":
            self.reads.add(b"begun")
            raise ZeroDivisionError
        for at in range(0, len(data), 3):
            self.reads.add(data[at : at + 3])


def test_the_records_of_one_read_are_joined() -> None:
    layer = Layer()
    layer.dataReceived(b"12345")
    layer.reads.attach(layer)
    for data in (b"abcdefgh", b"xy", b""):
        layer.dataReceived(data)
    assert layer.seen == [b"123", b"45", b"abcdefgh", b"xy"]
    layer.dataReceived(bytes(64 * KiB))
    assert layer.transport.bufferSize == 256 * KiB
    layer.reads.lost()
    assert layer.transport.bufferSize == 64 * KiB


def test_what_came_before_an_error_is_given() -> None:
    layer = Layer()
    layer.reads.attach(layer)
    with pytest.raises(ZeroDivisionError):
        layer.dataReceived(b"bad")
    assert layer.seen == [b"begun"]


class Sealed:
    """A layer that lets nothing be put in the place of its methods."""

    __slots__ = ("transport",)

    def __init__(self) -> None:
        self.transport = Socket()

    def dataReceived(self, data: bytes) -> None:
        """Never called here."""


def test_what_does_not_take_it_is_left_alone() -> None:
    seen: list[bytes] = []
    reads = WholeReads(seen.append)
    sealed = Sealed()
    reads.attach(sealed)
    assert sealed.dataReceived.__func__ is Sealed.dataReceived  # type: ignore[attr-defined]
    reads.add(b"a")
    reads.add(b"b")
    assert seen == [b"a", b"b"]


def test_something_beneath_that_goes_past_it() -> None:
    layer = Layer()
    beneath = layer.dataReceived  # as of a wrapper that has looked it up already
    layer.reads.attach(layer)
    beneath(b"abcdef")
    assert layer.seen == [b"abc", b"def"]


def test_what_is_no_layer_is_left_alone() -> None:
    pipe = Pipe()
    WholeReads(print).attach(pipe)
    assert "dataReceived" not in vars(pipe)
