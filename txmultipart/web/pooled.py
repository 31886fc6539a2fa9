"""An ``Agent`` on one of our pools, with TLS as HTTP/2 wants it."""

from __future__ import annotations

from typing import Any

from twisted.web.client import Agent
from twisted.web.iweb import IPolicyForHTTPS

from txmultipart.web.policy import HTTP2PolicyForHTTPS


def pooled_agent(
    reactor: Any,
    pool: Any,
    policy: IPolicyForHTTPS | None = None,
    connectTimeout: float | None = None,
    bindAddress: Any = None,
) -> Agent:
    """An ``Agent`` that has its connections from ``pool``, to be closed with that.

    ``policy`` is an ``HTTP2PolicyForHTTPS`` unless given: with the default of an
    ``Agent`` a server may choose a cipher that HTTP/2 forbids, and be asked twice.
    ``connectTimeout``, in seconds, and ``bindAddress`` are those of ``Agent``.
    """
    return Agent(
        reactor, policy or HTTP2PolicyForHTTPS(), connectTimeout, bindAddress, pool
    )
