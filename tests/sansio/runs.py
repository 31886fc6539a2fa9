"""Run a parser over chunks, and say all that can be known of what came of it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from types import FrameType

from txmultipart.limits import Limits
from txmultipart.sansio import (
    FORM_DATA,
    MIME,
    REPLACE,
    Anomaly,
    Event,
    MultipartError,
    MultipartParser,
    PartBegin,
    PartData,
    PartHeaders,
    Profile,
)

PROFILES = [FORM_DATA, MIME, REPLACE]
DEFAULTS = Limits()

#: Every text of an error about input. None has room for bytes of that input.
TEXTS = re.compile(
    r"""(max_[a-z_]+\ is\ \d+,\ and\ the\ input\ has\ more
    |the\ body\ ended\ (before\ the\ first\ delimiter
        |in\ the\ headers\ of\ a\ part
        |in\ a\ part,\ before\ (a\ close\ delimiter|its\ declared\ length))
    |there\ are\ bytes\ (before\ the\ first|after\ the\ close)\ delimiter
    |a\ delimiter\ line\ ends\ in\ a\ bare\ LF
    |a\ part\ header\ (line\ has\ no\ valid\ name|line\ begins\ with\ white\ space
        |holds\ CR,\ LF\ or\ NUL)
    |a\ part\ has\ (two\ content-(disposition|type)\ headers
        |no\ content-disposition\ header)
    |a\ header\ parameter\ is\ (malformed|given\ twice)
    |the\ boundary\ is\ empty\ or\ not\ ASCII
    )\ \((part\ \d+,\ )?byte\ \d+\)""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Problem:
    """An error, by everything that programs may look at."""

    kind: str
    code: str
    offset: int
    part: int
    http_status: int
    limit: str
    text: str


@dataclass(frozen=True)
class Outcome:
    """What came of one body: the events, joined; the error; what was tolerated."""

    events: tuple[object, ...]
    problem: Problem | None
    anomalies: tuple[Anomaly, ...]

    @property
    def parts(self) -> list[tuple[PartHeaders, bytes]]:
        """Headers and content of each part that was begun."""
        parts: list[tuple[PartHeaders, bytes]] = []
        for event in self.events:
            if isinstance(event, PartHeaders):
                parts.append((event, b""))
            elif isinstance(event, bytes):
                parts[-1] = (parts[-1][0], event)
        return parts

    @property
    def contents(self) -> list[bytes]:
        """The content of each part."""
        return [content for _, content in self.parts]

    @property
    def code(self) -> str:
        """The code of the error, or an empty string."""
        return self.problem.code if self.problem else ""


def run(
    chunks: Iterable[bytes],
    boundary: bytes | str = b"B",
    profile: Profile = FORM_DATA,
    limits: Limits = DEFAULTS,
) -> Outcome:
    """Feed a parser, end its input, and check on the way what must always hold."""
    parser = MultipartParser(boundary, profile=profile, limits=limits)
    events: list[Event] = []
    problem = None
    try:
        for chunk in chunks:
            events += parser.receive_data(chunk)
            assert parser.held <= parser.most_held
        events += parser.receive_eof()
    except MultipartError as error:
        events += parser.take_events()
        problem = describe(error)
    return Outcome(tuple(joined(events)), problem, tuple(parser.anomalies))


def whole(
    body: bytes,
    boundary: bytes | str = b"B",
    profile: Profile = FORM_DATA,
    limits: Limits = DEFAULTS,
) -> Outcome:
    """What comes of a body that arrives in one piece."""
    return run([body], boundary, profile, limits)


def describe(error: MultipartError) -> Problem:
    """The error as plain values; its text must be one that tells nothing of the input."""
    assert TEXTS.fullmatch(str(error)), str(error)
    return Problem(
        kind=type(error).__name__,
        code=error.code,
        offset=error.offset,
        part=error.part,
        http_status=error.http_status,
        limit=getattr(error, "limit", ""),
        text=str(error),
    )


def joined(events: Iterable[Event]) -> Iterator[object]:
    """Headers, whole contents, and the names of the other events."""
    content = b""
    for event in events:
        if isinstance(event, PartData):
            assert event.data, "a PartData event is never empty"
            content += event.data
            continue
        if content:
            yield content
        content = b""
        yield event.headers if isinstance(event, PartBegin) else type(event).__name__
    if content:
        yield content


# How a body may be cut -----------------------------------------------------------


def bytewise(body: bytes) -> list[bytes]:
    """One byte at a time."""
    return [body[i : i + 1] for i in range(len(body))]


def cut(body: bytes, places: Iterable[int]) -> list[bytes]:
    """``body`` in pieces, cut at these places, some of which may be empty."""
    edges = [0, *sorted(min(place, len(body)) for place in places), len(body)]
    return [body[a:b] for a, b in pairwise(edges)]


def halves(body: bytes) -> Iterator[list[bytes]]:
    """Every way to cut ``body`` in two."""
    for place in range(1, len(body)):
        yield [body[:place], body[place:]]


# How much work it is -------------------------------------------------------------


def calls(work: Callable[[], object]) -> int:
    """How many calls ``work`` makes, of functions in Python and in C.

    Other than its time, this is the same each time.
    """
    count = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count
