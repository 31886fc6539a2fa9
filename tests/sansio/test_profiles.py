"""What each profile tolerates, and what it says of it.

One row is one departure from the plainest body. For each profile it tells what comes
of it: the contents of the parts and the anomalies with their offsets, or the error
with its code and offset.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import copy, deepcopy
from dataclasses import replace
from typing import Any, NamedTuple

import pytest

from tests.sansio.runs import PROFILES, whole
from txmultipart.sansio import FORM_DATA, MIME, REPLACE, Anomaly, Profile
from txmultipart.sansio.profiles import profile_for

HEAD = b"Content-Disposition: form-data; name=a"
REST = HEAD + b"\r\n\r\nx\r\n--B--\r\n"
PART = b"--B\r\n" + REST


class Taken(NamedTuple):
    """The body is taken: what is in its parts, and what had to be tolerated."""

    contents: list[bytes]
    anomalies: tuple[tuple[str, int], ...] = ()


class Refused(NamedTuple):
    """The body is refused: the error, and where."""

    code: str
    offset: int


Result = Taken | Refused
X = Taken([b"x"])


def noted(code: str, offset: int, *contents: bytes) -> Taken:
    return Taken(list(contents) or [b"x"], ((code, offset),))


#: What it is, the body, and what the profiles make of it: one result for all, or
#: one for forms and one for the others, or one for each.
ROWS: dict[str, tuple[bytes, tuple[Result, ...]]] = {
    "nothing to tolerate": (PART, (X,)),
    "no part": (b"--B--\r\n", (Taken([]),)),
    "no CRLF at the end": (PART[:-2], (X,)),
    "a CRLF before": (b"\r\n" + PART, (X,)),
    "more CRLFs before": (b"\r\n\r\n" + PART, (X,)),
    "CRLFs behind": (PART + b"\r\n\r\n", (X,)),
    "an empty part without its CRLF": (
        b"--B\r\n" + HEAD + b"\r\n\r\n--B--\r\n",
        (Taken([b""]),),
    ),
    "text before": (
        b"pre\r\n" + PART,
        (Refused("preamble", 0), noted("preamble", 5)),
    ),
    "text before, behind a CRLF": (
        b"\r\npre\r\n" + PART,
        (Refused("preamble", 2), noted("preamble", 7)),
    ),
    "an LF before": (b"\n" + PART, (Refused("preamble", 0), X)),
    "text behind": (
        PART + b"post",
        (Refused("epilogue", len(PART)), noted("epilogue", len(PART))),
    ),
    "text right behind": (
        PART[:-2] + b"x",
        (Refused("epilogue", len(PART) - 2), noted("epilogue", len(PART) - 2)),
    ),
    "padding of the first delimiter": (
        b"--B \t\r\n" + REST,
        (Refused("preamble", 0), X),
    ),
    "padding of another delimiter": (
        PART[:-4] + b" \r\n" + REST,
        (
            noted("boundary-prefix", 47, b"x\r\n--B \r\n" + REST[:-9]),
            Taken([b"x", b"x"]),
        ),
    ),
    "bare LF throughout": (
        PART.replace(b"\r\n", b"\n"),
        (Refused("bare-lf", 0), noted("bare-lf", 0)),
    ),
    "bare LF in the first delimiter alone": (
        b"--B\n" + REST,
        (Refused("bare-lf", 0), Refused("bad-header", 4)),
    ),
    "bare LF before a delimiter": (
        b"--B\r\n" + HEAD + b"\r\n\r\nx\n--B\r\nC: d\r\n\r\ny\r\n--B--",
        (Taken([b"x\n--B\r\nC: d\r\n\r\ny"]),),
    ),
    "bare CR before a delimiter": (
        b"--B\r\n" + HEAD + b"\r\n\r\nx\r--B\r\n\r\ny\r\n--B--",
        (Taken([b"x\r--B\r\n\r\ny"]),),
    ),
    "bare LF in a header": (
        b"--B\r\n" + HEAD + b"\nA: b\r\n\r\nx\r\n--B--",
        (Refused("bad-header", 5),),
    ),
    "a folded header": (
        b"--B\r\n" + HEAD + b";\r\n b=c\r\n\r\nx\r\n--B--",
        (Refused("header-folding", 46), noted("header-folding", 46)),
    ),
    "no blank line behind the headers": (
        b"--B\r\n" + HEAD + b"\r\n" + PART,
        (Refused("bad-header", 45), Taken([b"", b"x"])),
    ),
    "no blank line before the end": (
        b"--B\r\n" + HEAD + b"\r\n--B--\r\n",
        (Refused("truncated", 52), Taken([b""])),
    ),
    "a part without headers": (
        b"--B\r\n\r\nx\r\n--B--",
        (Refused("no-disposition", 5), X),
    ),
    "no disposition": (
        b"--B\r\nA: b\r\n\r\nx\r\n--B--",
        (Refused("no-disposition", 5), X),
    ),
    "two dispositions": (
        b"--B\r\n" + HEAD + b"\r\n" + REST,
        (Refused("duplicate-header", 5), noted("duplicate-header", 5)),
    ),
    "two types": (
        b"--B\r\nContent-Type: a/b\r\nContent-Type: c/d\r\n" + REST,
        (Refused("duplicate-header", 5), noted("duplicate-header", 5)),
    ),
    "two dispositions, the second malformed": (
        b"--B\r\n" + HEAD + b"\r\nContent-Disposition: x; y\r\n\r\nx\r\n--B--",
        (Refused("duplicate-header", 5), noted("duplicate-header", 5)),
    ),
    "a line that begins like a delimiter": (
        PART[:-9] + b"\r\n--Bx\r\n--B--",
        (noted("boundary-prefix", 47, b"x\r\n--Bx"),),
    ),
    "the boundary amid a line": (PART[:-9] + b"--B\r\n--B--", (Taken([b"x--B"]),)),
    "no close delimiter": (PART[:-9], (Refused("truncated", 48),)),
    "half a close delimiter": (PART[:-5], (Refused("truncated", 52),)),
    "no final dashes": (
        PART[:-4],
        (Refused("truncated", 53), noted("no-close-delimiter", 53)),
    ),
    "no final dashes, but a line break": (
        PART[:-4] + b"\r\n",
        (Refused("truncated", 55), noted("no-close-delimiter", 55)),
    ),
    "no final dashes, but two line breaks": (
        PART[:-4] + b"\r\n\r\n",
        (Refused("no-disposition", 55), Refused("truncated", 57)),
    ),
    "no final dashes, but padding": (
        PART[:-4] + b" \t",
        (Refused("truncated", 55), noted("no-close-delimiter", 55)),
    ),
    "one final dash": (PART[:-3], (Refused("truncated", 54),)),
    "a prefix, and no final dashes": (
        PART[:-9] + b"\r\n--Bx\r\n--B",
        (
            Refused("truncated", 59),
            Taken(
                [b"x\r\n--Bx"], (("boundary-prefix", 47), ("no-close-delimiter", 59))
            ),
        ),
    ),
    "nothing but a delimiter": (
        b"--B\r\n",
        (Refused("truncated", 5), noted("no-close-delimiter", 5)._replace(contents=[])),
    ),
    "half of a delimiter": (b"--B", (Refused("truncated", 3),)),
    "nothing": (b"", (Refused("truncated", 0),)),
    # What only endless bodies do: what is a counted part there is plain elsewhere.
    "no first delimiter": (
        REST,
        (
            Refused("preamble", 0),
            Taken([], (("preamble", 45),)),
            noted("no-first-delimiter", 0),
        ),
    ),
    "headers first": (
        b"A: b\r\n\r\nx\r\n--B--",
        (
            Refused("preamble", 0),
            Taken([], (("preamble", 11),)),
            noted("no-first-delimiter", 0),
        ),
    ),
    "a length": (
        b"--B\r\n" + HEAD + b"\r\nContent-Length: 7\r\n\r\n\r\n--B\r\n\r\n--B--",
        (Refused("no-disposition", 73), Taken([b"", b""]), Taken([b"\r\n--B\r\n"])),
    ),
    "a length of nothing": (
        b"--B\r\n" + HEAD + b"\r\nContent-Length: 0\r\n\r\n--B--",
        (Taken([b""]),),
    ),
    "a length, and no close delimiter": (
        b"--B\r\n" + HEAD + b"\r\nContent-Length: 1\r\n\r\nx\r\n--",
        (
            Refused("truncated", 71),
            Refused("truncated", 71),
            noted("no-close-delimiter", 71),
        ),
    ),
    "a length that is not reached": (
        b"--B\r\n" + HEAD + b"\r\nContent-Length: 9\r\n\r\nx\r\n--B--",
        (X, X, Refused("truncated", 74)),
    ),
}

ALL = [
    pytest.param(
        body,
        profile,
        results[min(index, len(results) - 1)],
        id=f"{what}, {profile.name}",
    )
    for what, (body, results) in ROWS.items()
    for index, profile in enumerate(PROFILES)
]


@pytest.mark.parametrize(("body", "profile", "result"), ALL)
def test_one_departure(body: bytes, profile: Profile, result: Result) -> None:
    outcome = whole(body, profile=profile)
    if isinstance(result, Refused):
        assert outcome.problem is not None
        assert (outcome.code, outcome.problem.offset) == result
        assert outcome.problem.http_status == 400
    else:
        assert outcome.problem is None
        assert outcome.contents == result.contents
        assert outcome.events[-1] == "EndOfMultipart"
        assert outcome.anomalies == tuple(Anomaly(*a) for a in result.anomalies)


#: The boundary that was declared, the body, and what is in its parts.
CAMERAS: dict[str, tuple[bytes, bytes, Result]] = {
    "declared with its dashes": (
        b"--B",
        b"--B\r\n\r\nx\r\n--B\r\n\r\ny\r\n--B--",
        Taken([b"x", b"y"]),
    ),
    "declared with its dashes, and counted": (
        b"--B",
        b"--B\r\nContent-Length: 1\r\n\r\nx\r\n--B\r\nContent-Length:   1\r\n\r\ny--B--",
        Taken([b"x", b"y"]),
    ),
    "with dashes in the body as well": (
        b"--B",
        b"----B\r\n\r\nx\r\n--B\r\n----B--",
        Taken([b"x\r\n--B"]),
    ),
    "not declared": (
        b"",
        b"--B\r\n\r\nx\r\n--B\r\n\r\ny\r\n--B--",
        Taken([b"x", b"y"]),
    ),
    "not declared, and counted": (
        b"",
        b"--B\r\nContent-Length: 1\r\n\r\nx\r\n--C\r\n--B\r\n\r\ny\r\n--B--\r\n",
        Taken([b"x", b"y"], (("preamble", 34),)),
    ),
    "not declared, and not usable": (b"", b"--\xff\r\n", Refused("bad-boundary", 0)),
    "not declared, and never there": (b"", b"A: b\r\n\r\n", Refused("truncated", 8)),
    "no CRLF between a counted part and its delimiter": (
        b"B",
        b"--B\r\nContent-Length: 1\r\n\r\nx--B\r\nContent-Length: 1\r\n\r\ny",
        noted("no-close-delimiter", 54, b"x", b"y"),
    ),
    "bare LF": (
        b"B",
        b"--B\nContent-Length: 1\n\nx\n--B\n\ny\n--B--",
        Taken([b"x", b"y"], (("bare-lf", 0), ("bare-lf", 25))),
    ),
    "junk behind a counted part": (
        b"B",
        b"--B\r\nContent-Length: 1\r\n\r\nx junk\r\n--B\r\n\r\ny\r\n--B--",
        Taken([b"x", b"y"], (("preamble", 34),)),
    ),
    "no delimiter behind a counted part": (
        b"B",
        b"--B\r\nContent-Length: 1\r\n\r\nx\r\nA: b\r\n\r\ny\r\n--B--",
        Taken([b"x", b"y"], (("no-first-delimiter", 29),)),
    ),
    "an end behind a counted part": (
        b"B",
        b"--B\r\nContent-Length: 1\r\n\r\nx",
        noted("no-close-delimiter", 27),
    ),
}


@pytest.mark.parametrize(("boundary", "body", "result"), CAMERAS.values(), ids=CAMERAS)
def test_a_camera(boundary: bytes, body: bytes, result: Result) -> None:
    outcome = whole(body, boundary, REPLACE)
    if isinstance(result, Refused):
        assert outcome.problem is not None
        assert (outcome.code, outcome.problem.offset) == result
    else:
        assert outcome.problem is None
        assert outcome.contents == result.contents
        assert outcome.anomalies == tuple(Anomaly(*a) for a in result.anomalies)


@pytest.mark.parametrize(
    ("content_type", "profile"),
    [
        ("multipart/form-data", FORM_DATA),
        ("multipart/x-mixed-replace", REPLACE),
        ("multipart/mixed", MIME),
        ("multipart/related", MIME),
        ("multipart/byteranges", MIME),
        ("multipart/anything", MIME),
    ],
)
def test_a_type_has_a_profile(content_type: str, profile: Profile) -> None:
    assert profile_for(content_type) is profile


def test_profiles_are_told_apart_by_identity() -> None:
    assert len({FORM_DATA, MIME, REPLACE}) == 3
    assert FORM_DATA != MIME


def test_an_endless_body_needs_the_rules_that_belong_to_it() -> None:
    for rule in ("surroundings", "loose_ends"):
        broken: dict[str, Any] = {rule: False}
        with pytest.raises(ValueError, match="endless"):
            replace(REPLACE, **broken)


COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy,
    "deepcopy": deepcopy,
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
    "old pickle": lambda thing: pickle.loads(pickle.dumps(thing, protocol=0)),
}
each_copy = pytest.mark.parametrize("how", COPIES.values(), ids=COPIES.keys())


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
@each_copy
def test_there_is_one_of_each(how: Callable[[Any], Any], profile: Profile) -> None:
    assert how(profile) is profile


@each_copy
def test_one_of_ones_own_can_be_copied(how: Callable[[Any], Any]) -> None:
    own = replace(MIME, name="own", bare_lf=False)
    copied = how(own)
    assert isinstance(copied, Profile)
    assert copied is not own
    assert repr(copied) == repr(own)
