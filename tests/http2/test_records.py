"""The contract with pyOpenSSL: all records with one call, and errors in their turn.

Tried with pyOpenSSL 24.0 to 26.4. When ``test_the_contract_holds`` fails with another,
records come one by one, as pyOpenSSL itself gives them; see what became of ``NAMES``.
"""

from __future__ import annotations

import gc
import socket
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from types import SimpleNamespace
from typing import Any

import OpenSSL
import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL

from txmultipart.http2 import records
from txmultipart.http2.records import join_records

KiB = 1 << 10


@cache
def context() -> SSL.Context:
    """Of a server with a certificate."""
    made = SSL.Context(SSL.TLS_METHOD)
    trustme.CA().issue_cert("localhost").configure_cert(made)
    return made


class Pair:
    """Two ends that have shaken hands, in memory; what is sent waits in ``wire``."""

    def __init__(self) -> None:
        self.sender = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
        self.receiver = SSL.Connection(context(), None)
        self.sender.set_connect_state()
        self.receiver.set_accept_state()
        for end, other in ((self.sender, self.receiver), (self.receiver, self.sender)):
            self._shake(end, other)
        for end, other in ((self.sender, self.receiver), (self.receiver, self.sender)):
            self._shake(end, other)

    @staticmethod
    def _shake(end: SSL.Connection, other: SSL.Connection) -> None:
        with suppress(SSL.WantReadError):
            end.do_handshake()
        move(end, other)

    def send(self, *pieces: bytes) -> None:
        """A record of each, there at once."""
        for piece in pieces:
            self.sender.send(piece)
        move(self.sender, self.receiver)

    def join(self) -> Pair:
        """Have the receiver join its records."""
        join_records(SimpleNamespace(getHandle=lambda: self.receiver))
        return self


def move(end: SSL.Connection, other: SSL.Connection) -> None:
    """What one has to say goes to the other."""
    said = said_by(end)
    if said:
        other.bio_write(said)


def said_by(end: SSL.Connection) -> bytes:
    """What it has to say."""
    said = b""
    with suppress(SSL.WantReadError):
        while True:
            said += end.bio_read(64 * KiB)
    return said


def told(connection: SSL.Connection) -> tuple[list[bytes], type[SSL.Error]]:
    """All that it gives, and how that ends."""
    pieces: list[bytes] = []
    while True:
        try:
            pieces.append(connection.recv(32 * KiB))
        except SSL.Error as error:
            return pieces, type(error)


def test_the_contract_holds() -> None:
    assert int(OpenSSL.__version__.partition(".")[0]) >= 24
    pair = Pair().join()
    assert "recv" in vars(pair.receiver)


def test_all_records_with_one_call() -> None:
    pair = Pair().join()
    pieces = [b"a" * 16 * KiB, b"b", b"c" * 9] * 10
    pair.send(*pieces)
    assert told(pair.receiver) == ([b"".join(pieces)], SSL.WantReadError)
    assert told(pair.receiver) == ([], SSL.WantReadError)


def test_more_than_there_is_room_for() -> None:
    pair = Pair().join()
    pair.send(*[bytes(16 * KiB)] * 136)
    pieces, error = told(pair.receiver)
    assert [len(piece) for piece in pieces] == [2048 * KiB, 128 * KiB]
    assert error is SSL.WantReadError


def test_to_peek_is_left_to_pyopenssl() -> None:
    pair = Pair().join()
    pair.send(b"abc", b"def")
    assert pair.receiver.recv(2, socket.MSG_PEEK) == b"ab"
    assert pair.receiver.recv(2) == b"abcdef"


def close(pair: Pair) -> None:
    """With close_notify."""
    pair.sender.shutdown()
    pair.send()


def vanish(pair: Pair) -> None:
    """Without."""
    pair.receiver.bio_shutdown()


def spoil(pair: Pair) -> None:
    """With bytes that are no record."""
    pair.receiver.bio_write(b"\x17\x03\x03\x00\x20" + bytes(32))


endings = pytest.mark.parametrize("end", [close, vanish, spoil])


@endings
@pytest.mark.parametrize("sent", [(), (b"x" * 5,), (b"x", b"y" * 16 * KiB)])
def test_bytes_first_and_then_the_error(
    end: Callable[[Pair], None], sent: tuple[bytes, ...]
) -> None:
    joined, stock = Pair().join(), Pair()
    for pair in (joined, stock):
        pair.send(*sent)
        end(pair)
    pieces, error = told(joined.receiver)
    assert pieces == [b"".join(sent)] * bool(sent)
    assert error is told(stock.receiver)[1] is not SSL.WantReadError
    assert told(joined.receiver)[1] is told(stock.receiver)[1]  # asked once more


@settings(deadline=None)  # a handshake each time
@given(
    st.lists(st.integers(1, 20 * KiB), max_size=6),
    st.lists(st.integers(1, 40 * KiB), max_size=8),
)
def test_all_that_was_sent_however_it_is_cut(sizes: list[int], cuts: list[int]) -> None:
    pair = Pair().join()
    sent = [bytes([number]) * size for number, size in enumerate(sizes)]
    for piece in sent:
        pair.sender.sendall(piece)
    said, got = said_by(pair.sender), b""
    for cut in [*cuts, len(said)]:
        now, said = said[:cut], said[cut:]
        if now:
            pair.receiver.bio_write(now)
        pieces, error = told(pair.receiver)
        assert error is SSL.WantReadError
        assert len(pieces) <= 1
        got += b"".join(pieces)
    assert got == b"".join(sent)


@pytest.mark.parametrize("names", [(("gone",), ()), ((), ("gone",))])
def test_other_names(monkeypatch: pytest.MonkeyPatch, names: Any) -> None:
    monkeypatch.setattr(records, "NAMES", names)
    pair = Pair().join()
    pair.send(b"a", b"b")
    assert told(pair.receiver)[0] == [b"a", b"b"]


@pytest.mark.parametrize("handle", [None, 7, SimpleNamespace(recv=print)])
def test_what_is_not_pyopenssls_is_left_alone(handle: Any) -> None:
    join_records(SimpleNamespace(getHandle=lambda: handle))
    join_records(SimpleNamespace())
    assert handle in (None, 7) or handle.recv is print


def test_nothing_keeps_a_connection() -> None:
    gc.disable()
    try:
        pair = Pair().join()
        gone = weakref.ref(pair.receiver)
        del pair
        assert gone() is None
    finally:
        gc.enable()
