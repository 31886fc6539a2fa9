"""A server under pressure, over real sockets: memory stays bounded, others are served.

Times and shares of a core are printed (``pytest -s``), and not asserted: they are the
machine's. What is asserted of them is memory.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Self
from urllib.parse import urlsplit

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, StreamEnded, StreamReset
from hpack import Encoder
from hyperframe.frame import HeadersFrame, SettingsFrame

from tests.app.serving import announced_url, child
from tests.http2.client import ACK, fields
from tests.http2.test_floods import FLOODS
from txmultipart.http2 import PREFACE
from txmultipart.http2.frames import frame

KiB, MiB = 1 << 10, 1 << 20


class Server:
    """The child, and what it uses."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.port = urlsplit(url).port or 0

    @property
    def memory(self) -> float:
        """What is resident, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (line,) = [each for each in status.splitlines() if each.startswith("VmRSS")]
        return int(line.split()[1]) / 1024

    @property
    def cpu(self) -> float:
        """Seconds of a core that it has used."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text()
        words = stat.rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def files(self) -> int:
        """How many it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def connect(self, buffer: int | None = None) -> socket.socket:
        """A connection to it."""
        made = socket.socket()
        if buffer is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.settimeout(20)
        made.connect(("127.0.0.1", self.port))
        return made


@contextmanager
def serving(folder: Path, timeout: float = 60, *more: str) -> Iterator[Server]:
    line = ["-m", "tests.http2.pressured", str(folder), str(timeout), *more]
    with child(sys.executable, *line) as process:
        server = Server(process, announced_url(process))
        with Peer(server) as peer:
            peer.put("/take", 1 << 20)  # what is loaded late is loaded now
        yield server


class Peer:
    """A client with a blocking socket."""

    def __init__(self, server: Server, buffer: int | None = None) -> None:
        self.socket = server.connect(buffer)
        self.h2 = H2Connection(H2Configuration(client_side=True))
        self.h2.initiate_connection()
        self.ended: set[int] = set()
        self.resets: dict[int, int] = {}
        self.bodies: dict[int, bytes] = {}
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def flush(self) -> None:
        self.socket.sendall(self.h2.data_to_send())

    def receive(self, timeout: float = 20) -> bool:
        """What has come; False if nothing does."""
        self.socket.settimeout(timeout)
        try:
            data = self.socket.recv(1 << 16)
        except TimeoutError:
            return False
        for event in self.h2.receive_data(data) if data else []:
            if isinstance(event, DataReceived):
                stream_id = event.stream_id or 0
                body = self.bodies.setdefault(stream_id, b"")
                self.bodies[stream_id] = body + (event.data or b"")
            elif isinstance(event, StreamEnded):
                self.ended.add(event.stream_id or 0)
            elif isinstance(event, StreamReset):
                self.resets[event.stream_id or 0] = int(event.error_code or 0)
        self.socket.settimeout(20)
        self.flush()
        return bool(data)

    def begin(self, method: str, path: str, *, end: bool = True) -> int:
        stream_id = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream_id, fields(method, path), end_stream=end)
        self.flush()
        return stream_id

    def push(self, stream_id: int, size: int) -> int:
        """Send as much of ``size`` bytes as may be sent now."""
        sent = 0
        while sent < size:
            room = self.h2.local_flow_control_window(stream_id)
            piece = min(size - sent, room, 16 * KiB)
            if piece <= 0:
                break
            self.h2.send_data(stream_id, bytes(piece))
            self.flush()
            sent += piece
        return sent

    def finish(self, stream_id: int) -> bytes:
        """The answer."""
        while stream_id not in self.ended and stream_id not in self.resets:
            assert self.receive()
        return self.bodies.get(stream_id, b"")

    def get(self, path: str) -> bytes:
        return self.finish(self.begin("GET", path))

    def put(self, path: str, size: int) -> bytes:
        stream_id = self.begin("PUT", path, end=False)
        while size:
            size -= self.push(stream_id, size)
            if size:
                assert self.receive()
        self.h2.end_stream(stream_id)
        self.flush()
        return self.finish(stream_id)


@pytest.mark.parametrize("reactor", [[], ["asyncio"]], ids=["usual", "asyncio"])
@pytest.mark.parametrize("path", ["/stall", "/some"])
def test_a_hundred_streams_that_stall(
    path: str, reactor: list[str], tmp_path: Path
) -> None:
    with serving(tmp_path, 60, *reactor) as server, Peer(server) as peer:
        peer.get("/")
        idle = server.memory
        streams = [peer.begin("PUT", path, end=False) for _ in range(99)]
        sent = 0
        while True:
            moved = sum(peer.push(each, 64 * KiB) for each in streams)
            sent += moved
            if not peer.receive(0.3 if not moved else 0.01) and not moved:
                break
        grown = server.memory - idle
        before = monotonic()
        assert peer.put("/take", 200_000) == b"200000"
        took = (monotonic() - before) * 1000
        sleep(1)
        stays = server.memory - idle
        print(
            f"{path}: {sent / MiB:.1f} MiB sent, memory {grown:+.1f} and later"
            f" {stays:+.1f} MiB, a sibling answered in {took:.1f} ms"
        )
        assert peer.resets == {}
        assert sent >= 99 * 128 * KiB
        assert max(grown, stays) <= 32
        assert abs(stays - grown) <= 2


#: Floods that answer with nothing that counts: the peer that sends them never reads.
KINDS = {
    **{name: flood for name, (flood, _) in FLOODS.items()},
    "continuation": frame(9, 0, 3, b"\x82"),
    "resets": b"",
    "zeros": b"\0",
}


def flood(server: Server, name: str) -> int:
    """Send a flood till the server closes; gives the bytes that were sent."""
    made = server.connect()
    made.settimeout(5)
    encoder = Encoder()
    begin = HeadersFrame(1, encoder.encode(fields("PUT", "/stall")))
    begin.flags.add("END_HEADERS")
    sent = 0
    with made, suppress(OSError):
        made.sendall(PREFACE + SettingsFrame(0).serialize() + ACK + begin.serialize())
        if name == "continuation":
            made.sendall(frame(1, 0, 3, b"\x82"))
        until = monotonic() + 10
        while monotonic() < until:
            piece = KINDS[name] * 500 if name != "resets" else resets(sent)
            made.sendall(piece)
            sent += len(piece)
    return sent


def resets(start: int) -> bytes:
    """Fifty requests, each reset at once; ``start`` grows with the numbers."""
    head = Encoder().encode(fields("GET", "/"))
    first = 3 + start // (50 * (9 + len(head) + 13)) * 100
    made = b""
    for stream_id in range(first, first + 100, 2):
        made += frame(1, 5, stream_id, head) + frame(3, 0, stream_id, b"\0\0\0\x08")
    return made


def test_twenty_connections_with_floods_of_each_kind(tmp_path: Path) -> None:
    with serving(tmp_path) as server, Peer(server) as other:
        other.get("/")
        idle, used, started = server.memory, server.cpu, monotonic()
        names = (list(KINDS) * 2)[:20]
        waits, peak = [], 0.0
        with ThreadPoolExecutor(20) as pool:
            floods = [pool.submit(flood, server, name) for name in names]
            while not all(each.done() for each in floods):
                before = monotonic()
                assert other.get("/") == b"hello"
                waits.append(monotonic() - before)
                peak = max(peak, server.memory - idle)
                sleep(0.02)
        took = monotonic() - started
        sent = sum(each.result() for each in floods)
        assert other.put("/take", 1 << 20) == b"1048576"
        print(
            f"{sent / MiB:.1f} MiB of floods in {took:.1f} s: memory {peak:+.1f} MiB at"
            f" most, {server.cpu - used:.1f} s of a core; another client waited"
            f" {max(waits) * 1000:.0f} ms at most, {len(waits)} times served"
        )
        assert peak <= 32


@pytest.mark.parametrize("way", ["no window", "never read"])
def test_a_download_that_stalls(way: str, tmp_path: Path) -> None:
    with serving(tmp_path, timeout=4) as server, Peer(server, 16 * KiB) as peer:
        peer.get("/")
        files = server.files - 1  # now that whoever was there before has left
        idle, used = server.memory, server.cpu
        if way == "never read":
            peer.h2.increment_flow_control_window(1 << 30)
            peer.h2.update_settings({4: (1 << 31) - 1})
        stream_id = peer.begin("GET", "/big")
        if way == "no window":
            while peer.h2.remote_flow_control_window(stream_id) and peer.receive(0.5):
                pass
        sleep(2)
        grown, share = server.memory - idle, (server.cpu - used) / 2
        print(f"{way}: memory {grown:+.1f} MiB, {100 * share:.1f} % of a core")
        assert grown <= 4
        if way == "no window":
            while stream_id not in peer.resets:
                assert peer.receive()
            assert peer.resets[stream_id] == 8
            peer.h2.increment_flow_control_window(64 * KiB)
            assert peer.get("/") == b"hello"
        else:
            # It hears of nothing: after its stream, the idle connection is ended too.
            wait_until(lambda: server.files == files)


def wait_until(happened: Any) -> None:
    """Look now and then; the time limit of a test is the limit."""
    while not happened():
        sleep(0.05)
