"""Output: what one connection writes, in the order in which it is to leave.

::

    said by                      goes
    the run of DATA frames       ahead of what h2 says from then on (``credit``)
    h2                           behind that
    credit that h2 did not count behind both (``say``)
    GOAWAY                       behind all, past this (``Connection.fail``)
"""

from __future__ import annotations

from h2.connection import H2Connection
from twisted.internet.interfaces import IReactorTime

from txmultipart.http2.credit import Buffer
from txmultipart.http2.link import Link
from txmultipart.http2.options import HTTP2Options


class Output(Link):
    """A link that writes what h2 has to say, and what goes ahead of it."""

    def __init__(
        self, h2: H2Connection, clock: IReactorTime, options: HTTP2Options
    ) -> None:
        super().__init__(clock, options)
        self.h2 = h2
        self._ahead: list[Buffer] = []

    @property
    def is_silent(self) -> bool:
        """Whether the last word was said."""
        raise NotImplementedError

    def send_ahead(self, data: list[Buffer]) -> None:
        """Write this before what h2 has to say from now on."""
        self._ahead += data

    def send_first(self, data: list[Buffer]) -> None:
        """Write what goes ahead, and then this, now; what h2 has to say belongs behind."""
        ahead, self._ahead = self._ahead, []
        self.say(b"".join(ahead + data))

    def flush(self) -> None:
        """Write what there is to say."""
        ahead, self._ahead = self._ahead, []
        ahead.append(self.h2.data_to_send())
        self.say(b"".join(ahead))

    def say(self, data: bytes) -> None:
        """Write ``data``, unless that is nothing or comes too late."""
        if data and not self.is_silent:
            self.write(data)
