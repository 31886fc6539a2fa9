"""Forwarding: in the place of an inbox, for a service that sends all it gets on."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.client import Agent

from txmultipart.errors import MisuseError
from txmultipart.limits import Limits
from txmultipart.web.policy import HTTP2PolicyForHTTPS
from txmultipart.web.pool import HTTP2ConnectionPool
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
    """What a service has of a relay to ``url``; ``folder`` is where things go."""

    def __init__(self, reactor: Any, url: str) -> None:
        self.folder = url
        self._pool = HTTP2ConnectionPool(reactor)
        agent = Agent(reactor, HTTP2PolicyForHTTPS(), pool=self._pool)
        self.resource = Relay(reactor, url, agent=agent, limits=Limits())

    def close(self) -> Deferred[None]:
        """Close the connections to the upstream; fires when they are closed."""
        return self._pool.closeCachedConnections()
