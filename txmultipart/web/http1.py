"""Every private name of twisted.web that this package leans on, and why.

``tests/web/test_http1.py`` holds each of them against the installed Twisted and
names the versions that were tried. When twisted.web lets a resource run before
the body has come, most of this module can go.
"""

from __future__ import annotations

from typing import Any, NamedTuple

# What guard refuses with. "as": for others to take from here.
from twisted.web._auth.wrapper import UnauthorizedResource as UnauthorizedResource
from twisted.web.http import HTTPChannel, Request


class RequestLine(NamedTuple):
    """Method, target and version, as they stand in the first line of a request."""

    method: bytes
    target: bytes
    version: bytes


def request_line(channel: HTTPChannel) -> RequestLine:
    """The request line of the request whose headers have just come.

    A stock ``Request`` is told it only when the body is complete.
    """
    return RequestLine(channel._command, channel._path, channel._version)


def hold_timeout(channel: HTTPChannel) -> float | None:
    """Stop the idle timer while we hold the sender back, and return its value.

    The timer is reset by received data only, so it would take a pause of ours
    for an idle peer.
    """
    held: float | None = channel.setTimeout(None)
    return held


def restore_timeout(channel: HTTPChannel, seconds: float | None) -> None:
    """Let the idle timer run again with the value that it had."""
    channel.setTimeout(seconds)


def restore_timeout_after_request(channel: HTTPChannel, seconds: float | None) -> None:
    """The body ended while the timer was held: the channel has not seen its value.

    It stores the value at the end of a body and sets it for the next request.
    """
    channel._savedTimeOut = seconds


def send_continue(channel: HTTPChannel) -> None:
    """Answer ``Expect: 100-continue`` (RFC 9110 section 10.1.1)."""
    channel._send100Continue()


def close_on_bad_framing(channel: HTTPChannel) -> None:
    """From now on chunks that are none close the connection, and that is all.

    A stock channel writes an answer of its own then, into the one under way.
    """
    # As in a subclass, of which this channel cannot be made any more.
    vars(channel)["_respondToBadRequestAndDisconnect"] = channel.loseConnection


def let_go(request: Request) -> None:
    """The answer and the body of ``request`` are both over: on to the next request.

    ``finish`` does it for a request that is not ``queued``.
    """
    request._cleanup()


def is_lost(request: Request) -> bool:
    """Whether the connection of ``request`` is lost: then nothing can be sent."""
    return bool(request._disconnected)


def set_lost(request: Request) -> None:
    """Say so before ``connectionLost`` does: whoever reads the body may answer at once."""
    request._disconnected = True


def unwrapped(resource: Any, interface: Any) -> Any:
    """``resource``, or what it wraps if that provides ``interface``.

    ``guard`` and ``EncodingResourceWrapper`` wrap resources with
    ``proxyForInterface``, which does not pass marker interfaces on.
    """
    for _ in range(10):
        if interface.providedBy(resource):
            break
        attribute = _proxied_attribute(type(resource))
        if attribute is None:
            break
        resource = getattr(resource, attribute)
    return resource


def _proxied_attribute(kind: type) -> str | None:
    for ancestor in kind.__mro__:
        descriptor = ancestor.__dict__.get("putChild")
        attribute = getattr(descriptor, "originalAttribute", None)
        if isinstance(attribute, str):
            return attribute
    return None
