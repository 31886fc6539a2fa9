"""The service in this reactor, a raw connection to it, and the programs as children."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import Any, Self

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.failure import Failure

from tests.peers import peer
from tests.web.wire import Answer, parse_answers
from txmultipart.app.inbox import Inbox
from txmultipart.app.service import InboxService
from txmultipart.app.target import Receiving
from txmultipart.body.file_sink import TEMPORARY_PREFIX

ROOT = Path(__file__).parent.parent.parent
LOCAL = "tcp:0:interface=127.0.0.1"
MiB = 1 << 20


def _reactor() -> Any:
    from twisted.internet import reactor

    return reactor


class Serving:
    """The service while an ``async with`` lasts: ``folder`` is what it fills."""

    def __init__(
        self,
        folder: Path,
        *endpoints: str,
        max_size: int = 1 << 30,
        drain_time: float = 0.0,
    ) -> None:
        self.folder = folder
        self.said: list[str] = []
        inbox = Inbox(folder, max_size=max_size)
        listen = list(endpoints) or [LOCAL]
        self.service = InboxService(
            _reactor(),
            Receiving(inbox),
            listen,
            self.said.append,
            drain_time=drain_time,
        )
        self._talks: list[Talk] = []

    async def __aenter__(self) -> Self:
        self.service.startService()
        self.ports = await self.service.listening
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for talk in self._talks:
            await talk.close()
        await self.service.stopService()

    @property
    def port(self) -> int:
        """The first port."""
        address: Any = self.ports[0].getHost()
        return int(address.port)

    @property
    def url(self) -> str:
        """Where the first endpoint is."""
        return f"http://127.0.0.1:{self.port}/"

    async def talk(self) -> Talk:
        """A connection to it."""
        endpoint = TCP4ClientEndpoint(_reactor(), "127.0.0.1", self.port)
        talk: Talk = await connectProtocol(endpoint, Talk())
        self._talks.append(talk)
        return talk

    async def ask(self, request: bytes) -> Answer:
        """Send one request on a connection of its own."""
        talk = await self.talk()
        answer = await talk.ask(request)
        await talk.close()
        return answer

    @property
    def files(self) -> dict[str, bytes]:
        """What stands in the folder, half-written files included."""
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}

    async def until_empty(self) -> None:
        """Wait till nothing is in the folder; the time limit of a test is the limit."""
        while any(self.folder.iterdir()):
            await later()

    async def until_a_file_begins(self) -> None:
        """Wait till a temporary file is there."""
        while not any(is_temporary(path) for path in self.folder.iterdir()):
            await later()


def is_temporary(path: Path) -> bool:
    """Whether ``path`` is a file that is not whole yet."""
    return path.name.startswith(TEMPORARY_PREFIX)


def later() -> Deferred[None]:
    """The next turn of the reactor but a few."""
    waited: Deferred[None] = Deferred()
    _reactor().callLater(0.005, waited.callback, None)
    return waited


class Talk(Protocol):
    """A connection on which bytes are said by hand."""

    def __init__(self) -> None:
        self.raw = b""
        self.lost: Failure | None = None
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []

    def dataReceived(self, data: bytes) -> None:
        self.raw += data
        self._look()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason
        self._look()

    def _look(self) -> None:
        for pair in list(self._waiting):
            happened, waited = pair
            if happened() or self.lost is not None:
                self._waiting.remove(pair)
                waited.callback(None)

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait for something to happen, or for the connection to close."""
        if not happened() and self.lost is None:
            waited: Deferred[None] = Deferred()
            self._waiting.append((happened, waited))
            await waited

    def send(self, data: bytes) -> None:
        """Say something."""
        assert self.transport is not None
        self.transport.write(data)

    async def ask(self, request: bytes) -> Answer:
        """Send ``request`` and wait for its answer."""
        self.raw = b""
        self.send(request)
        return await self.answer()

    async def answer(self) -> Answer:
        """The next answer."""
        await self.until(lambda: _length_of_first(self.raw) is not None)
        length = _length_of_first(self.raw)
        assert length is not None, f"no answer: {self.raw!r}"
        whole, self.raw = self.raw[:length], self.raw[length:]
        (answer,) = parse_answers(whole)
        return answer

    async def closed(self) -> bool:
        """Wait for the other side to close; whether it did so cleanly."""
        await self.until(lambda: False)
        assert self.lost is not None
        return self.lost.check(ConnectionDone, ConnectionLost) is ConnectionDone

    async def close(self) -> None:
        """Close it from here."""
        assert self.transport is not None
        self.transport.loseConnection()
        await self.closed()

    async def abort(self) -> None:
        """Reset it from here."""
        transport: Any = self.transport
        transport.abortConnection()
        await self.closed()


def _length_of_first(raw: bytes) -> int | None:
    """Bytes of the first answer in ``raw``; None if it is not whole."""
    head, end, rest = raw.partition(b"\r\n\r\n")
    found = re.search(rb"(?i)\ncontent-length: (\d+)", head)
    if not end or found is None or len(rest) < int(found[1]):
        return None
    return len(head) + len(end) + int(found[1])


async def run(*command: str) -> tuple[str, str, int]:
    """Run another program while this reactor goes on: output, errors, exit code."""
    out, err, code = await getProcessOutputAndValue(
        command[0], command[1:], env=dict(os.environ)
    )
    return out.decode(), err.decode(), code


async def curl(*arguments: str) -> tuple[str, int]:
    """Run curl; its output and its exit code."""
    out, _, code = await run(peer("curl"), "--silent", "--max-time", "30", *arguments)
    return out, code


# The programs, as children ------------------------------------------------------------


def command(*arguments: str) -> list[str]:
    """The command line of ``txmultipart``, whether it is installed or not."""
    return [sys.executable, "-m", "txmultipart", *arguments]


def environment() -> dict[str, str]:
    """That of a child which is to import this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def plugin_environment(folder: Path) -> dict[str, str]:
    """One in which Twisted finds the plugin, installed or not; ``folder`` is for that."""
    plugins = folder / "path" / "twisted" / "plugins"
    plugins.mkdir(parents=True)
    name = "txmultipart_plugin.py"
    (plugins / name).symlink_to(ROOT / "txmultipart" / "plugins" / name)
    return {**environment(), "PYTHONPATH": f"{folder / 'path'}:{ROOT}"}


@contextmanager
def child(*line: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A child process, which does not outlive the ``with`` block."""
    process = subprocess.Popen(
        line,
        env=options.pop("env", environment()),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def serving_child(folder: Path, *options: str) -> Iterator[tuple[Any, str]]:
    """``txmultipart serve`` as a child; gives the process and its URL."""
    line = command("serve", str(folder), "--listen", LOCAL, *options)
    with child(*line) as process:
        yield process, announced_url(process)


def until(happened: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Look until it has happened, as long as ``process`` runs."""
    while not happened():
        assert process.poll() is None
        sleep(0.01)


def announced_url(process: subprocess.Popen[str]) -> str:
    """The URL in the first line that a server prints."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"https?://\S+", line)
    assert found, line + (process.stderr.read() if process.stderr else "")
    return found[0]
