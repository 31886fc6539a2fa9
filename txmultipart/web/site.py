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
    ``request.args`` before that sees those of the query only.
    """

    def __init__(self, resource: IResource, *args: Any, **options: Any) -> None:
        options.setdefault("requestFactory", StreamingRequest)
        super().__init__(resource, *args, **options)
