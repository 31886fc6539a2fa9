"""PromptWrites: what is written leaves at once, not in the reactor's next turn.

A Twisted transport on a socket keeps what is written until the reactor has asked the
system whether there is room. Where a peer's window is small, each answer to its
WINDOW_UPDATE waits for that, and so does the peer. ``doWrite``, of ``IWriteDescriptor``,
is what the reactor calls when there is room, and ``writeSomeData`` is what that calls: to
call them when there is none does nothing.

What goes wrong is left to the reactor, whose turn comes all the same.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.abstract import FileDescriptor


def write_now(transport: Any) -> bool:
    """Have ``transport`` send what it holds, if it is one on a socket and stays open.

    True if that was all, so that it holds nothing.
    """
    if not _can(transport):
        return False
    transport.doWrite()
    return not transport.dataBuffer


def send_now(transport: Any, data: bytes) -> bytes:
    """Send ``data`` past what ``transport`` holds, which has to be nothing.

    Gives what is still to be written to it: all, if it is not on a socket or is about to
    be closed. The reactor is not asked to watch it, which is what a write costs most.
    """
    if not _can(transport):
        return data
    sent = transport.writeSomeData(data)
    if sent == len(data):
        return b""
    # An exception says that the connection is lost, which the reactor has to find out.
    return data[sent:] if isinstance(sent, int) else data


def _can(transport: Any) -> bool:
    return (
        isinstance(transport, FileDescriptor)
        and bool(transport.connected)
        and not transport.disconnecting
    )
