"""``txmultipart send`` has its answer, and the server does not close its side."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from tests.app.serving import child, command
from tests.interop.servers.keys import keys_in
from txmultipart.app import send

CONTENT = b"content"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi\n"


class Holding:
    """A server of HTTP/1.1 on TLS that answers once, and then does nothing more."""

    def __init__(self, pair: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pair)
        self._port = socket.create_server(("127.0.0.1", 0))
        self._port.settimeout(30)
        self._over = Event()
        self._thread = Thread(target=self._serve)
        self.url = f"https://127.0.0.1:{self._port.getsockname()[1]}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._port.close()

    def _serve(self) -> None:
        with ExitStack() as stack:
            plain = stack.enter_context(self._port.accept()[0])
            plain.settimeout(30)
            coded = self._context.wrap_socket(plain, server_side=True)
            stack.enter_context(coded)
            read = b""
            while not read.endswith(CONTENT):
                read += coded.recv(1 << 16)
            coded.sendall(ANSWER)
            self._over.wait(60)


@pytest.mark.parametrize("way", [[], ["--http1.1"]])
def test_it_ends_all_the_same(way: list[str], tmp_path: Path) -> None:
    pair = keys_in(tmp_path).pair
    path = tmp_path / "sent.bin"
    path.write_bytes(CONTENT)
    with Holding(pair) as server:
        line = command("send", server.url, "-k", "-T", str(path), *way)
        with child(*line) as process:
            out, err = process.communicate(timeout=30)
    assert (out, err, process.returncode) == ("hi\n", "", 0)


class Pool:
    """One whose connections are closed when the test says so."""

    def __init__(self) -> None:
        self.closed: Deferred[None] = Deferred()

    def closeCachedConnections(self) -> Deferred[None]:
        return self.closed


def closing() -> tuple[Clock, Pool, list[Any]]:
    clock, pool, seen = Clock(), Pool(), list[Any]()
    given: Any = pool
    send._closed(clock, given).addBoth(seen.append)
    return clock, pool, seen


def test_as_soon_as_they_are_closed() -> None:
    clock, pool, seen = closing()
    assert seen == []
    pool.closed.callback(None)
    assert seen == [None]
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize("result", [None, Failure(ValueError())])
def test_not_for_longer_than_that(result: Any) -> None:
    clock, pool, seen = closing()
    clock.advance(send.CLOSING_TIME * 0.99)
    assert seen == []
    clock.advance(send.CLOSING_TIME * 0.02)
    assert seen == [None]
    assert not pool.closed.called
    pool.closed.callback(result)
    assert seen == [None]
