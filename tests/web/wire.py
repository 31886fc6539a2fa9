"""A client in memory: raw bytes in, raw bytes out, and a clock that a test moves on.

The transport keeps what a real one would: while it is paused nothing is delivered,
and what was sent meanwhile comes when it is resumed and the test says ``run``.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable
from http.client import HTTPResponse
from typing import Any, NamedTuple, cast

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from twisted.web.server import Site

from txmultipart.web.site import StreamingSite

#: What a real transport hands over at most at once.
READ = 1 << 16

MakeSite = Callable[..., Site]


class Transport(StringTransport):
    """Records in ``calls`` how it is paused, resumed and closed."""

    producer: Any

    def __init__(self) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", "192.0.2.1", 4711))
        self.calls: list[str] = []

    @property
    def reading(self) -> bool:
        """Whether bytes are delivered."""
        return self.producerState == "producing" and not self.disconnecting

    def pauseProducing(self) -> None:
        """Deliver nothing; a real transport may be told twice."""
        self.calls.append("pause")
        self.producerState = "paused"

    def resumeProducing(self) -> None:
        """Deliver again; on a lost connection a real transport does nothing."""
        self.calls.append("resume")
        if not self.disconnecting:
            self.producerState = "producing"

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Write all of it, as one."""
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        """Deliver no more."""
        self.calls.append("lose")
        super().loseConnection()


class Answer(NamedTuple):
    """One answer, taken apart."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Its body, which has to be one line of JSON."""
        assert self.headers["content-type"] == "application/json"
        assert self.body.endswith(b"\n")
        assert self.body.count(b"\n") == 1
        return json.loads(self.body)


class Wire:
    """One connection to a site that serves ``root``, on a clock of its own."""

    def __init__(
        self,
        root: IResource,
        make_site: MakeSite = StreamingSite,
        clock: Clock | None = None,
        **options: Any,
    ) -> None:
        self.clock = clock or Clock()
        self.site = make_site(root, reactor=self.clock, **options)
        self.log = io.BytesIO()
        self.site.logFile = self.log
        self.transport = Transport()
        protocol: Any = self.site.buildProtocol(self.transport.getPeer())
        assert protocol is not None
        protocol.makeConnection(self.transport)
        self.protocol = protocol
        self._unread = bytearray()

    @property
    def channel(self) -> Any:
        """The HTTPChannel itself, not the wrapper that chooses a protocol."""
        return self.protocol._channel

    @property
    def request(self) -> Any:
        """The request under way."""
        return self.channel.requests[0]

    def send(self, data: bytes) -> Wire:
        """Send ``data``; what the server does not read now waits for ``run``."""
        self._unread += data
        return self.run()

    def run(self) -> Wire:
        """Deliver what waits, as long as the server reads."""
        while self._unread and self.transport.reading:
            piece = bytes(self._unread[:READ])
            del self._unread[:READ]
            self.protocol.dataReceived(piece)
        return self

    @property
    def unread(self) -> int:
        """Bytes that were sent and not taken."""
        return len(self._unread)

    def lose(self, error: Exception | None = None) -> Wire:
        """The connection is lost, whatever has not been read."""
        self.transport.disconnecting = True
        self.protocol.connectionLost(Failure(error or ConnectionDone()))
        return self

    def is_closed(self) -> bool:
        """Whether the server wants to close the connection."""
        return self.transport.disconnecting

    @property
    def raw(self) -> bytes:
        """All that the server has sent, without what depends on the time of day."""
        return without_dates(self.transport.value())

    @property
    def answers(self) -> list[Answer]:
        """All answers so far, interim ones left out."""
        return parse_answers(self.transport.value())

    @property
    def answer(self) -> Answer:
        """The one answer."""
        (answer,) = self.answers
        return answer


def without_dates(raw: bytes) -> bytes:
    """``raw`` with the value of each Date header taken out."""
    return re.sub(rb"\r\nDate: [^\r\n]*", b"\r\nDate: -", raw)


class _Socket:
    def __init__(self, file: io.BytesIO) -> None:
        self._file = file

    def makefile(self, mode: str) -> io.BufferedReader:
        # http.client closes it after each answer, and the next is to be read.
        file = io.BytesIO(self._file.read())
        file.close = lambda: None  # type: ignore[method-assign]
        self._file = file
        return cast(io.BufferedReader, file)

    def rest(self) -> bytes:
        return self._file.read()


def parse_answers(raw: bytes) -> list[Answer]:
    """Take ``raw`` apart; the last answer may end with the bytes."""
    answers = []
    while raw:
        connection = _Socket(io.BytesIO(raw))
        response = HTTPResponse(cast(Any, connection))
        response.begin()
        headers = {name.lower(): value for name, value in response.getheaders()}
        answers.append(Answer(response.status, headers, response.read()))
        raw = connection.rest()
    return answers


def request_bytes(
    method: str = "GET",
    target: str = "/",
    body: bytes | None = None,
    *headers: str,
    version: str = "HTTP/1.1",
) -> bytes:
    """A request as it goes over the wire, with a Content-Length if it has a body."""
    lines = [f"{method} {target} {version}", "Host: example.test", *headers]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + (body or b"")


def head(method: str, target: str, *headers: str) -> bytes:
    """The head of a request whose body is sent by hand."""
    return request_bytes(method, target, None, *headers)


CHUNKED = "Transfer-Encoding: chunked"


def chunks(*pieces: bytes) -> bytes:
    """``pieces`` as a chunked body."""
    return b"".join(map(chunk, [*pieces, b""]))


def chunk(piece: bytes) -> bytes:
    """One chunk; that of no bytes is the end."""
    return b"%x\r\n%s\r\n" % (len(piece), piece)


BOUNDARY = "frontier"
FORM = f"Content-Type: multipart/form-data; boundary={BOUNDARY}"


def part(name: str, content: bytes, *, filename: str | None = None) -> bytes:
    """One part of a form, with its delimiter in front."""
    tail = "" if filename is None else f'; filename="{filename}"'
    disposition = f'Content-Disposition: form-data; name="{name}"{tail}'
    return f"--{BOUNDARY}\r\n{disposition}\r\n\r\n".encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    """A whole form."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def cuts(data: bytes) -> Iterable[tuple[bytes, bytes]]:
    """``data`` in two pieces, cut at every place."""
    return ((data[:place], data[place:]) for place in range(1, len(data)))
