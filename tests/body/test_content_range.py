"""Content-Range: the ranges of multipart/byteranges, and what is none."""

from __future__ import annotations

import pytest

from tests.body.doubles import next_of, value_of
from txmultipart.body.content_range import ContentRange, parse_content_range
from txmultipart.body.reader import MultipartReader
from txmultipart.errors import MalformedMultipart

RANGES = {
    "bytes 0-499/1234": ContentRange(0, 499, 1234),
    "bytes 734-1233/1234": ContentRange(734, 1233, 1234),
    "Bytes 42-42/*": ContentRange(42, 42, None),
    " bytes\t0-0/1 ": ContentRange(0, 0, 1),
}


@pytest.mark.parametrize(("value", "expected"), RANGES.items())
def test_a_range(value: str, expected: ContentRange) -> None:
    found = parse_content_range(value)
    assert found == expected
    assert len(found) == expected.last - expected.first + 1


@pytest.mark.parametrize(
    "value",
    [
        "",
        "bytes",
        "bytes */1234",
        "bytes 0-9",
        "bytes 9-0/10",
        "bytes 0-9/9",
        "bytes -5/10",
        "bytes=0-9/10",
        "items 0-9/10",
        "bytes 0-9/10, bytes 20-29/30",
        f"bytes 0-9/{'9' * 5000}",
        "bytes ٠-٩/10",
    ],
)
def test_what_is_none(value: str) -> None:
    with pytest.raises(MalformedMultipart) as caught:
        parse_content_range(value)
    assert caught.value.code == "bad-content-range"


def test_the_parts_of_an_answer_say_where_they_belong() -> None:
    reader = MultipartReader("multipart/byteranges; boundary=b")
    reader.write(b"\r\n--b\r\nContent-range: bytes 2-4/9\r\n\r\ncde\r\n--b\r\n\r\n")
    part = next_of(reader)
    assert part.content_range == ContentRange(2, 4, 9)
    assert value_of(part.read()) == b"cde"
    assert next_of(reader).content_range is None
