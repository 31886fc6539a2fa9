"""Observer: who has a client's connections made, and chooses among them."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.python.failure import Failure


class Observer(Protocol):
    """What a ``Client`` tells of itself.

    The calls may come at any time, from within ``open`` and ``cancel`` too.
    """

    def ready(self, client: Any) -> None:
        """The server's first SETTINGS are here; requests may have been sent before."""
        ...

    def room_changed(self, client: Any) -> None:
        """A request is over, or the server allows more of them, or less."""
        ...

    def leaving(self, client: Any) -> None:
        """No new requests are taken from now on; once."""
        ...

    def gone(self, client: Any, reason: Failure) -> None:
        """The transport is closed, and all requests were told before; once."""
        ...
