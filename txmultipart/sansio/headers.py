"""PartHeaders: the headers of one part, received or made to be written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any, NoReturn, Self

from txmultipart.errors import MalformedMultipart, MisuseError
from txmultipart.sansio.filenames import safe_filename
from txmultipart.sansio.parameters import parse_content_disposition, parse_content_type
from txmultipart.sansio.profiles import FORM_DATA, Anomaly, Profile

# RFC 9110 section 5.6.2 (token) and 5.5: no value holds CR, LF or NUL.
TOKEN = re.compile(rb"[0-9A-Za-z!#$%&'*+.^_`|~-]+")
BREAKS = re.compile(rb"[\r\n\0]")
# What no UTF-8 can express; Python puts it where a name was not UTF-8.
_SURROGATES = re.compile("[\ud800-\udfff]")
# Python reads no number of thousands of digits, and no part is that long.
_LENGTH = re.compile("[0-9]{1,18}")

Name = str | bytes
#: The first word of a header, and its parameters.
Parsed = tuple[str, Mapping[str, str]]
Parser = Callable[[str], tuple[str, dict[str, str]]]
RawPairs = tuple[tuple[bytes, bytes], ...]
#: What people may give for headers: a mapping, or pairs in order.
HeaderSource = Mapping[str, str] | Iterable[tuple[Name, Name]]


class PartHeaders:
    """The headers of one part: ordered, duplicates kept, looked up without regard to case.

    ``PartHeaders(pairs)`` takes pairs of ``str`` (sent as UTF-8) or ``bytes``
    and raises ``MisuseError`` for anything else, for a name that is no token and
    for a value with CR, LF, NUL or a lone surrogate. It does not change afterwards
    and may be shared: a copy is the object itself. It can be pickled.
    """

    profile: Profile
    #: What was tolerated in this block; offsets count from its first byte.
    anomalies: tuple[Anomaly, ...] = ()
    _block: bytes  # as it came, if that is all there is yet

    def __init__(
        self, pairs: HeaderSource = (), *, profile: Profile = FORM_DATA
    ) -> None:
        raw = tuple(_checked(name, value) for name, value in _pairs(pairs))
        self.__dict__.update(raw=raw, profile=profile)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        # One object may stand for the same block of many bodies.
        raise AttributeError("the headers of a part do not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("the headers of a part do not change")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        # Not ``__dict__``: what was read off it already holds proxies, which no pickle
        # takes. And a function: where Twisted is, methods are pickled its own way.
        return _restored, (type(self), self.raw, self.profile, self.anomalies)

    @classmethod
    def received(
        cls, raw: RawPairs, profile: Profile, anomalies: tuple[Anomaly, ...] = ()
    ) -> Self:
        """Headers that a parser has checked already."""
        self = cls.__new__(cls)
        self.__dict__.update(raw=raw, profile=profile, anomalies=anomalies)
        return self

    @cached_property
    def raw(self) -> RawPairs:
        """Names and values as they came, in order."""
        # Set already, unless this is a block of nothing but plain lines.
        lines = [line.partition(b": ") for line in self._block.split(b"\r\n")]
        return tuple((name, value) for name, _, value in lines)

    def get_all(self, name: Name) -> list[str]:
        """Every value of this name, in order; bytes that are not UTF-8 become U+FFFD."""
        wanted = _bytes(name).lower()
        return [
            v.decode("utf-8", "replace") for n, v in self.raw if n.lower() == wanted
        ]

    def get(self, name: Name) -> str | None:
        """The first value of this name, or None."""
        values = self.get_all(name)
        return values[0] if values else None

    @cached_property
    def disposition(self) -> Parsed:
        """Type and parameters of Content-Disposition, ``("", {})`` without one."""
        value = self.get(b"content-disposition")
        if value is None:
            return "", MappingProxyType({})
        parse = partial(parse_content_disposition, profile=self.profile)
        kind, parameters = self._read(value, parse)
        return kind, MappingProxyType(parameters)

    @cached_property
    def name(self) -> str | None:
        """The field's name (RFC 7578 section 4.2), or None."""
        return self.disposition[1].get("name")

    @cached_property
    def filename(self) -> str | None:
        """The file's name, decoded and otherwise untouched: data, never a path."""
        return self.disposition[1].get("filename")

    @cached_property
    def safe_filename(self) -> str | None:
        """``filename`` made fit to name a file in a folder of ours; None if there is none."""
        return None if self.filename is None else safe_filename(self.filename)

    @cached_property
    def _type(self) -> Parsed | None:
        value = self.get(b"content-type")
        return None if value is None else self._read(value, parse_content_type)

    def _read(self, value: str, parse: Parser) -> tuple[str, dict[str, str]]:
        """``value``; outside forms, parameters that make no sense are left out."""
        try:
            return parse(value)
        except MalformedMultipart:
            if self.profile.strict_headers:
                raise
            return value.partition(";")[0].strip(" \t").lower(), {}

    @property
    def content_type(self) -> str | None:
        """``type/subtype`` in lower case, without parameters; None if not declared."""
        return self._type[0] if self._type else None

    @property
    def charset(self) -> str | None:
        """The charset that Content-Type declares, in lower case, or None."""
        value = self._type[1].get("charset") if self._type else None
        return value.lower() if value else None

    @property
    def content_length(self) -> int | None:
        """What Content-Length declares; None if it is no plain number. Nobody checked it."""
        match = _LENGTH.fullmatch(self.get(b"content-length") or "")
        return int(match[0]) if match else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PartHeaders) and self.raw == other.raw

    def __hash__(self) -> int:
        return hash(self.raw)

    def __repr__(self) -> str:
        names = ", ".join(name.decode("ascii", "replace") for name, _ in self.raw)
        return f"<PartHeaders {names}>"


def _restored(kind: type[PartHeaders], *known: Any) -> PartHeaders:
    return kind.received(*known)


def _pairs(given: HeaderSource) -> list[tuple[Name, Name]]:
    items = given.items() if isinstance(given, Mapping) else given
    try:
        pairs = [(name, value) for name, value in items]
    except (TypeError, ValueError) as error:
        message = "headers are a mapping, or pairs of a name and a value"
        raise MisuseError(message, code="bad-header") from error
    return pairs


def _bytes(value: Name) -> bytes:
    # A lone surrogate becomes bytes that are not UTF-8, which ``_checked`` refuses.
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes):
        return value
    kind = type(value).__name__  # of an int, bytes() would make as many NULs
    raise MisuseError(
        f"a header's name and value are str or bytes, not {kind}", code="bad-header"
    )


def _checked(name: Name, value: Name) -> tuple[bytes, bytes]:
    """One header as it will be written, or ``MisuseError``: nothing is dropped in silence."""
    raw_name, raw_value = _bytes(name), _bytes(value)
    if not TOKEN.fullmatch(raw_name):
        raise MisuseError("a header name is not a token", code="bad-header")
    if BREAKS.search(raw_value):
        raise MisuseError("a header value holds CR, LF or NUL", code="bad-header")
    if isinstance(value, str) and _SURROGATES.search(value):
        # A filename of the system that is not UTF-8: to send it is not ours to decide.
        raise MisuseError("a header value holds a lone surrogate", code="bad-header")
    return raw_name, raw_value.strip(b" \t")
