"""Redirects of an upload: followed as long as it stays one.

::

    status     a form (POST)           a file (PUT)
    301, 302   told where it points    sent there
    303        told where it points    told where it points
    307, 308   sent there              sent there

To go on with a GET, as browsers do, would bring back some page: that looks like a
success, and nothing was uploaded.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.error import (
    InfiniteRedirection,
    PageRedirect,
    RedirectWithNoLocation,
    SchemeNotSupported,
)
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from txmultipart.web.redirect import ReplayingRedirectAgent, becomes_get, join
from txmultipart.web.sending import innermost


class NotFollowed(Exception):
    """A redirect that is not followed: ``response``, and why."""

    def __init__(self, response: IResponse, why: str) -> None:
        super().__init__(why)
        self.response = response


#: Why one that leads to an upload is not followed either.
_WHY: dict[type[Exception], str] = {
    InfiniteRedirection: "; there were too many redirects before",
    PageRedirect: "; what was to be sent cannot be read a second time",
    RedirectWithNoLocation: " and does not say where to go",
    SchemeNotSupported: " and points to what is neither http:// nor https://",
    ValueError: " and points to what is no URL",
}


@implementer(IAgent)
class FollowingAgent:
    """Wraps ``agent``: follows the redirects of an upload, see the table above.

    Fails with ``NotFollowed`` for one that is not followed.
    """

    def __init__(self, agent: IAgent, clock: Any) -> None:
        self._agent = ReplayingRedirectAgent(_UploadsOnly(agent), clock=clock)

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        """Send a request; see ``IAgent``."""
        done = self._agent.request(method, uri, headers, bodyProducer)
        return done.addErrback(_explained)


@implementer(IAgent)
class _UploadsOnly:
    """Wraps ``agent``: what would have a GET follow is an error."""

    def __init__(self, agent: IAgent) -> None:
        self._agent = agent

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        done = self._agent.request(method, uri, headers, bodyProducer)
        return done.addCallback(_checked, method, uri)


def _checked(response: IResponse, method: bytes, uri: bytes) -> IResponse:
    if becomes_get(method, response.code):
        where = _points(response, uri)
        why = f"{where}; nothing was uploaded there, as a GET would have to follow"
        raise NotFollowed(response, why if where else "")
    return response


def _points(response: IResponse, uri: bytes) -> str:
    """Where ``response`` points, said as the end of a sentence; "" if nowhere."""
    locations = response.headers.getRawHeaders(b"Location", [])
    try:
        return _to(join(uri, locations[0]))
    except (IndexError, ValueError):
        return ""


def _to(location: bytes | None) -> str:
    return f" and points to {location.decode('ascii')}" if location else ""


def _explained(failure: Failure) -> Failure:
    """What the agent that follows fails with, if that is about a redirect."""
    error: Any = failure.value
    response, cause = getattr(error, "response", None), innermost(error)
    why = next((why for kind, why in _WHY.items() if isinstance(cause, kind)), None)
    if response is None or why is None:
        return failure
    raise NotFollowed(response, _to(getattr(cause, "location", None)) + why)
