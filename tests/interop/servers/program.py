"""Child processes that serve: started on free ports, awaited, ended by their pids."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue

from tests.interop.servers.ports import free_ports
from tests.programs import ROOT, Program

#: Starts, on other ports each, before one gives up; seconds that one start may take.
ATTEMPTS, PATIENCE = 3, 20.0

#: Seconds between two looks, and those that a program has for an orderly end.
MOMENT, GRACE = 0.02, 3.0


class Child(Program):
    """A process whose standard error goes to a file, ``log``."""

    def __init__(self, reactor: Any, log: Path) -> None:
        super().__init__()
        self._reactor = reactor
        self.log = log

    async def serves(self, ports: Sequence[int]) -> bool:
        """Wait until it listens on all of ``ports``; false if it ends instead."""
        patience = self._reactor.seconds() + PATIENCE
        while not all(map(_is_served, ports)):
            if self.ended.called:
                return False
            assert self._reactor.seconds() < patience, self.complaints()
            await deferLater(self._reactor, MOMENT)
        return not self.ended.called

    async def ports(self) -> list[int]:
        """Those that it prints in its first line, once it listens."""
        line = await self.spoke
        assert line, self.complaints()
        return [int(word) for word in line.split()]

    async def end(self) -> None:
        """End it, with force if it takes longer than GRACE."""
        transport: Any = self.transport
        force = self._reactor.callLater(GRACE, transport.signalProcess, "KILL")
        await self.stop()
        if force.active():
            force.cancel()

    def complaints(self) -> str:
        """The end of its log."""
        return f"{self.log}:\n{self.log.read_text(errors='replace')[-4000:]}"


def launch(
    reactor: Any, folder: Path, *command: str | Path, **environment: str
) -> Child:
    """Start ``command`` with ``folder`` as its home; what it logs is kept there."""
    child = Child(reactor, folder / f"{Path(command[0]).name}.log")
    words = [str(word) for word in command]
    with child.log.open("ab") as log:
        reactor.spawnProcess(
            child,
            words[0],
            words,
            env={**os.environ, "HOME": str(folder), **environment},
            path=str(ROOT),
            childFDs={0: "w", 1: "r", 2: log.fileno()},
        )
    return child


async def launch_on_free_ports(
    count: int, attempt: Callable[[list[int]], Child]
) -> tuple[list[int], Child]:
    """Call ``attempt`` with ``count`` ports, and again if another took one of them."""
    for _ in range(ATTEMPTS):
        ports = free_ports(count)
        child = attempt(ports)
        if await child.serves(ports):
            return ports, child
    raise AssertionError(f"it does not start: {child.complaints()}")


def _is_served(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def version_of(*command: str) -> str:
    """The first version number in what ``command`` prints."""
    out, err, _ = await getProcessOutputAndValue(command[0], command[1:], os.environ)
    found = re.search(rb"\d+\.\d+(\.\d+)?", out + err)
    assert found, (command, out, err)
    return found[0].decode()
