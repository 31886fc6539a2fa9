"""Slots: how many requests may be under way, and which of them the server still counts.

A stream that we reset is over for us, but the server has to learn of it and to clean up.
Who opens and resets streams in quick turns has the server do work without bound, and is
taken for an attacker. So a stream that was reset holds its place until the server is
known to have read so far:

::

    places are freed when
    the answer to a PING is here that was sent with the first reset
    an answer to a request is here that was sent after the last reset

Some servers count PINGs, and forget them only when they have something to send. So none
is sent, and no place held, from the answer to a PING to the next answer to a request.
"""

from __future__ import annotations

#: What our PINGs say.
PING = b"tx reset"


class Slots:
    """The places of one connection; ``most`` of ours, whatever the server allows."""

    def __init__(self, most: int, at_first: int) -> None:
        self._most = most
        #: How many may be open.
        self.allowed = min(most, at_first)
        #: Streams that were reset, and may be open for the server.
        self.held = 0
        self._asked = False  # with a PING that was not answered yet
        self._pings_welcome = True
        self._newest = 0  # the last stream that there was at the last reset

    def allow(self, streams: int) -> None:
        """The server allows so many (section 6.5.2)."""
        self.allowed = min(self._most, streams)

    def free(self, used: int) -> int:
        """How many more may be opened when so many are open."""
        return max(0, self.allowed - used - self.held)

    def reset(self, newest: int) -> bool:
        """One was reset; ``newest`` is the last stream so far. True: send a PING."""
        if not self._pings_welcome:
            return False
        self.held += 1
        self._newest = newest
        asks, self._asked = not self._asked, True
        return asks

    def answered(self, stream_id: int) -> bool:
        """HEADERS came for a stream. True: places were freed."""
        self._pings_welcome = True
        return stream_id > self._newest and self._let_go()

    def ping_answered(self) -> bool:
        """The answer to the PING is here. True: places were freed."""
        self._asked = self._pings_welcome = False
        return self._let_go()

    def _let_go(self) -> bool:
        held, self.held = self.held, 0
        return held > 0
