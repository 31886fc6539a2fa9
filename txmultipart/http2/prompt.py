"""PromptWrites: what was written leaves at once, not in the reactor's next turn.

A Twisted transport on a socket keeps what is written until the reactor has asked the
system whether there is room. Where a peer's window is small, each answer to its
WINDOW_UPDATE waits for that, and so does the peer. ``doWrite``, of ``IWriteDescriptor``,
is what the reactor calls when there is room; to call it when there is none does nothing.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.abstract import FileDescriptor


def write_now(transport: Any) -> None:
    """Have ``transport`` send what it holds, if it is one on a socket and stays open.

    What goes wrong is left to the reactor, whose turn comes all the same.
    """
    if (
        isinstance(transport, FileDescriptor)
        and transport.connected
        and not transport.disconnecting
    ):
        transport.doWrite()
