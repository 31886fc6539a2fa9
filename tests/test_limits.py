"""Limits: all on by default, fixed once made, and nothing but whole numbers."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from txmultipart.errors import HEADER_LIMITS
from txmultipart.limits import ENDLESS, UNLIMITED, Limits

NAMES = [field.name for field in dataclasses.fields(Limits)]
each_name = pytest.mark.parametrize("name", NAMES)


@each_name
def test_a_bound_is_on_by_default(name: str) -> None:
    assert 0 < getattr(Limits(), name) < UNLIMITED


@each_name
@pytest.mark.parametrize("value", [0, 1, UNLIMITED], ids=["0", "1", "unlimited"])
def test_a_bound_may_be(name: str, value: int) -> None:
    assert getattr(Limits(**{name: value}), name) == value


@each_name
@pytest.mark.parametrize("value", [-1, 1.5, "1", None])
def test_a_bound_may_not_be(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be a whole number, 0 or more$"):
        Limits(**{name: value})


def test_the_bounds_on_headers_are_bounds() -> None:
    assert set(NAMES) >= HEADER_LIMITS


def test_limits_are_fixed_but_variants_are_easy() -> None:
    limits = Limits()
    with pytest.raises(dataclasses.FrozenInstanceError):
        limits.max_parts = 5  # type: ignore[misc]
    variant = dataclasses.replace(limits, max_parts=5)
    assert (limits.max_parts, variant.max_parts) == (1000, 5)
    assert variant == Limits(max_parts=5) != limits
    assert len({variant, Limits(max_parts=5)}) == 1


@each_name
def test_of_two_the_smaller_bounds_count(name: str) -> None:
    first = Limits(**{name: 5})
    for bound, smaller in ((3, 3), (9, 5)):
        second = Limits(**{name: bound})
        narrowed = first.narrowed(second)
        assert getattr(narrowed, name) == smaller
        assert narrowed == second.narrowed(first)
    assert Limits(max_parts=2).narrowed(first).max_parts == 2


def test_without_an_end_the_bounds_on_the_whole_go() -> None:
    limits = Limits(max_part_size=5, max_parts=6)
    gone = {"max_parts", "max_body_size", "max_total_header_bytes"}
    for name in NAMES:
        bound = getattr(limits.endless(), name)
        assert bound == (UNLIMITED if name in gone else getattr(limits, name))
    assert Limits().endless() == ENDLESS


def test_bounds_are_given_by_name() -> None:
    with pytest.raises(TypeError):
        Limits(5)  # type: ignore[call-arg]
