"""Pieces: bytes in the order in which they came, held in few objects however small they were.

A peer may send its bytes one by one, and an object of its own for each costs
forty times what it holds.
"""

from __future__ import annotations

from txmultipart.sansio.octets import octets

#: So many pieces are joined to one.
TOGETHER = 512


class Pieces:
    """A list of bytes that is appended to, and taken whole."""

    __slots__ = ("_list", "_loose", "size")

    def __init__(self) -> None:
        #: Bytes held.
        self.size = 0
        self._list: list[bytes] = []
        self._loose = 0

    def append(self, data: bytes) -> None:
        """Hold ``data`` too: a copy, if it could change. Raises ``MisuseError`` for no bytes."""
        if type(data) is not bytes:
            data = octets(data, "what is kept is bytes")
        self._list.append(data)
        self.size += len(data)
        self._loose += 1
        if self._loose == TOGETHER:
            # Only the newest, so that nothing is copied over and over.
            self._list[-TOGETHER:] = [b"".join(self._list[-TOGETHER:])]
            self._loose = 0

    def take(self) -> list[bytes]:
        """All that is held; nothing is, from then on."""
        taken, self._list, self.size, self._loose = self._list, [], 0, 0
        return taken

    def joined(self) -> bytes:
        """All that is held, as one; it is held on."""
        return b"".join(self._list)
