"""What of a message's head goes on to the next server, and what comes back.

Of the fields, those that are about one connection stay behind (RFC 9110 section 7.6.1),
and so do those which whoever sends on says anew: Host and Content-Length.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

from twisted.web.http_headers import Headers

from txmultipart.errors import MalformedMultipart

#: RFC 9110 section 7.6.1, and what RFC 9113 section 8.2.2 adds.
_OF_ONE_CONNECTION = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"http2-settings",
    )
)

#: Said anew by whoever sends a message on.
_SAID_ANEW = frozenset((b"host", b"content-length"))


def passed_on(headers: Headers) -> Headers:
    """``headers`` without what does not go further; a new object."""
    kept = Headers()
    dropped = _OF_ONE_CONNECTION | _SAID_ANEW | _named_by_connection(headers)
    for name, values in headers.getAllRawHeaders():
        if name.lower() not in dropped:
            kept.setRawHeaders(name, values)
    return kept


def _named_by_connection(headers: Headers) -> set[bytes]:
    values = headers.getRawHeaders(b"Connection", [])
    return {name.strip().lower() for value in values for name in value.split(b",")}


def add_via(headers: Headers, version: bytes, name: str) -> None:
    """Say that a message of ``version``, such as ``HTTP/1.1``, came by way of ``name``."""
    # RFC 9110 section 7.6.3: the protocol's name goes without saying.
    protocol = version.decode("ascii").removeprefix("HTTP/")
    headers.addRawHeader("Via", f"{protocol} {name}")


def went_by(headers: Headers, name: str) -> bool:
    """Whether a message came by way of ``name`` before: it goes round in circles."""
    return any(name in via.split() for via in _listed(headers, "Via"))


def _listed(headers: Headers, name: str) -> list[str]:
    values = headers.getRawHeaders(name, [])
    return [item.strip() for value in values for item in value.split(",")]


def add_forwarded(headers: Headers, request: Any) -> None:
    """Say from where ``request`` came, and what it was to."""
    address = getattr(request.getClientAddress(), "host", None)
    if address is not None:
        known = [*_listed(headers, "X-Forwarded-For"), address]
        headers.setRawHeaders("X-Forwarded-For", [", ".join(known)])
    scheme = "https" if request.isSecure() else "http"
    headers.setRawHeaders("X-Forwarded-Proto", [scheme])
    headers.removeHeader("X-Forwarded-Host")
    if (host := request.getHeader("Host")) is not None:
        headers.setRawHeaders("X-Forwarded-Host", [host])


def target(base: bytes, request: Any) -> bytes:
    """Where ``request`` is sent on to: what it asks for, under the URL ``base``.

    ``base`` itself is what stands for the resource itself. A path that would lead out
    of ``base``, or is none, is refused with ``MalformedMultipart``.
    """
    path, mark, query = request.uri.partition(b"?")
    segments = path.split(b"/")
    if segments[0] or any(_climbs(segment) for segment in segments):
        raise MalformedMultipart("this is not a path to be sent on", code="bad-path")
    rest = b"/".join(segments[len(request.prepath) + 1 :])
    found = base.rstrip(b"/") + b"/" + rest if rest else base
    return bytes(found + mark + query)


def _climbs(segment: bytes) -> bool:
    # Some servers decode before they look at the dots, and take a backslash for a slash.
    words = unquote_to_bytes(segment).replace(b"\\", b"/").split(b"/")
    return any(word in (b".", b"..") for word in words)
