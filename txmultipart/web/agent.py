"""MultipartAgent: an agent that tells the Content-Type of what it sends."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from txmultipart.body.producer import State


@implementer(IAgent)
class MultipartAgent:
    """Wraps ``agent``: a body that knows its ``content_type`` gets that header.

    A Content-Type that the caller gives is left alone, and so are the
    caller's ``Headers``. A body whose request fails before it was begun, where no
    connection can be had for instance, is told so: whoever makes a ``LivePayload`` in
    it would wait for ever.
    """

    def __init__(self, agent: IAgent) -> None:
        self._agent = agent

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        """Send a request; see ``IAgent``."""
        headers = headers.copy() if headers is not None else Headers()
        content_type: Any = getattr(bodyProducer, "content_type", None)
        if content_type is not None and not headers.hasHeader("Content-Type"):
            headers.setRawHeaders("Content-Type", [content_type])
        response = self._agent.request(method, uri, headers, bodyProducer)
        if bodyProducer is not None:
            response.addErrback(_tell, bodyProducer)
        return response


def _tell(failure: Failure, body: IBodyProducer) -> Failure:
    # Only one of ours has such a state, perhaps inside of what sends it again.
    if getattr(body, "state", None) is State.IDLE:
        body.stopProducing()
    return failure
