"""StreamingSite: a ``twisted.web`` Site whose marked resources see bodies arrive."""

from __future__ import annotations

from typing import Any

from twisted.web.resource import IResource
from twisted.web.server import Site

from txmultipart.web.request import StreamingRequest


class StreamingSite(Site):
    """Use it where you used ``Site``; every argument of that is taken.

    Resources marked ``IStreamingResource`` are rendered as soon as a request's
    headers are in; all others as by a stock ``Site``. Resources are looked up
    at that moment too: a ``getChild`` that reads ``request.content`` is asked
    again when it is there, but one that looks at form fields in
    ``request.args`` before that sees those of the query only. What goes wrong
    in looking up is answered before the body has come, and so is what
    ``twisted.web.guard`` refuses; if much of the body is left, or nobody knows
    how much, the connection is closed then.
    """

    def __init__(
        self,
        resource: IResource,
        requestFactory: Any = None,
        *args: Any,
        **options: Any,
    ) -> None:
        factory = requestFactory or StreamingRequest
        super().__init__(resource, factory, *args, **options)
