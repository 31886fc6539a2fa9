"""What of a message's head goes on to the next server, and what comes back.

Of the fields, those that are about one connection stay behind (RFC 9110 section 7.6.1),
and so do those which whoever sends on says anew: Host and Content-Length.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from twisted.web.http_headers import Headers

from txmultipart.errors import MalformedMultipart, MisuseError, MultipartError
from txmultipart.sansio.parameters import is_token, parse_content_type

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

#: What they say of a body is not true of one whose parts were changed.
_OF_THE_BYTES = (b"Content-MD5", b"Digest", b"Content-Digest", b"Repr-Digest")

_VISIBLE = re.compile(rb"[\x21-\x7e]*")


class MethodRefused(MultipartError):
    """A request is not one that can be sent on (RFC 9110 section 9.3.6: CONNECT)."""

    code = "method-refused"
    http_status = 501


def checked_base(url: str) -> bytes:
    """``url`` if it can be that of an upstream; ``MisuseError`` if not."""
    if not url.isascii() or not _VISIBLE.fullmatch(url.encode("ascii")):
        raise MisuseError("the URL of an upstream is printable ASCII")
    if set("?#\\") & set(url):
        raise MisuseError("the URL of an upstream has neither query nor fragment")
    try:
        parts = urlsplit(url)
        good = parts.hostname and parts.port != 0 and not parts.netloc.endswith(":")
    except ValueError as error:
        raise MisuseError("the URL of an upstream has no good host or port") from error
    if parts.scheme not in ("http", "https") or not good or "@" in parts.netloc:
        raise MisuseError("the URL of an upstream is http:// or https://, and a host")
    return url.encode("ascii")


def passed_on(headers: Headers, connection: Iterable[bytes] = ()) -> Headers:
    """``headers`` without what does not go further; a new object.

    ``connection`` are Connection fields that are not among them.
    """
    kept = Headers()
    said = [*headers.getRawHeaders(b"Connection", []), *connection]
    dropped = _OF_ONE_CONNECTION | _SAID_ANEW | _named_by(said)
    for name, values in headers.getAllRawHeaders():
        if name.lower() not in dropped:
            kept.setRawHeaders(name, values)
    return kept


def check_request(request: Any) -> None:
    """Refuse what could not be sent on, or would be read in two ways."""
    if request.method == b"CONNECT":
        raise MethodRefused("no tunnels are made here")
    if not is_token(request.method.decode("latin-1")):
        raise MalformedMultipart("the method is no token", code="bad-method")
    # RFC 9112 section 3.2.
    if len(request.requestHeaders.getRawHeaders(b"Host", [])) > 1:
        raise MalformedMultipart("there are two Host fields", code="bad-host")


def is_multipart(headers: Headers) -> bool:
    """Whether a body is one; ``MalformedMultipart`` if it may be one for somebody else.

    Of two types, or of what is no type, another server may read something else.
    """
    values = headers.getRawHeaders(b"Content-Type", [])
    if not values:
        return False
    kind, _ = parse_content_type(values[0])
    main, _, subtype = kind.partition("/")
    if len(values) > 1 or not (is_token(main) and is_token(subtype)):
        message = "the Content-Type is not one media type"
        raise MalformedMultipart(message, code="bad-content-type")
    return main == "multipart"


def set_content_type(headers: Headers, value: str) -> None:
    """The body goes on with other bytes than it came with, of this type."""
    headers.setRawHeaders("Content-Type", [value])
    for name in _OF_THE_BYTES:
        headers.removeHeader(name)


def _named_by(values: list[bytes]) -> set[bytes]:
    return {name.strip().lower() for value in values for name in value.split(b",")}


def add_via(headers: Headers, version: bytes, name: str) -> None:
    """Say that a message of ``version``, such as ``HTTP/1.1``, came by way of ``name``."""
    # RFC 9110 section 7.6.3: the protocol's name goes without saying.
    protocol = version.removeprefix(b"HTTP/")
    headers.addRawHeader(b"Via", protocol + b" " + name.encode("ascii"))


def went_by(headers: Headers, name: str) -> bool:
    """Whether a message came by way of ``name`` before: it goes round in circles."""
    ours = name.encode("ascii")
    return any(ours in via.split() for via in _listed(headers, b"Via"))


def _listed(headers: Headers, name: bytes) -> list[bytes]:
    # As bytes: what a sender says may be in no charset at all.
    values = headers.getRawHeaders(name, [])
    return [item.strip() for value in values for item in value.split(b",")]


def add_forwarded(headers: Headers, request: Any) -> None:
    """Say from where ``request`` came, and what it was to."""
    address = getattr(request.getClientAddress(), "host", None)
    if address is not None:
        here = address.encode("ascii", "replace")
        known = [*_listed(headers, b"X-Forwarded-For"), here]
        headers.setRawHeaders(b"X-Forwarded-For", [b", ".join(known)])
    scheme = "https" if request.isSecure() else "http"
    headers.setRawHeaders("X-Forwarded-Proto", [scheme])
    headers.removeHeader("X-Forwarded-Host")
    if hosts := request.requestHeaders.getRawHeaders(b"Host"):
        headers.setRawHeaders(b"X-Forwarded-Host", hosts)


def target(base: bytes, request: Any) -> bytes:
    """Where ``request`` is sent on to: what it asks for, under the URL ``base``.

    ``base`` itself is what stands for the resource itself. A path that would lead out
    of ``base``, or is none, is refused with ``MalformedMultipart``: so is a whole URL
    (RFC 9112 section 3.2.2), which only a proxy is asked for.
    """
    path, mark, query = request.uri.partition(b"?")
    segments = path.split(b"/")
    # RFC 9112 section 3.2: it has no fragment, but some would cut one off.
    good = _VISIBLE.fullmatch(request.uri) and b"#" not in request.uri
    if not good or segments[0] or any(_climbs(segment) for segment in segments):
        raise MalformedMultipart("this is not a path to be sent on", code="bad-path")
    rest = b"/".join(segments[len(request.prepath) + 1 :])
    found = base.rstrip(b"/") + b"/" + rest if rest else base
    # RFC 9110 section 4.2.3: a URL without a path has the path "/".
    slash = b"/" if found.count(b"/") == 2 else b""
    return bytes(found + slash + mark + query)


def _climbs(segment: bytes) -> bool:
    # Some servers decode before they look at the dots, and take a backslash for a slash.
    # Some cut parameters off first (RFC 3986 section 3.3).
    words = unquote_to_bytes(segment).replace(b"\\", b"/").split(b"/")
    return any(word.partition(b";")[0] in (b".", b"..") for word in words)
