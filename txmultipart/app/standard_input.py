"""Standard input as something to send.

::

    what it is                          how it is sent
    a regular file, a disk              as a file: from where it stands, with its length
    a pipe, a terminal, a socket,       as it comes, without a length; once
    any other device

Of what comes, nothing is read before it is wanted: a server that takes no more holds the
pipe back, and with it who writes to it. The descriptor is never made non-blocking: it
may be one and the same with standard output. So it is read only when the reactor says
that it can be, and no thread ever stays behind in a read.

::

    state   meaning                          read    there is something   it ends   close
    IDLE    nobody waits                     WANTED  -                    -         CLOSED
    WANTED  somebody waits for bytes         misuse  IDLE                 ENDED     CLOSED
    ENDED   there is no more, or it broke    ENDED   -                    -         CLOSED
    CLOSED  nobody wants any                 misuse  -                    -         -

When the reactor stops that is as ``close``.
"""

from __future__ import annotations

import os
import stat
import sys
from enum import Enum
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from txmultipart.body.payload import Payload
from txmultipart.body.payloads import file_payload
from txmultipart.errors import MisuseError, PayloadError

#: The name of standard input where a path could stand.
NAME = "-"

#: Bytes that are read at once: what a pipe holds on Linux (pipe(7)).
BLOCK = 64 << 10


class State(Enum):
    """What a source does; see the table above."""

    IDLE = "idle"
    WANTED = "wanted"
    ENDED = "ended"
    CLOSED = "closed"


def standard_input(reactor: Any, descriptor: int = 0) -> Payload:
    """What stands or comes on ``descriptor``; see the table above.

    Raises ``MisuseError`` for what cannot be read, a folder or nothing at all.
    """
    # Without one, whatever was opened since may have its number.
    if descriptor == 0 and sys.stdin is None:
        raise MisuseError("standard input is closed")
    try:
        os.read(descriptor, 0)
        kind = os.fstat(descriptor).st_mode
    except OSError as error:
        raise MisuseError(f"standard input cannot be read: {error.strerror}") from error
    if stat.S_ISREG(kind) or stat.S_ISBLK(kind):
        return file_payload(open(descriptor, "rb", closefd=False))
    return Payload(lambda: ComingSource(reactor, descriptor))


@implementer(IReadDescriptor)
class ComingSource:
    """What comes on ``descriptor``, which is watched while somebody waits for it.

    It is not closed. That it ended does not tell why: a program that was killed leaves
    the same end of a pipe behind as one that has done all.
    """

    def __init__(self, reactor: Any, descriptor: int) -> None:
        self.state = State.IDLE
        self._reactor = reactor
        self._descriptor = descriptor
        self._waiting: Deferred[bytes] | None = None

    # Source -------------------------------------------------------------------------

    def read(self) -> Deferred[bytes]:
        """What comes next. Fails with ``PayloadError`` if it cannot be read."""
        if self.state is State.ENDED:
            return succeed(b"")
        if self.state is not State.IDLE:
            raise MisuseError("standard input is read already, or was given up")
        self.state = State.WANTED
        self._waiting = waiting = Deferred[bytes]()
        self._reactor.addReader(self)
        return waiting

    def close(self) -> None:
        """Watch it no more; what was asked for never comes."""
        if self.state is State.WANTED:
            self._reactor.removeReader(self)
        self.state, self._waiting = State.CLOSED, None

    # The reactor calls these ----------------------------------------------------------

    def fileno(self) -> int:
        """What is to be watched."""
        return self._descriptor

    def logPrefix(self) -> str:
        """What this is in a log."""
        return "standard input"

    def doRead(self) -> None:
        """There is something: bytes, the end, or an error."""
        if self.state is not State.WANTED:
            return
        try:
            data = os.read(self._descriptor, BLOCK)
        except BlockingIOError:
            return  # who shares it made it so, and was faster
        except OSError as error:
            self._answer(State.ENDED, Failure(_broken(error.strerror)))
        else:
            self._answer(State.IDLE if data else State.ENDED, data)

    def connectionLost(self, reason: Failure) -> None:
        """The other end has closed, without a byte; or the reactor stops.

        Nobody is to take that for an end of what was sent, nor for an error.
        """
        if not reason.check(ConnectionDone):
            self.close()
        elif self.state is State.WANTED:
            self._answer(State.ENDED, b"")

    def _answer(self, state: State, result: bytes | Failure) -> None:
        waiting, self._waiting = self._waiting, None
        assert waiting is not None
        self.state = state
        self._reactor.removeReader(self)
        waiting.callback(result)


def _broken(reason: str | None) -> PayloadError:
    return PayloadError(f"standard input cannot be read: {reason}")
