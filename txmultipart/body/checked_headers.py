"""CheckedHeaders: Twisted's Headers, without those that would be sent as something else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twisted.web.http_headers import Headers

from txmultipart.sansio.headers import HeaderSource, Name, PartHeaders

#: What headers may be given as: a mapping, pairs in order, Twisted's own, or none.
HeadersGiven = HeaderSource | Headers | None


class CheckedHeaders(Headers):
    """Headers of a part, which raise ``MisuseError`` where Twisted's are silent.

    A stock ``Headers`` makes a space of CR and LF in a value, so that another value is
    sent than the one that was set. Here that is refused, and so is a NUL, a lone
    surrogate, and a name that is no token (RFC 9110 sections 5.1 and 5.5).
    """

    def setRawHeaders(self, name: Name, values: Sequence[Name]) -> None:
        """Replace what there is of this name."""
        if not isinstance(values, str | bytes):  # which Twisted has a word for
            values = list(values)
            PartHeaders([(name, b""), *((name, value) for value in values)])
        super().setRawHeaders(name, values)

    def addRawHeader(self, name: Name, value: Name) -> None:
        """Add one to what there is of this name."""
        PartHeaders([(name, value)])
        super().addRawHeader(name, value)


def header_pairs(given: HeadersGiven) -> HeaderSource:
    """What was given as ``PartHeaders`` takes it."""
    if given is None:
        return ()
    return list(_pairs(given)) if isinstance(given, Headers) else given


def _pairs(headers: Headers) -> Iterable[tuple[Name, Name]]:
    for name, values in headers.getAllRawHeaders():
        for value in values:
            yield name, value
