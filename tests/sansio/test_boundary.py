"""Boundaries: made, declared by a peer, given by a caller, written in a header."""

from __future__ import annotations

import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from txmultipart.errors import LimitExceeded, MisuseError, NotMultipart
from txmultipart.limits import Limits
from txmultipart.sansio import (
    MultipartParser,
    MultipartSerializer,
    make_boundary,
    parse_content_type,
)
from txmultipart.sansio.boundary import (
    boundary_parameter,
    declared_boundary,
    validated_boundary,
)

BCHARS = string.ascii_letters + string.digits + "'()+_,-./:=? "


def test_a_made_boundary_is_random_and_needs_no_quotes() -> None:
    made = {make_boundary() for _ in range(100)}
    assert len(made) == 100
    for boundary in made:
        assert len(bytes.fromhex(boundary.removeprefix("txm-"))) * 8 >= 122
        assert validated_boundary(boundary) == boundary
        assert boundary_parameter(boundary) == f"boundary={boundary}"


@pytest.mark.parametrize(
    "value",
    ["B", "-", "=_" * 35, "gc0pJq0M:08jU534c0p", "with space", "$!#", "x" * 200, "~"],
)
def test_a_peer_may_declare(value: str) -> None:
    assert declared_boundary(value, Limits()) == value.encode()
    assert declared_boundary(value.encode(), Limits()) == value.encode()


@pytest.mark.parametrize(
    "value",
    ["", "a\rb", "a\nb", "a\0b", "a\tb", "\x7f", "ü", "\udcff", b"\xff", b""],
    ids=ascii,
)
def test_a_peer_may_not_declare(value: str | bytes) -> None:
    with pytest.raises(NotMultipart) as caught:
        declared_boundary(value, Limits())
    assert caught.value.code == "bad-boundary"
    assert caught.value.http_status == 415


def test_a_long_boundary_passes_a_bound() -> None:
    with pytest.raises(LimitExceeded) as caught:
        declared_boundary("x" * 201, Limits())
    assert caught.value.limit == "max_boundary_length"
    assert caught.value.bound == 200
    assert caught.value.http_status == 413


@pytest.mark.parametrize("value", ["B", "x" * 70, BCHARS[52:] + "x", "a b"])
def test_a_caller_may_give(value: str) -> None:
    assert validated_boundary(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "x" * 71,
        "x ",
        " ",
        "ü",
        "a\r\nb",
        "a\nb",
        "a\0",
        "a\n",
        'a"b',
        "a$b",
        "\udcff",
    ],
    ids=ascii,
)
def test_a_caller_may_not_give(value: str) -> None:
    with pytest.raises(MisuseError) as caught:
        validated_boundary(value)
    assert caught.value.code == "bad-boundary"


@pytest.mark.parametrize("value", [0, 5, ["B"], ()], ids=repr)
@pytest.mark.parametrize("take", [MultipartSerializer, MultipartParser])
def test_it_is_text_or_bytes(take: Callable[[Any], object], value: Any) -> None:
    with pytest.raises(MisuseError) as caught:
        take(value)
    kind = type(value).__name__
    assert str(caught.value) == f"a boundary is str or bytes, not {kind}"


@pytest.mark.parametrize("kind", [str, str.encode, lambda v: bytearray(v.encode())])
def test_of_any_kind(kind: Callable[[str], Any]) -> None:
    assert declared_boundary(kind("B"), Limits()) == b"B"
    assert validated_boundary(kind("B")) == "B"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("abc-123", "boundary=abc-123"),
        ("a b", 'boundary="a b"'),
        ("a:b", 'boundary="a:b"'),
        ("a=b", 'boundary="a=b"'),
        ("a/b", 'boundary="a/b"'),
        ("a'b+c", "boundary=a'b+c"),
    ],
)
def test_it_is_quoted_only_where_it_must_be(value: str, written: str) -> None:
    assert boundary_parameter(value) == written


@given(st.text(BCHARS, min_size=1, max_size=70).filter(lambda v: not v.endswith(" ")))
def test_what_is_written_is_what_is_read(value: str) -> None:
    header = "multipart/mixed; " + boundary_parameter(validated_boundary(value))
    assert parse_content_type(header) == ("multipart/mixed", {"boundary": value})
    assert declared_boundary(value, Limits()) == value.encode()
