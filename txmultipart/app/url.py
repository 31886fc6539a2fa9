"""The URL of a request: what the command line may say, and how it is asked for."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

#: A name, and perhaps a password, in front of the host (RFC 3986 section 3.2.1).
_USER = re.compile(r"[^/?#]*//[^/?#]*@")

#: A query that follows the host at once.
_NO_PATH = re.compile(rb"([^/?#]*//[^/?#]*)\?")


def checked_url(text: str) -> str:
    """``text`` if a request can go there; ``ValueError`` if not.

    What that says has no password in it.
    """
    # Without what urlsplit passes over, too.
    if _USER.match("".join(text.split())):
        raise ValueError("a URL has no name or password: say -H 'Authorization: …'")
    try:
        scheme = urlsplit(text).scheme
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None
    if scheme not in ("http", "https"):
        raise ValueError("a URL begins with http:// or https://")
    return text


def with_path(url: bytes) -> bytes:
    """``url``, with a path in front of its query.

    RFC 9112 section 3.2.1 and RFC 9113 section 8.3.1: if it has none, ``/`` is sent.
    """
    return _NO_PATH.sub(rb"\1/?", url, count=1) if _NO_PATH.match(url) else url


def leaves_tls(url: bytes, location: bytes) -> bool:
    """Whether what is encrypted on its way to ``url`` is not so to ``location``."""
    return urlsplit(url).scheme == b"https" and urlsplit(location).scheme == b"http"
