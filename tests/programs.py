"""Child processes for tests: started, listened to, and ended by their pid."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

ROOT = Path(__file__).parent.parent

# This checkout, also where an older one of us is installed.
_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


class Program(ProcessProtocol):
    """A child process: what it printed so far, and its end."""

    def __init__(self) -> None:
        self.printed = ""
        self.clean = False
        self.ended: Deferred[str] = Deferred()
        self.spoke: Deferred[str] = Deferred()

    def outReceived(self, data: bytes) -> None:
        """Keep what it prints; the first line fires ``spoke``."""
        self.printed += data.decode()
        if "\n" in self.printed and not self.spoke.called:
            self.spoke.callback(self.printed)

    def processEnded(self, reason: Failure) -> None:
        """Fire ``ended`` with all that was printed; one that said nothing, says it now."""
        self.clean = bool(reason.check(ProcessDone))
        if not self.spoke.called:
            self.spoke.callback(self.printed)
        self.ended.callback(self.printed)

    def stop(self) -> Deferred[str]:
        """End the process, by its pid; fires when it has ended."""
        if not self.ended.called:
            assert self.transport is not None
            self.transport.signalProcess("TERM")
        return self.ended


def run(*command: str, cwd: Path = ROOT) -> Program:
    """Start ``command`` in ``cwd``, with its messages on our standard error."""
    program = Program()
    reactor.spawnProcess(
        program,
        command[0],
        command,
        env=_ENVIRONMENT,
        path=str(cwd),
        childFDs={0: "w", 1: "r", 2: 2},
    )
    return program
