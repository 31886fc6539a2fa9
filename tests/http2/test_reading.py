"""The size of reads follows what comes."""

from __future__ import annotations

import pytest

from tests.http2.client import Client, Pipe
from tests.http2.resources import Echo
from txmultipart.http2.reading import WholeReads, adapt_reading

KiB = 1 << 10


class Socket(Pipe):
    """As a transport on a socket."""

    bufferSize = 64 * KiB


def test_full_reads_make_it_larger_and_small_ones_smaller() -> None:
    socket, sizes = Socket(), []
    for size in (100, 63 * KiB, 64 * KiB, 256 * KiB, 20 * KiB, 7 * KiB, 100):
        adapt_reading(socket, size)
        sizes.append(socket.bufferSize // KiB)
    assert sizes == [64, 64, 256, 256, 256, 64, 64]


def test_a_transport_that_is_no_socket() -> None:
    pipe = Pipe()
    adapt_reading(pipe, 64 * KiB)
    assert not hasattr(pipe, "bufferSize")


def test_a_connection_does_so() -> None:
    socket = Socket()
    client = Client(Echo(), transport=socket)
    client.data(client.request("PUT", "/", end=False), bytes(64 * KiB))
    assert socket.bufferSize == 256 * KiB
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
