"""A client's fields: of requests, before they are sent, and of what is answered.

h2 judges none of them: what it refuses to send it has half encoded by then, and the
tables of the two sides would differ ever after; and for an answer that is malformed
it would end the connection, with all the other requests on it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from txmultipart.http2.errors import MalformedMessage, UnsendableFields
from txmultipart.http2.fields import (
    AUTHORITY,
    NO_BODY,
    PATH,
    TOKEN,
    Field,
    content_length,
    split,
)
from txmultipart.http2.outgoing import block_size, regular_fields

_STATUS = re.compile(rb"[1-5][0-9][0-9]")


class RequestFields(NamedTuple):
    """A request without its body, ``fields`` as HTTP/1.1 would have them."""

    method: bytes
    scheme: bytes
    authority: bytes
    target: bytes
    fields: list[Field]


class ResponseHead(NamedTuple):
    """The head of an answer; ``length`` of its body, None if it does not say."""

    status: int
    fields: list[Field]
    length: int | None


# Requests -----------------------------------------------------------------------------


def request_block(
    request: RequestFields, *, ended: bool, most: int | None = None
) -> list[Field]:
    """What goes into HEADERS; ``UnsendableFields`` if it is nothing for a peer.

    Host takes the place of the authority, and what is for one connection is left out.
    ``most`` is what the peer takes, in bytes as section 6.5.2 counts them.
    """
    fields = regular_fields(request.fields)
    rest = [field for field in fields if field[0] != b"host"]
    _check_length(rest, ended)
    block = _pseudo(request, _authority(request, fields)) + rest
    # Section 10.5.1: the peer would end more than this request for it.
    if most is not None and block_size(block) > most:
        raise UnsendableFields(f"the server takes no more than {most} bytes of fields")
    return block


def _authority(request: RequestFields, fields: list[Field]) -> bytes:
    hosts = {value for name, value in fields if name == b"host"}
    if len(hosts) > 1:
        raise UnsendableFields("not one host")
    return hosts.pop() if hosts else request.authority


def _pseudo(request: RequestFields, authority: bytes) -> list[Field]:
    _check_target(request, authority)
    return [
        (b":method", request.method),
        (b":scheme", request.scheme),
        (b":authority", authority),
        (b":path", request.target),
    ]


def _check_target(request: RequestFields, authority: bytes) -> None:
    method, target = request.method, request.target
    if not TOKEN.fullmatch(method) or method == b"CONNECT":
        raise UnsendableFields("a method that cannot be sent")
    if request.scheme not in (b"http", b"https"):
        raise UnsendableFields("no scheme of HTTP")
    if not AUTHORITY.fullmatch(authority):
        raise UnsendableFields("an authority that is none")
    if not PATH.fullmatch(target) or (target == b"*" and method != b"OPTIONS"):
        raise UnsendableFields("no path")


def _check_length(fields: list[Field], ended: bool) -> None:
    try:
        content_length(fields, ended=ended)
    except MalformedMessage as error:
        raise UnsendableFields(str(error)) from None


# Answers ------------------------------------------------------------------------------


def response_head(
    fields: Iterable[Field], *, method: bytes, ended: bool
) -> ResponseHead:
    """Take apart what stands in HEADERS; ``MalformedMessage`` if it is wrong."""
    pseudo, regular = split(fields, _OF_ANSWERS)
    text = pseudo.get(b":status", b"")
    status = int(text) if _STATUS.fullmatch(text) else 0
    if not status or status == 101:  # Sections 8.3.2 and 8.6
        raise MalformedMessage("a status that is none")
    if status < 200:
        if ended:
            raise MalformedMessage("an interim answer, and no other")  # Section 8.1
        return ResponseHead(status, regular, None)
    empty = method == b"HEAD" or text in NO_BODY
    # The length is that of a body that is not sent (RFC 9110 section 8.6).
    length = content_length(regular, ended=ended and not empty)
    return ResponseHead(status, regular, 0 if empty else length)


_OF_ANSWERS = frozenset((b":status",))
