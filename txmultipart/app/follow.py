"""Redirects of an upload: followed as long as it stays one.

::

    status     a form (POST)           a file (PUT)
    301, 302   told where it points    sent there
    303        told where it points    told where it points
    307, 308   sent there              sent there

To go on with a GET, as browsers do, would bring back some page: that looks like a
success, and nothing was uploaded. From ``https://`` to ``http://`` nothing is sent: who
asked for encryption did so for whatever lies on the way.
"""

from __future__ import annotations

from collections.abc import Iterable
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

from txmultipart.app.url import leaves_tls, with_path
from txmultipart.web.redirect import ReplayingRedirectAgent, becomes_get, join
from txmultipart.web.sending import innermost


class NotFollowed(Exception):
    """A redirect that is not followed: ``response``, and why."""

    def __init__(self, response: IResponse, why: str) -> None:
        super().__init__(why)
        self.response = response


#: What an upload goes on after, if it does not become a GET.
_ONWARD = frozenset((301, 302, 307, 308))

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

    Other origins are not told the fields that have the names ``sensitive``.
    Fails with ``NotFollowed`` for one that is not followed.
    """

    def __init__(
        self, agent: IAgent, clock: Any, sensitive: Iterable[bytes] = ()
    ) -> None:
        self._agent = ReplayingRedirectAgent(
            _UploadsOnly(agent), sensitiveHeaderNames=sensitive, clock=clock
        )

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
    """Wraps ``agent``: what would have a GET follow, or leaves TLS, is an error."""

    def __init__(self, agent: IAgent) -> None:
        self._agent = agent

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        done = self._agent.request(method, with_path(uri), headers, bodyProducer)
        return done.addCallback(_checked, method, uri)


def _checked(response: IResponse, method: bytes, uri: bytes) -> IResponse:
    location = _location(response, uri)
    where = _to(location)
    if becomes_get(method, response.code):
        why = f"{where}; nothing was uploaded there, as a GET would have to follow"
        raise NotFollowed(response, why if where else "")
    if response.code in _ONWARD and location and leaves_tls(uri, location):
        raise NotFollowed(response, f"{where}, where it would not be encrypted")
    return response


def _location(response: IResponse, uri: bytes) -> bytes | None:
    """Where ``response`` points; None if nowhere."""
    locations = response.headers.getRawHeaders(b"Location", [])
    try:
        return join(uri, locations[0])
    except (IndexError, ValueError):
        return None


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
