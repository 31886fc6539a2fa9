"""How much is read from the transport at once: more while bodies arrive in bulk.

``bufferSize`` is what a Twisted transport on a socket reads at most. It is a public
attribute without a promise, so nothing depends on it: a transport that has none
reads as it likes.

Twisted's TLS hands on record by record, 16 KiB at most, and a frame of 16 KiB takes two
records. ``WholeReads`` joins those that came in one read of the socket. It takes the
place of the transport's ``dataReceived``, a method of ``IProtocol``, on that one object.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

_USUAL = 64 << 10
_BULK = 256 << 10

#: A read of less than that is no bulk.
_LITTLE = 8 << 10


def adapt_reading(transport: Any, size: int) -> None:
    """A read of ``transport`` gave so many bytes: choose the size of the next ones."""
    limit = getattr(transport, "bufferSize", None)
    if limit is None:
        return
    if limit <= size < _BULK:
        transport.bufferSize = _BULK
        _keep_large_blocks()
    elif size < _LITTLE and limit == _BULK:
        transport.bufferSize = _USUAL


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
        self._socket: Any = None

    def attach(self, transport: Any) -> None:
        """Do so with ``transport``, if it is TLS on something; else change nothing.

        Where that does not take, or what is beneath goes past it, records come one by
        one as ever.
        """
        self._socket = getattr(transport, "transport", None)
        if self._socket is not None:
            self._decrypt = transport.dataReceived
            with suppress(AttributeError):
                transport.dataReceived = self._read

    def _read(self, data: bytes) -> None:
        adapt_reading(self._socket, len(data))
        self._gathering = True
        try:
            self._decrypt(data)
        finally:
            self._gathering = False
            self.flush()

    def add(self, data: bytes) -> None:
        """A record."""
        if self._gathering:
            self._records.append(data)
        else:  # attached while a read was under way
            self._deliver(data)

    def flush(self) -> None:
        """Give what there is; before the end as well."""
        records, self._records = self._records, []
        if records:
            self._deliver(records[0] if len(records) == 1 else b"".join(records))
