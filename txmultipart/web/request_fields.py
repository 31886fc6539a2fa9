"""What stands in the HEADERS frame of a request that Twisted's ``Agent`` made."""

from __future__ import annotations

from typing import Any

from txmultipart.http2 import RequestFields
from txmultipart.web.http1 import BadHeaders
from txmultipart.web.upload import length_of

#: What we say ourselves. Two readers of two lengths would see two requests.
_OURS = frozenset((b"host", b"content-length", b"transfer-encoding"))

#: Methods whose requests say that they have no body (RFC 9110 section 8.6).
_WITH_BODY = frozenset((b"POST", b"PUT"))


def request_fields(request: Any, *, secure: bool) -> RequestFields:
    """The fields of ``request``; ``BadHeaders`` if it has not one Host, as in HTTP/1.1."""
    hosts = request.headers.getRawHeaders(b"Host", ())
    if len(hosts) != 1:
        raise BadHeaders("Exactly one Host header required")
    fields = [
        (name, value)
        for name, values in request.headers.getAllRawHeaders()
        if name.lower() not in _OURS
        for value in values
    ]
    fields += _length(request)
    scheme = b"https" if secure else b"http"
    return RequestFields(request.method, scheme, hosts[0], request.uri, fields)


def _length(request: Any) -> list[tuple[bytes, bytes]]:
    if request.bodyProducer is not None:
        length = length_of(request.bodyProducer)
    else:
        length = 0 if request.method in _WITH_BODY else None
    return [] if length is None else [(b"content-length", b"%d" % length)]


def wants_leave(request: Any) -> bool:
    """Whether its body is to wait for ``100 Continue`` (RFC 9110 section 10.1.1)."""
    expected = request.headers.getRawHeaders(b"Expect", ())
    return any(value.strip().lower() == b"100-continue" for value in expected)
