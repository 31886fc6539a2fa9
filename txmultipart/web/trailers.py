"""Trailers: fields behind a body, on HTTP/1.1 and HTTP/2 (RFC 9110 section 6.5).

What they say came too late for whoever decided by the fields in front. So nothing that
frames, routes or guards a message is let in here, nor is it merged with those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from twisted.web.http import NO_BODY_CODES
from twisted.web.http_headers import Headers
from twisted.web.server import Request

from txmultipart.http2 import NOT_BEHIND, ServerStream, UnsendableFields
from txmultipart.web import http1

Field = tuple[bytes, bytes]

#: A field of HTTP/1.1 (RFC 9112 section 5), without what no value can have.
_LINE = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*"
    rb"((?:[\t \x21-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)[\t ]*"
)


def parse_lines(lines: Iterable[bytes]) -> list[Field]:
    """The fields in ``lines``; what is none is passed over: the body is whole."""
    found = filter(None, map(_LINE.fullmatch, lines))
    return allowed((match[1], match[2]) for match in found)


def allowed(fields: Iterable[Field]) -> list[Field]:
    """Those of them that may stand behind a body."""
    return [(n, v) for n, v in fields if n.lower() not in NOT_BEHIND]


def outgoing(headers: Headers) -> list[Field]:
    """What a handler has put into ``headers``; ``UnsendableFields``, a ``ValueError``, if not."""
    fields = [(n, v) for n, values in headers.getAllRawHeaders() for v in values]
    for name, value in fields:
        if name.lower() in NOT_BEHIND or not _LINE.fullmatch(name + b": " + value):
            raise UnsendableFields(f"{name!r} cannot stand behind a body")
    return fields


def as_lines(fields: Iterable[Field]) -> bytes:
    """The fields as HTTP/1.1 has them."""
    return b"".join(b"%s: %s\r\n" % field for field in fields)


class Trailing(Request):
    """A request that has trailers, and whose answer may have some."""

    channel: Any

    @cached_property
    def trailers(self) -> Headers:
        """Fields that came behind the body: none before it has ended.

        They are not merged with ``requestHeaders``, and what could not stand here is
        left out.
        """
        return Headers()

    @cached_property
    def responseTrailers(self) -> Headers:
        """Fields to be sent behind the answer: whatever is in it at ``finish``.

        That raises ``ValueError`` for a field that cannot stand there, and so does the
        first ``write``, of an answer that could still become another. An answer
        without a body has none. On HTTP/1.1 only an answer in chunks has: if there is
        anything in it when the answer begins, it goes without a Content-Length; what
        comes in later, behind an answer with one, is left out.
        """
        return Headers()

    @property
    def has_trailers(self) -> bool:
        """Whether there may be something to be sent behind the answer."""
        return "responseTrailers" in vars(self)  # somebody has asked for it

    def announce_trailers(self) -> None:
        """The head of the answer is about to be sent."""
        # RFC 9110 section 6.6.2: for those who are known by now.
        names = list(dict.fromkeys(name for name, _ in outgoing(self.responseTrailers)))
        if names:
            self.setHeader(b"Trailer", b", ".join(names))
            if self.clientproto == b"HTTP/1.1" and self.method != b"HEAD":
                # Only chunks leave room for them.
                self.responseHeaders.removeHeader(b"Content-Length")

    def send_trailers(self) -> None:
        """The answer is complete; nothing but its end is still to be sent."""
        fields = outgoing(self.responseTrailers)
        if not fields or self.method == b"HEAD" or self.code in NO_BODY_CODES:
            return
        if isinstance(self.channel, ServerStream):
            self.channel.send_trailers(fields)
            return
        if not self.startedWriting:
            self.write(b"")  # it is decided now whether there are chunks
        if self.chunked:
            http1.end_chunks_with(self.channel, as_lines(fields))
