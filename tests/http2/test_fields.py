"""What fields may be, where h2 would not even let a bad one come so far."""

from __future__ import annotations

import pytest

from txmultipart.http2.errors import MalformedMessage
from txmultipart.http2.fields import Field, answer_head, request_head

PUT: list[Field] = [
    (b":method", b"PUT"),
    (b":scheme", b"https"),
    (b":authority", b"[::1]:8080"),
    (b":path", b'/a%20b?c="d"'),
]


def test_a_request() -> None:
    more = [(b"cookie", b"a=1"), (b"content-length", b"12"), (b"cookie", b"b=2")]
    head = request_head([*PUT, *more], ended=False)
    assert (head.method, head.target, head.length) == (b"PUT", PUT[3][1], 12)
    assert head.fields == [
        (b"host", b"[::1]:8080"),
        (b"content-length", b"12"),
        (b"cookie", b"a=1; b=2"),
    ]


@pytest.mark.parametrize("ended", [True, False])
def test_no_length(ended: bool) -> None:
    assert request_head(PUT, ended=ended).length == (0 if ended else None)


@pytest.mark.parametrize("values", [[b"x"], [b""], [b"1", b"2"], [b"9" * 20]])
def test_a_length_that_is_none(values: list[bytes]) -> None:
    fields = [(b"content-length", value) for value in values]
    with pytest.raises(MalformedMessage):
        request_head([*PUT, *fields], ended=False)


def test_a_length_that_is_said_twice() -> None:
    fields = [(b"content-length", b"7")] * 2
    assert request_head([*PUT, *fields], ended=False).length == 7


@pytest.mark.parametrize("authority", [b"a.test", b"a.test:1", b"1.2.3.4", b"[::1]"])
def test_a_host_alone(authority: bytes) -> None:
    head = request_head([*PUT[:2], PUT[3], (b"host", authority)], ended=True)
    assert head.fields == [(b"host", authority)]


@pytest.mark.parametrize("value", [b"", b"a", b"a b", b"a\tb", b"\xff", b"a:b;c,d"])
def test_values(value: bytes) -> None:
    assert request_head([*PUT, (b"x", value)], ended=True).fields[1:] == [(b"x", value)]


@pytest.mark.parametrize(
    "status", [b"100", b"101", b"099", b"600", b"20", b"200 OK", b""]
)
def test_a_status_that_is_none(status: bytes) -> None:
    with pytest.raises(ValueError, match="is no status"):
        answer_head(status, [])


@pytest.mark.parametrize(
    "field", [(b"X Y", b""), (b"", b""), (b":x", b""), (b"x", b"a\nb"), (b"x", b"a\0b")]
)
def test_a_field_of_an_answer_that_cannot_be_sent(field: Field) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        answer_head(b"200", [field])


def test_an_answer() -> None:
    fields = [(b"X-Mine", b" v "), (b"Transfer-Encoding", b"chunked")]
    assert answer_head(b"200", fields) == [(b":status", b"200"), (b"x-mine", b"v")]
