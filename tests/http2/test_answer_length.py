"""An answer that is not as long as it says must not pass for a whole one."""

from __future__ import annotations

import pytest

from tests.guard import LoggedErrors
from tests.http2.client import Client
from tests.http2.resources import Writer
from txmultipart.http2.answer_length import AnswerLength

INTERNAL = 2


def begin(method: str = "GET", code: int = 200, length: bytes | None = b"5") -> Client:
    client = Client(Writer(), window=1 << 20)
    client.request(method, "/")
    request = client.site.resource.requests[0]
    request.setResponseCode(code)
    if length is not None:
        request.setHeader(b"Content-Length", length)
    return client


@pytest.mark.parametrize("pieces", [[b"12345"], [b"123", b"", b"45"]])
def test_as_long_as_it_says(pieces: list[bytes]) -> None:
    client = begin()
    request = client.site.resource.requests[0]
    for piece in pieces:
        request.write(piece)
    request.finish()
    answer = client.settle().answers[1]
    assert (answer.body, answer.ended, answer.reset) == (b"12345", True, None)


@pytest.mark.parametrize(
    ("length", "pieces"),
    [(b"5", [b"123456"]), (b"5", [b"123", b"45", b"6"]), (b"0", [b"1"])],
)
def test_too_long(length: bytes, pieces: list[bytes]) -> None:
    client = begin(length=length)
    request = client.site.resource.requests[0]
    for piece in pieces:
        request.write(piece)
    answer = client.settle().answers[1]
    assert (answer.ended, answer.reset) == (False, INTERNAL)
    assert len(answer.body) <= 5
    (end,) = client.site.resource.ends
    assert end.value.error_code == INTERNAL
    request.write(b"more")
    assert client.code is None
    client.lose()


@pytest.mark.parametrize("body", [b"", b"1234"])
def test_too_short(body: bytes) -> None:
    client = begin()
    request = client.site.resource.requests[0]
    request.write(body)
    request.finish()
    answer = client.settle().answers[1]
    assert (answer.ended, answer.reset) == (False, INTERNAL)
    assert client.request() == 3
    client.lose()


@pytest.mark.parametrize(
    ("method", "code"), [("HEAD", 200), ("GET", 304), ("HEAD", 404)]
)
def test_a_length_without_a_body(method: str, code: int) -> None:
    client = begin(method, code)
    client.site.resource.requests[0].finish()
    answer = client.settle().answers[1]
    assert (answer.body, answer.ended, answer.reset) == (b"", True, None)
    assert answer.headers["content-length"] == "5"


def test_no_content_has_no_length() -> None:
    client = begin("GET", 204)
    client.site.resource.requests[0].finish()
    answer = client.settle().answers[1]
    assert (answer.status, answer.ended) == (204, True)
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("length", [b"x", b"-1", b"1, 1", b""])
def test_a_length_that_is_none(length: bytes, logged_errors: LoggedErrors) -> None:
    client = begin(length=length)
    client.site.resource.requests[0].write(b"x")
    assert client.settle().answers[1].reset == INTERNAL
    assert client.answers[1].heads == []
    assert len(logged_errors.flush(ValueError)) == 1


def test_the_same_length_twice_is_one() -> None:
    name = b"content-length"
    length = AnswerLength([(name, b"3"), (name, b"3")])
    assert length.takes(3)
    assert length.is_whole
    with pytest.raises(ValueError, match="Content-Length"):
        AnswerLength([(name, b"3"), (name, b"4")])
