"""How much is read from a transport at once: more while bodies arrive in bulk.

``bufferSize`` is what a Twisted transport on a socket reads at most. It is a public
attribute without a promise, so nothing depends on it: a transport that has none
reads as it likes. An upload of 512 MiB, written to a file, took 0.72 CPU seconds a GB when
at most 256 KiB were read at once, 0.55 with 512 KiB, 0.48 with 1 MiB and 0.49 with 2 MiB
(HTTP/1.1, 2026-11-20): the sender fills the buffers of the system meanwhile; otherwise
each read and each acknowledgement makes it send a little.

A read in bulk ends where a frame of HTTP/2 does, if the peer fills its frames: a frame that
is cut goes through everything above in two pieces of its own, which made a sixth of the
CPU time of an upload (HTTP/2 in the clear, 2026-11-20). Not so on TLS, whose records hide the
frames, nor behind a read that was cut within a header.

::

    state    a full read               one of less than 1/32    stopped
    USUAL    BULK, with 256 KiB        -                        -
    BULK     BULK, four times as much  USUAL                    USUAL
             up to a MiB, or a share

Twisted's TLS hands on record by record, 16 KiB at most, and a frame of 16 KiB takes two
records. ``WholeReads`` joins those that came in one read of the socket. It takes the
place of the transport's ``dataReceived``, a method of ``IProtocol``, on that one object,
and asks for the records at once where pyOpenSSL is as we know it (``records``).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, ClassVar
from weakref import WeakSet

from txmultipart.http2.records import join_records

#: The first size of a read in bulk, and the largest; the rest of a frame comes on top.
_BULK = 256 << 10
_MOST = 1 << 20

#: What all that were in bulk when they last read may read in one turn of the reactor, unless
#: that is less than the first size for each: for so long all others wait.
_ALL = 8 << 20

#: A read grows by that when it was full.
_GROWTH = 4

#: A read that gave less than that part of what it could is no bulk.
_LITTLE = 32


class ReadSize:
    """How much is read from ``transport``: of a socket, not of a layer on one."""

    _in_bulk: ClassVar[WeakSet[ReadSize]] = WeakSet()

    def __init__(self, transport: Any) -> None:
        is_layer = getattr(transport, "transport", None) is not None
        self._socket: Any = None if is_layer else transport
        self._usual = 0  # the size of reads that are not in bulk
        self._size = 0  # of those that are, in bulk

    def adapt(self, size: int, begun: int = 0, frame: int = 1) -> None:
        """A read gave so many bytes: choose the size of the next ones.

        ``begun``: what is still to come of a frame that this read has cut; ``frame``: the
        length of those that are likely to follow.
        """
        limit = getattr(self._socket, "bufferSize", None)
        if limit is None:
            return
        if size >= limit:
            self._grow(limit)
        elif self._size and size < limit // _LITTLE:
            self.stop()
        if self._size:
            share = min(self._size, max(_ALL // len(self._in_bulk), _BULK))
            whole = round(share / frame) * frame or share
            self._socket.bufferSize = min(begun, share) + whole

    def _grow(self, limit: int) -> None:
        if not self._size:
            _keep_large_blocks()
            self._in_bulk.add(self)
            self._usual = limit
        self._size = min(self._size * _GROWTH or _BULK, _MOST)

    def stop(self) -> None:
        """Read as before; at the latest when the transport is gone."""
        if self._size:
            self._in_bulk.remove(self)
            self._size, self._socket.bufferSize = 0, self._usual


@cache
def _keep_large_blocks() -> None:
    # What is allocated and freed here has glibc keep blocks of up to that size, where it
    # would ask the system for each read's memory and give it back: 300,000 page faults in
    # an upload of 512 MiB.
    bytes(8 << 20)


class WholeReads:
    """Gives ``deliver`` what one read of a TLS transport had in it, as one piece."""

    def __init__(self, deliver: Callable[[bytes], None]) -> None:
        self._deliver = deliver
        self._records: list[bytes] = []
        self._gathering = False
        self._decrypt: Callable[[bytes], None]
        self._size = ReadSize(None)

    def attach(self, transport: Any) -> None:
        """Do so with ``transport``, if it is TLS on something; else change nothing.

        Where that does not take, or what is beneath goes past it, records come one by
        one as ever.
        """
        socket = getattr(transport, "transport", None)
        if socket is not None:
            self._size = ReadSize(socket)
            self._decrypt = transport.dataReceived
            join_records(transport)
            with suppress(AttributeError):
                transport.dataReceived = self._read

    def _read(self, data: bytes) -> None:
        self._size.adapt(len(data))
        self._gathering = True
        try:
            self._decrypt(data)
        finally:
            self._gathering = False
            self._flush()

    def add(self, data: bytes) -> None:
        """A record."""
        if self._gathering:
            self._records.append(data)
        else:  # attached while a read was under way
            self._deliver(data)

    def lost(self) -> None:
        """The connection is lost: give what there is, before that is said."""
        self._size.stop()
        self._flush()

    def _flush(self) -> None:
        records, self._records = self._records, []
        if records:
            self._deliver(records[0] if len(records) == 1 else b"".join(records))
