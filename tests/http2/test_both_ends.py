"""Our client and our server, back to back, whatever their windows and the line's pieces.

Nothing is lost, nothing waits for what will not come, and both ends are clean after it.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from tests.http2.client import Pipe
from tests.http2.resources import Echo
from tests.http2.server import Ear, Pool, request
from txmultipart.http2 import Client, ClientOptions, HTTP2Options
from txmultipart.web.site import StreamingSite


class Line:
    """Both ends of a connection, and what is on its way between them."""

    def __init__(self, step: int, client: ClientOptions, server: HTTP2Options) -> None:
        self.clock, self.pool = Clock(), Pool()
        self.client = Client(self.clock, self.pool, options=client)
        site: Any = StreamingSite(Echo(), reactor=self.clock, http2=server)
        self.ours, self.theirs = Pipe(), Pipe()
        self.server: Any = site.buildProtocol(self.theirs.getPeer())
        self.server.makeConnection(self.theirs)
        self.client.makeConnection(self.ours)
        self._step = step

    def run(self) -> None:
        """Carry until nothing is on its way, and nobody is about to do anything."""
        idle = 0
        while idle < 3:
            moved = self._carry(self.ours, self.server)
            moved = self._carry(self.theirs, self.client) or moved
            self.clock.advance(0)
            idle = 0 if moved else idle + 1

    def _carry(self, source: Pipe, sink: Any) -> bool:
        data = source.value()
        source.clear()
        for at in range(0, len(data), self._step):
            sink.dataReceived(data[at : at + self._step])
        return bool(data)


class Upload:
    """A push producer of a body in pieces."""

    def __init__(self, ear: Ear, size: int, piece: int) -> None:
        self._left, self._piece, self._stream = size, piece, ear.stream
        self._paused = False
        ear.stream.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self._paused = False
        while self._left and not self._paused:
            size = min(self._piece, self._left)
            self._left -= size
            self._stream.write(bytes(size))
        if not self._left and not self._paused:
            self._stream.unregisterProducer()
            self._stream.end()

    def pauseProducing(self) -> None:
        self._paused = True

    def stopProducing(self) -> None:
        raise AssertionError("it was to finish")


windows = st.sampled_from([65535, 65536, 70_001, 131_072, 1 << 20])
first_windows = st.sampled_from([1, 2, 100, 16_383, 16_384, 65_535, 131_072])


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    step=st.sampled_from([1, 9, 1000, 16_393, 1 << 18]),
    connection=st.tuples(windows, windows),
    first=st.tuples(first_windows, first_windows),
    bodies=st.lists(st.sampled_from([0, 1, 1000, 16_384, 150_000]), max_size=12),
    piece=st.sampled_from([100, 5000, 200_000]),
    grows=st.booleans(),
)
def test_all_arrives(
    step: int,
    connection: tuple[int, int],
    first: tuple[int, int],
    bodies: list[int],
    piece: int,
    grows: bool,
) -> None:
    # One byte at a time through a window of one byte takes its time.
    bodies = [min(n, 300) if step == 1 or min(first) < 100 else n for n in bodies]
    client, server = (
        {
            "connection_window": c,
            "first_window": f,
            "largest_window": 1 << 20 if grows else f,
        }
        for c, f in zip(connection, first, strict=True)
    )
    line = Line(step, ClientOptions(**client), HTTP2Options(**server))
    line.run()
    ears = []
    for size in bodies:
        ear = Ear()
        ear.stream = line.client.open(request("PUT"), ear, end=False)
        Upload(ear, size, piece)
        ears.append(ear)
    line.run()
    assert [ear.calls[-1] for ear in ears] == ["ended"] * len(bodies)
    assert [len(ear.body) for ear in ears] == bodies
    assert line.client.streams == {}
    assert line.client.h2.open_outbound_streams == 0
    assert line.client.budget.granted == 0
    line.client.leave()
    line.run()
    assert line.ours.disconnecting
