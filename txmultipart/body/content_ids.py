"""Content-ID: how parts of multipart/related name one another (RFC 2387, RFC 2392).

::

    async for part in reader:
        if is_root(part.headers, reader.params, reader.number):
            document = await part.json()
        else:
            play(part, name=part.content_id)
    wanted = content_id_of(document["url"])  # of a "cid:" URL
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote

from txmultipart.errors import MalformedMultipart
from txmultipart.sansio.headers import PartHeaders


def content_id(headers: PartHeaders) -> str | None:
    """The Content-ID, without its angle brackets; None if there is none."""
    value = headers.get(b"content-id")
    return None if value is None else bare(value)


def bare(value: str) -> str:
    """``value`` without the angle brackets; some senders leave them out."""
    value = value.strip(" \t")
    enclosed = value.startswith("<") and value.endswith(">")
    return value[1:-1] if enclosed else value


def content_id_of(url: str) -> str:
    """The Content-ID that a ``cid:`` URL means (RFC 2392 section 2).

    Raises ``MalformedMultipart`` for any other URL.
    """
    scheme, colon, escaped = url.partition(":")
    if not colon or scheme.lower() != "cid" or not escaped:
        raise MalformedMultipart("this is no cid: URL", code="bad-cid")
    return unquote(escaped)


def cid_url(content_id: str) -> str:
    """The ``cid:`` URL of the part with this Content-ID."""
    return "cid:" + quote(bare(content_id), safe="@$!*'(),;:&=+._~-")


def is_root(headers: PartHeaders, params: Mapping[str, str], number: int) -> bool:
    """Whether this part, the ``number``-th, is the root of a multipart/related.

    It is the one that ``start`` among the Content-Type's ``params`` names, or the
    first (RFC 2387 section 3.2).
    """
    start = params.get("start")
    return number == 1 if start is None else content_id(headers) == bare(start)
