"""Content-ID: how parts of multipart/related name one another (RFC 2387, RFC 2392).

::

    index = ContentIndex(reader.params)
    async for part in reader:
        index.add(part.headers, await part.read())
    photo = index.resolve("cid:photo@example.com")

Or, without keeping all of it::

    async for part in reader:
        if is_root(part.headers, reader.params, reader.number):
            document = await part.json()
        else:
            play(part, name=part.content_id)
    wanted = content_id_of(document["url"])  # of a "cid:" URL
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
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
    first (RFC 2387 section 3.2). Of several parts with that name each would be;
    ``ContentIndex`` takes the first.
    """
    start = params.get("start")
    return number == 1 if start is None else content_id(headers) == bare(start)


class ContentIndex:
    """Finds what came in a multipart/related again, by the names its parts have.

    ``params`` are those of the Content-Type. What is kept of a part is up to whoever
    adds it: its bytes, or the path of a file.

    A Content-ID is meant to be the only one of its kind (RFC 2045 section 7).
    Where it comes twice, the first counts: it may have been used by the time the
    second is here, and a part must not be able to take the place of another.
    ``doubled`` tells which ones came again.
    """

    def __init__(self, params: Mapping[str, str]) -> None:
        #: Content-IDs that more than one part had.
        self.doubled: set[str] = set()
        self._params = params
        self._number = 0
        self._things: dict[str, Any] = {}
        self._roots: list[Any] = []

    def add(self, headers: PartHeaders, thing: object) -> bool:
        """Keep ``thing`` for the next part; False if its name was there already.

        To be called for each part, in order: without ``start`` the first is the
        root.
        """
        self._number += 1
        name = content_id(headers)
        again = name is not None and name in self._things
        if name is not None and again:
            self.doubled.add(name)
        elif name is not None:
            self._things[name] = thing
        if not again and is_root(headers, self._params, self._number):
            self._roots.append(thing)
        return not again

    def resolve(self, url: str) -> Any:
        """What was kept of the part that a ``cid:`` URL means.

        Raises ``MalformedMultipart`` for another kind of URL, and with the code
        ``unknown-cid`` if no part has that name.
        """
        try:
            return self._things[content_id_of(url)]
        except KeyError:
            message = "a cid: URL refers to a part that did not come"
            raise MalformedMultipart(message, code="unknown-cid") from None

    @property
    def root(self) -> Any:
        """What was kept of the root.

        Raises ``MalformedMultipart`` with the code ``no-root`` if it has not come.
        """
        if not self._roots:
            message = "the root of a related body did not come"
            raise MalformedMultipart(message, code="no-root")
        return self._roots[0]
