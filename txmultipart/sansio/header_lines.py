"""Reads one part's header block: its bytes to ``PartHeaders``.

A rule for headers belongs in ``_problems``. If a block that ``USUAL`` matches
could break it, ``USUAL`` has to be made stricter as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from txmultipart.errors import MalformedMultipart
from txmultipart.sansio.events import PartBegin
from txmultipart.sansio.headers import BREAKS, TOKEN, PartHeaders, RawPairs
from txmultipart.sansio.parameters import parse_content_disposition, parse_content_type
from txmultipart.sansio.profiles import Anomaly, Profile

new, set_headers = object.__new__, PartBegin.__dict__["headers"].__set__

#: The header block of nearly every part of a form, with nothing escaped in it, and
#: the blank line behind it, if there is more.
USUAL = re.compile(
    rb'Content-Disposition: form-data; name="([ !#$&-\[\]-~]*+)"'
    rb'(?:; filename="([ !#$&-\[\]-~]*+)")?'
    rb"(?:\r\nContent-Type: [a-z0-9.+-]++/[a-z0-9.+-]++)?"
    rb"(?:\r\n\r\n|\Z)"
)


def parse_header_block(block: bytes, newline: bytes, profile: Profile) -> PartHeaders:
    """The headers in ``block``, whose lines are separated by ``newline``.

    ``block`` holds neither the delimiter line before nor the blank line after
    it. Raises ``MalformedMultipart``; offsets count from the block's first byte.
    """
    if newline == b"\r\n" and (usual := USUAL.match(block)):
        return usual_begin(block, usual, profile).headers
    pairs: list[tuple[bytes, bytes]] = []
    anomalies: list[Anomaly] = []
    offset = 0
    for line in block.split(newline) if block else ():
        if line[:1] in (b" ", b"\t"):
            _fold(pairs, line, offset, profile)
            anomalies.append(Anomaly("header-folding", offset))
        else:
            pairs.append(_parse_line(line, offset))
        offset += len(line) + len(newline)
    raw = tuple(pairs)
    anomalies += _tolerated(raw, profile)
    return PartHeaders.received(raw, profile, tuple(anomalies))


def usual_begin(block: bytes, usual: re.Match[bytes], profile: Profile) -> PartBegin:
    """The event for a block that ``USUAL`` matches, on whose meaning every dialect agrees.

    What it is made of does not change; to make it the usual way takes twice as long.
    """
    name, filename = usual.groups()
    headers, begin = new(PartHeaders), new(PartBegin)
    set_headers(begin, headers)
    known = headers.__dict__
    known["_block"] = block
    known["profile"] = profile
    known["name"] = name.decode()
    known["filename"] = None if filename is None else filename.decode()
    return begin


def _parse_line(line: bytes, offset: int) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or not TOKEN.fullmatch(name):
        raise MalformedMultipart(
            "a part header line has no valid name", code="bad-header", offset=offset
        )
    if BREAKS.search(value):
        raise MalformedMultipart(
            "a part header holds CR, LF or NUL", code="bad-header", offset=offset
        )
    return name, value.strip(b" \t")


def _fold(
    pairs: list[tuple[bytes, bytes]], line: bytes, offset: int, profile: Profile
) -> None:
    """Join a continuation line to the header before it (RFC 5322 section 2.2.3)."""
    if not pairs or not profile.folding or BREAKS.search(line):
        raise MalformedMultipart(
            "a part header line begins with white space",
            code="header-folding",
            offset=offset,
        )
    name, value = pairs[-1]
    pairs[-1] = (name, (value + b" " + line.strip(b" \t")).strip(b" "))


def _tolerated(raw: RawPairs, profile: Profile) -> list[Anomaly]:
    """What is wrong with headers that name and filename are read from.

    In forms it is an error. Elsewhere it is recorded, the first header of a
    name is read, and parameters that make no sense are left out.
    """
    problems = list(_problems(raw, profile))
    if problems and profile.strict_headers:
        raise problems[0]
    codes = dict.fromkeys(problem.code for problem in problems)
    return [Anomaly(code, 0) for code in codes]


def _problems(raw: RawPairs, profile: Profile) -> Iterator[MalformedMultipart]:
    values: dict[bytes, list[bytes]] = {b"content-disposition": [], b"content-type": []}
    for name, value in raw:
        values.get(name.lower(), []).append(value)
    for name, found in values.items():
        if len(found) > 1:
            message = f"a part has two {name.decode()} headers"
            yield MalformedMultipart(message, code="duplicate-header")
    if profile.strict_headers and not values[b"content-disposition"]:
        message = "a part has no content-disposition header"
        yield MalformedMultipart(message, code="no-disposition")
    yield from _bad_parameters(values, profile)


def _bad_parameters(
    values: dict[bytes, list[bytes]], profile: Profile
) -> Iterator[MalformedMultipart]:
    try:
        for value in values[b"content-disposition"][:1]:
            parse_content_disposition(value, profile=profile)
        for value in values[b"content-type"][:1]:
            parse_content_type(value)
    except MalformedMultipart as problem:
        yield MalformedMultipart(problem.message, code=problem.code)
