"""Forwarding: the target of a service that sends all it gets on."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.resource import IResource

from txmultipart.errors import MisuseError
from txmultipart.limits import Limits
from txmultipart.web.relay import Relay
from txmultipart.web.relay_fields import checked_base


def checked_url(text: str) -> str:
    """``text`` if a relay can send to it; ``ValueError`` if not."""
    try:
        checked_base(text)
    except MisuseError as error:
        message = "forward is an http:// or https:// URL without a query"
        raise ValueError(message) from error
    return text


class Forwarding:
    """A ``Target`` that sends on to ``url`` what has ``max_size`` bytes at most."""

    def __init__(self, reactor: Any, url: str, *, max_size: int) -> None:
        self._url = url
        self._relay = Relay(reactor, url, limits=Limits(max_body_size=max_size))
        self.resource: IResource = self._relay

    def welcome(self, place: str) -> list[str]:
        """From where, and where to."""
        return [f"Forwarding from {place} to {self._url}"]

    def close(self) -> Deferred[None]:
        """Give up what has no answer, and close the connections; fires when they are closed."""
        self._relay.give_up()
        return self._relay.close()
