"""The fields of a request and of an answer: what they may be (RFC 9113 section 8).

h2 is told not to judge them, since it ends the connection for what is wrong with one
stream, and lets through what it does not look at: here, what is written to it last
may be read by programs that speak HTTP/1.1, where a line break or a blank in the
wrong place is the end of one thing and the beginning of another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Set
from typing import NamedTuple

from txmultipart.http2.errors import MalformedMessage

Field = tuple[bytes, bytes]

TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9a-z-]+")
# No blanks around it, and nothing that ends a line (section 8.2.1).
VALUE = re.compile(
    rb"(?:[\x21-\x7e\x80-\xff](?:[\t \x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?"
)
PATH = re.compile(rb"/[\x21\x22\x24-\x7e\x80-\xff]*|\*")
AUTHORITY = re.compile(
    rb"(?:[0-9A-Za-z._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?"
)
_LENGTH = re.compile(rb"[0-9]{1,19}")

_PSEUDO = frozenset((b":method", b":scheme", b":authority", b":path"))
OF_CONNECTION = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"transfer-encoding",
        b"upgrade",
    )
)
#: Answers that have no body (RFC 9110 section 6.4.1).
NO_BODY = frozenset((b"204", b"304"))


class RequestHead(NamedTuple):
    """What a request asks for, ``fields`` as HTTP/1.1 would have them."""

    method: bytes
    target: bytes
    fields: list[Field]
    length: int | None


def request_head(fields: Iterable[Field], *, ended: bool) -> RequestHead:
    """Take apart what stands in a HEADERS frame; ``MalformedMessage`` if it is wrong."""
    pseudo, regular = split(fields, _PSEUDO)
    method, target = _target(pseudo)
    length = content_length(regular, ended=ended)
    return RequestHead(method, target, _like_http1(pseudo, regular), length)


def check_trailers(fields: Iterable[Field]) -> None:
    """``MalformedMessage`` if these cannot follow a body (section 8.1)."""
    split(fields, frozenset())


def split(
    fields: Iterable[Field], known: Set[bytes]
) -> tuple[dict[bytes, bytes], list[Field]]:
    """Pseudo-fields and others (section 8.3), every one in order."""
    pseudo: dict[bytes, bytes] = {}
    regular: list[Field] = []
    for name, value in fields:
        if not VALUE.fullmatch(value):
            raise MalformedMessage("a field has a value that it cannot have")
        if not name.startswith(b":"):
            regular.append((_name(name, value), value))
        elif name in known and name not in pseudo and not regular:
            pseudo[name] = value
        else:
            raise MalformedMessage("a pseudo-field unknown, twice, or too late")
    return pseudo, regular


def _name(name: bytes, value: bytes) -> bytes:
    if not _NAME.fullmatch(name):
        raise MalformedMessage("a field has a name that it cannot have")
    # Section 8.2.2
    if name in OF_CONNECTION or (name == b"te" and value.lower() != b"trailers"):
        raise MalformedMessage("a field that is for HTTP/1.1 connections")
    return name


def _target(pseudo: dict[bytes, bytes]) -> tuple[bytes, bytes]:
    """Method and target (sections 8.3.1 and 8.5)."""
    method, authority = pseudo.get(b":method", b""), pseudo.get(b":authority")
    if not TOKEN.fullmatch(method):
        raise MalformedMessage("no method")
    if authority is not None and not AUTHORITY.fullmatch(authority):
        raise MalformedMessage("an authority that is none")
    if method == b"CONNECT":
        if authority is None or len(pseudo) != 2:
            raise MalformedMessage("CONNECT takes an authority and nothing else")
        return method, authority
    return method, _path(pseudo, method)


def _path(pseudo: dict[bytes, bytes], method: bytes) -> bytes:
    path = pseudo.get(b":path", b"")
    if pseudo.get(b":scheme", b"").lower() not in (b"http", b"https"):
        raise MalformedMessage("no scheme of HTTP")
    if not PATH.fullmatch(path) or (path == b"*" and method != b"OPTIONS"):
        raise MalformedMessage("no path")
    return path


def content_length(fields: list[Field], *, ended: bool) -> int | None:
    """How long the body is, None if nobody said (section 8.1.1)."""
    values = {value for name, value in fields if name == b"content-length"}
    if not values:
        return 0 if ended else None
    (value, *others) = values
    if others or not _LENGTH.fullmatch(value):
        raise MalformedMessage("a length that is none")
    if ended and int(value):
        raise MalformedMessage("a length, and no body")
    return int(value)


def _like_http1(pseudo: dict[bytes, bytes], fields: list[Field]) -> list[Field]:
    """The fields with Host (section 8.3.1) and one line of cookies (section 8.2.3)."""
    cookies = [value for name, value in fields if name == b"cookie"]
    hosts = {value for name, value in fields if name == b"host"}
    authority = pseudo.get(b":authority")
    if authority is not None:
        hosts.add(authority)
    if len(hosts) > 1 or not all(map(AUTHORITY.fullmatch, hosts)):
        raise MalformedMessage("not one host")
    rest = [field for field in fields if field[0] not in (b"cookie", b"host")]
    crumbs = [(b"cookie", b"; ".join(cookies))] if cookies else []
    return [(b"host", host) for host in hosts] + rest + crumbs


# Answers ------------------------------------------------------------------------------


def answer_head(status: bytes, fields: Iterable[Field]) -> list[Field]:
    """What goes into a HEADERS frame; ``ValueError`` if it is nothing for a peer.

    h2 must not see what it would refuse: it has encoded half of it by then, and the
    tables of the two sides would differ ever after.
    """
    if not re.fullmatch(rb"[2-5][0-9][0-9]", status):
        raise ValueError(f"{status!r} is no status of an answer")
    head = [(b":status", status)]
    for name, value in fields:
        name, value = name.lower(), value.strip(b" \t")
        if name in OF_CONNECTION:
            continue
        if not _NAME.fullmatch(name) or not VALUE.fullmatch(value):
            raise ValueError(f"a field of the answer cannot be sent: {name!r}")
        head.append((name, value))
    return head


def has_no_body(method: bytes, head: list[Field]) -> bool:
    """Whether this is all of the answer."""
    empty = (b"content-length", b"0") in head
    return method == b"HEAD" or head[0][1] in NO_BODY or empty
