"""The front doors: Agent, Site, Request and Resource."""

from txmultipart.body.delivery import get_body
from txmultipart.web.agent import MultipartAgent
from txmultipart.web.marker import streaming
from txmultipart.web.request import StreamingRequest
from txmultipart.web.resource import MultipartResource
from txmultipart.web.site import StreamingSite

__all__ = [
    "MultipartAgent",
    "MultipartResource",
    "StreamingRequest",
    "StreamingSite",
    "get_body",
    "streaming",
]
