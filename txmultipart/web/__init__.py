"""The front doors: Agent, Site, Request and Resource."""

from txmultipart.body.delivery import get_body
from txmultipart.web.agent import MultipartAgent
from txmultipart.web.answer import answer_with
from txmultipart.web.exchange import RequestNotProcessed
from txmultipart.web.marker import streaming
from txmultipart.web.policy import HTTP2PolicyForHTTPS
from txmultipart.web.pool import HTTP2ConnectionPool
from txmultipart.web.redirect import ReplayingRedirectAgent
from txmultipart.web.relay import Relay, RequestLoop
from txmultipart.web.relay_fields import MethodRefused
from txmultipart.web.request import StreamingRequest
from txmultipart.web.resource import MultipartResource
from txmultipart.web.sending import UpstreamFailed, UpstreamTimeout
from txmultipart.web.site import StreamingSite
from txmultipart.web.tls import tls_endpoint, tls_options

__all__ = [
    "HTTP2ConnectionPool",
    "HTTP2PolicyForHTTPS",
    "MethodRefused",
    "MultipartAgent",
    "MultipartResource",
    "Relay",
    "ReplayingRedirectAgent",
    "RequestLoop",
    "RequestNotProcessed",
    "StreamingRequest",
    "StreamingSite",
    "UpstreamFailed",
    "UpstreamTimeout",
    "answer_with",
    "get_body",
    "streaming",
    "tls_endpoint",
    "tls_options",
]
