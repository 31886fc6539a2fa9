"""StreamingSite: a ``twisted.web`` Site whose marked resources see bodies arrive."""

from __future__ import annotations

from typing import Any

from twisted.web.resource import IResource
from twisted.web.server import Site

from txmultipart.http2 import HTTP2Options
from txmultipart.web.channel import NegotiatingChannel
from txmultipart.web.request import StreamingRequest


class StreamingSite(Site):
    """Use it where you used ``Site``; every argument of that is taken.

    It speaks HTTP/1.1 and HTTP/2 on one port: HTTP/2 with clients that negotiate
    it on TLS (ALPN), or that begin with it in the clear ("prior knowledge").
    ``http2`` sets how such connections are kept.

    Resources marked ``IStreamingResource`` are rendered as soon as a request's
    headers are in; all others as by a stock ``Site``. Resources are looked up
    at that moment too: a ``getChild`` that reads ``request.content`` is asked
    again when it is there, but one that looks at form fields in
    ``request.args`` before that sees those of the query only. What goes wrong
    in looking up is answered before the body has come, and so is what
    ``twisted.web.guard`` refuses; if much of the body is left, or nobody knows
    how much, the connection is closed then.
    """

    # Twisted calls it to make a protocol; it names a function of its own there.
    protocol: Any = NegotiatingChannel

    def __init__(
        self,
        resource: IResource,
        requestFactory: Any = None,
        *args: Any,
        http2: HTTP2Options = NegotiatingChannel.http2_options,
        **options: Any,
    ) -> None:
        factory = requestFactory or StreamingRequest
        super().__init__(resource, factory, *args, **options)
        self.http2_options = http2

    def acceptableProtocols(self) -> list[bytes]:
        """What is offered on TLS, best first (RFC 7301)."""
        return [b"h2", b"http/1.1"]
