"""The headers of a payload, which people change: nothing is altered in silence."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.web.http_headers import Headers

from tests.body.doubles import value_of
from txmultipart.body.checked_headers import CheckedHeaders, header_pairs
from txmultipart.body.mixed_replace import MixedReplaceWriter
from txmultipart.body.payloads import payload_of
from txmultipart.body.writer import MultipartWriter
from txmultipart.errors import MisuseError

BAD: dict[str, tuple[Any, Any]] = {
    "CR": ("X", "a\rb"),
    "LF": ("X", "a\nB: c"),
    "CR LF": ("X", b"a\r\nB: c"),
    "NUL": ("X", "a\0"),
    "a lone surrogate": ("X", "\udcff"),
    "a number": ("X", 5),
    "a name that is none": ("X: y", "a"),
    "a name that breaks out": ("X\r\nY", "a"),
}


@pytest.mark.parametrize(("name", "value"), BAD.values(), ids=BAD)
def test_what_would_be_altered_is_refused(name: Any, value: Any) -> None:
    headers = payload_of(b"").headers
    before = list(headers.getAllRawHeaders())
    for change in (
        lambda: headers.setRawHeaders(name, [value]),
        lambda: headers.setRawHeaders(name, ["good", value]),
        lambda: headers.addRawHeader(name, value),
    ):
        with pytest.raises(MisuseError) as caught:
            change()
        assert caught.value.code == "bad-header"
    assert list(headers.getAllRawHeaders()) == before


def test_a_name_is_looked_at_without_values_too() -> None:
    with pytest.raises(MisuseError):
        CheckedHeaders().setRawHeaders("X: y", [])


def test_otherwise_it_is_as_twisteds() -> None:
    ours, theirs = CheckedHeaders({"a": ["1"]}), Headers({"a": ["1"]})
    for headers in (ours, theirs):
        headers.setRawHeaders(b"X", iter(["ž", b"2"]))  # type: ignore[arg-type]
        headers.addRawHeader("x", "3")
        headers.removeHeader("A")
    assert list(ours.getAllRawHeaders()) == list(theirs.getAllRawHeaders())
    assert isinstance(ours.copy(), CheckedHeaders)
    assert list(ours.copy().getAllRawHeaders()) == list(ours.getAllRawHeaders())


def test_what_headers_may_be_given_as() -> None:
    assert header_pairs(None) == ()
    assert header_pairs({"a": "b"}) == {"a": "b"}
    assert header_pairs(Headers({"A": ["1", "2"]})) == [(b"A", b"1"), (b"A", b"2")]
    frames = MixedReplaceWriter("b", headers=Headers({"X": ["y"]}), early_headers=False)
    frames.finish(b"1")
    writer = MultipartWriter()
    writer.append(frames)
    assert b"\r\nX: y\r\n" in value_of(writer.as_bytes())
