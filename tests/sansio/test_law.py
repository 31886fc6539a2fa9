"""The law: what comes out is a function of the bytes alone, never of how they were cut.

That goes for the events (adjacent pieces of content joined), the events before an
error, the error with its code and offset, and the record of what was tolerated.
``runs.run`` checks two more things each time: what a parser holds between two calls
stays within its bound, and the text of an error is one that tells nothing of the input.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sansio.bodies import BODIES, GENERATED, LIMITS, TINY, Body
from tests.sansio.corpus import CORPUS
from tests.sansio.runs import DEFAULTS, PROFILES, bytewise, cut, halves, run, whole
from txmultipart.limits import Limits
from txmultipart.sansio import FORM_DATA, MIME, REPLACE, Profile

each_body = pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
each_profile = pytest.mark.parametrize("profile", PROFILES, ids=lambda p: p.name)
each_recording = pytest.mark.parametrize("name", CORPUS)
many = settings(max_examples=1500, deadline=None)

#: Up to this length a body is cut at every place, beyond it near its line breaks.
SHORT = 1500


def every_half(data: bytes) -> list[list[bytes]]:
    """Every way to cut a short body in two, or those near line breaks of a long one."""
    if len(data) <= SHORT:
        return list(halves(data))
    near = {
        i + d for i, byte in enumerate(data) if byte in b"\r\n" for d in range(-2, 3)
    }
    near.update(range(len(data) - 60, len(data)))
    return [cut(data, [place]) for place in sorted(near) if place > 0]


def check(body: Body, profile: Profile, bounds: Limits) -> None:
    expected = whole(body.data, body.boundary, profile, bounds)
    for chunks in (bytewise(body.data), *every_half(body.data)):
        assert run(chunks, body.boundary, profile, bounds) == expected


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(PROFILES),
    st.sets(st.sampled_from([field.name for field in fields(Profile)][1:])),
    GENERATED,
)
def test_any_cut_of_a_body_for_any_set_of_rules(
    profile: Profile, turned: set[str], body: Body
) -> None:
    flags: dict[str, Any] = {name: not getattr(profile, name) for name in turned}
    if flags.get("endless", profile.endless):
        flags |= {"surroundings": True, "loose_ends": True}
    made = replace(profile, **flags)
    expected = whole(body.data, body.boundary, made)
    assert run(bytewise(body.data), body.boundary, made) == expected


@each_profile
@each_body
def test_any_cut_of_a_body(body: Body, profile: Profile) -> None:
    check(body, profile, DEFAULTS)


@each_profile
@each_body
def test_any_cut_of_a_body_that_passes_a_bound(body: Body, profile: Profile) -> None:
    for bounds in TINY.values():
        check(body, profile, bounds)


@each_profile
@each_body
def test_any_end_of_a_body(body: Body, profile: Profile) -> None:
    for end in range(min(len(body.data), 400)):
        data = body.data[:end]
        expected = whole(data, body.boundary, profile)
        assert run(bytewise(data), body.boundary, profile) == expected


@each_profile
@each_recording
def test_any_cut_of_what_real_programs_send(name: str, profile: Profile) -> None:
    sent = CORPUS[name]
    if sent.boundary or profile is REPLACE:
        check(Body(sent.body, sent.boundary), profile, DEFAULTS)


@each_recording
def test_any_cut_of_what_real_programs_send_that_passes_a_bound(name: str) -> None:
    sent = CORPUS[name]
    for bounds in TINY.values():
        check(Body(sent.body, sent.boundary), sent.profile, bounds)


@many
@given(
    GENERATED,
    st.sampled_from(PROFILES),
    LIMITS,
    st.lists(st.lists(st.integers(0, 900), max_size=6), min_size=1, max_size=6),
)
def test_any_cut_of_any_body(
    body: Body, profile: Profile, bounds: Limits, cuts: list[list[int]]
) -> None:
    expected = whole(body.data, body.boundary, profile, bounds)
    assert run(bytewise(body.data), body.boundary, profile, bounds) == expected
    for places in cuts:
        chunks = cut(body.data, places)
        assert run(chunks, body.boundary, profile, bounds) == expected


@many
@given(GENERATED, st.sampled_from([b"", b"--B", b"--"]), LIMITS)
def test_any_cut_where_the_boundary_is_guessed(
    body: Body, boundary: bytes, bounds: Limits
) -> None:
    expected = whole(body.data, boundary, REPLACE, bounds)
    assert run(bytewise(body.data), boundary, REPLACE, bounds) == expected


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(PROFILES), st.integers(0, 300))
def test_any_cut_of_noise_in_a_part(noise: bytes, profile: Profile, place: int) -> None:
    head = b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
    data = head + noise + b"\r\n--B--\r\n"
    expected = whole(data, profile=profile)
    assert run(cut(data, [len(head) + place]), profile=profile) == expected
    assert run(bytewise(data), profile=profile) == expected


@pytest.mark.parametrize("profile", [FORM_DATA, MIME], ids=lambda p: p.name)
def test_empty_chunks_change_nothing(profile: Profile) -> None:
    body = BODIES["plain"].data
    spread = [piece for byte in bytewise(body) for piece in (b"", byte, b"")]
    assert run(spread, profile=profile) == whole(body, profile=profile)


def test_a_body_may_come_as_any_kind_of_bytes() -> None:
    body = BODIES["plain"].data
    chunks = [bytearray(body[:50]), memoryview(body)[50:]]
    assert run(chunks) == whole(body)  # type: ignore[arg-type]
