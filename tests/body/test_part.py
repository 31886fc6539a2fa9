"""BodyPart: its headers, what it can be read as, and what it may cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer

from tests.body.doubles import error_of, next_of, value_of
from txmultipart.body.delivery import BodyReader
from txmultipart.body.part import BodyPart
from txmultipart.body.reader import MultipartReader
from txmultipart.body.sinks import MemorySink
from txmultipart.errors import (
    LimitExceeded,
    MalformedMultipart,
    MisuseError,
    NotMultipart,
)
from txmultipart.interfaces import ISink
from txmultipart.limits import Limits
from txmultipart.sansio.profiles import FORM_DATA


def parts_of(
    *blocks: tuple[str, bytes], limits: Limits | None = None
) -> MultipartReader:
    """A reader of a body that is here; each block is a part's headers and content."""
    reader = MultipartReader(
        "multipart/mixed; boundary=b", limits=limits or Limits(), profile=FORM_DATA
    )
    for headers, content in blocks:
        start = "--b\r\nContent-Disposition: form-data; name=f\r\n"
        reader.write(start.encode() + headers.encode() + b"\r\n\r\n" + content)
        reader.write(b"\r\n")
    reader.write(b"--b--\r\n")
    reader.unregisterProducer()
    return reader


def part(
    content: bytes = b"", headers: str = "X: y", limits: Limits | None = None
) -> BodyPart:
    """The first part of a body that is here."""
    reader = parts_of((headers, content), limits=limits)
    first = next_of(reader)
    return first


def text_type(charset: str) -> str:
    return f"Content-Type: text/plain; charset={charset}"


# Headers -----------------------------------------------------------------------------


def test_the_headers_are_at_hand() -> None:
    reader = MultipartReader("multipart/form-data; boundary=b")
    reader.write(
        b"--b\r\nContent-Disposition: form-data; name=photo; filename=../a.JPG\r\n"
        b"Content-Type: Text/Plain; charset=UTF-8\r\n\r\n\r\n--b--\r\n"
    )
    found = next_of(reader)
    assert (found.name, found.filename) == ("photo", "../a.JPG")
    assert found.safe_filename is not None
    assert "/" not in found.safe_filename
    assert (found.content_type, found.charset) == ("text/plain", "utf-8")
    assert not found.is_multipart


def test_what_was_not_sent_is_none() -> None:
    bare = part()
    assert (bare.name, bare.filename, bare.safe_filename) == ("f", None, None)
    assert (bare.content_type, bare.charset) == (None, None)
    assert not bare.is_multipart


def test_a_multipart_says_so() -> None:
    assert part(headers="Content-Type: Multipart/Mixed; boundary=c").is_multipart


# Text --------------------------------------------------------------------------------

TEXTS: dict[str, tuple[str, bytes, str]] = {
    "utf-8 by itself": ("X: y", "žluť".encode(), "žluť"),
    "declared": (text_type("ISO-8859-2"), "žluť".encode("iso-8859-2"), "žluť"),
    "quoted": (text_type('"utf-16"'), "žluť".encode("utf-16"), "žluť"),
    "empty": ("X: y", b"", ""),
}


@pytest.mark.parametrize(("headers", "content", "text"), TEXTS.values(), ids=TEXTS)
def test_text(headers: str, content: bytes, text: str) -> None:
    assert value_of(part(content, headers).text()) == text


def test_the_caller_knows_better_than_the_sender() -> None:
    sent = part("ž".encode("cp1250"), text_type("utf-8"))
    assert value_of(sent.text("cp1250")) == "ž"


NO_TEXTS: dict[str, tuple[str, bytes]] = {
    "not what it says": ("utf-8", b"\xff"),
    "not by itself": ("", b"\xff"),
    "unknown": ("x-nothing", b"a"),
    "not a charset": ("base64", b"YQ=="),
    "always an error": ("undefined", b"a"),
    "a name for hosts": ("idna", b"xn--a"),
    "takes for ever": ("punycode", b"a-b"),
    "Python's own": ("unicode_escape", b"\\d"),
    "Python's own, raw": ("Raw-Unicode_Escape", b"\\u0041"),
}


@pytest.mark.parametrize(("charset", "content"), NO_TEXTS.values(), ids=NO_TEXTS)
def test_no_text(charset: str, content: bytes) -> None:
    headers = text_type(charset) if charset else "X: y"
    error = error_of(part(content, headers).text())
    assert isinstance(error, MalformedMultipart)
    assert (error.code, error.http_status) == ("bad-charset", 400)


# JSON and forms ----------------------------------------------------------------------


def test_json() -> None:
    assert value_of(part(b'{"a": [1, "\xc5\xbe"]}').json()) == {"a": [1, "ž"]}


NO_JSON = {
    "nothing": b"",
    "cut short": b'{"a": ',
    "two": b"1 2",
    "too deep": b"[" * 100_000,
    "too large a number": b"1" * 10_000,
}


@pytest.mark.parametrize("content", NO_JSON.values(), ids=NO_JSON)
def test_no_json(content: bytes) -> None:
    error = error_of(part(content).json())
    assert isinstance(error, MalformedMultipart)
    assert error.code == "bad-json"


def test_json_that_is_not_text() -> None:
    error = error_of(part(b"\xff").json())
    assert isinstance(error, MalformedMultipart)
    assert error.code == "bad-charset"


def test_form() -> None:
    pairs = [("a", "1"), ("b", ""), ("a", "ž &"), ("c", "")]
    assert value_of(part(b"a=1&b=&a=%C5%BE+%26&c").form()) == pairs
    assert value_of(part(b"").form()) == []


def test_a_form_has_no_more_pairs_than_a_body_has_parts() -> None:
    limits = Limits(max_parts=3)
    assert len(value_of(part(b"a&b&c", limits=limits).form())) == 3
    error = error_of(part(b"a&b&c&d", limits=limits).form())
    assert isinstance(error, LimitExceeded)
    assert error.limit == "max_parts"


# Bounds ------------------------------------------------------------------------------

Read = Callable[[BodyPart], Deferred[Any]]
READS: dict[str, Read] = {
    "read": lambda part: part.read(),
    "text": lambda part: part.text(),
    "json": lambda part: part.json(),
    "form": lambda part: part.form(),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_one_part_holds_no_more_than_its_bound(read: Read) -> None:
    limits = Limits(max_field_size=4)
    assert value_of(read(part(b"1234", limits=limits))) is not None
    error = error_of(read(part(b"12345", limits=limits)))
    assert isinstance(error, LimitExceeded)
    assert error.limit == "max_field_size"


def test_all_parts_together_hold_no_more_than_theirs() -> None:
    limits = Limits(max_field_size=4, max_memory=7)
    reader = parts_of(*[("X: y", b"1234")] * 2, limits=limits)
    assert value_of(next_of(reader).read()) == b"1234"
    error = error_of(next_of(reader).read())
    assert isinstance(error, LimitExceeded)
    assert (error.limit, error.bound) == ("max_memory", 7)


def test_what_is_streamed_costs_no_memory() -> None:
    limits = Limits(max_field_size=4, max_memory=4)
    reader = parts_of(*[("X: y", b"12345678")] * 2, limits=limits)
    for _ in range(2):
        assert value_of(next_of(reader).discard()) == 8


# Nested ------------------------------------------------------------------------------

NESTED = "Content-Type: multipart/mixed; boundary=c"


def test_a_nested_multipart() -> None:
    outer = part(b"--c\r\nX: y\r\n\r\ninner\r\n--c--", NESTED)
    reader = outer.parts()
    inner = next_of(reader)
    assert inner.headers.get("x") == "y"
    assert value_of(inner.read()) == b"inner"
    assert value_of(reader.next_part()) is None


def test_nested_parts_share_the_memory() -> None:
    limits = Limits(max_memory=4)
    outer = part(b"--c\r\n\r\n12345\r\n--c--", NESTED, limits)
    inner = next_of(outer.parts())
    assert isinstance(error_of(inner.read()), LimitExceeded)


def test_nesting_has_a_bound() -> None:
    outer = part(b"--c\r\n" + NESTED.encode() + b"\r\n\r\n\r\n--c--", NESTED)
    outer.parts()
    limits = Limits(max_depth=2)
    outer = part(
        b"--c\r\n" + NESTED.encode() + b"\r\n\r\n--c--\r\n--c--", NESTED, limits
    )
    inner = next_of(outer.parts())
    with pytest.raises(LimitExceeded, match="max_depth") as caught:
        inner.parts()
    assert (caught.value.limit, caught.value.bound) == ("max_depth", 2)


@pytest.mark.parametrize(
    "headers", ["X: y", "Content-Type: text/plain", "Content-Type: multipart/mixed"]
)
def test_what_is_no_multipart_can_still_be_read(headers: str) -> None:
    plain = part(b"content", headers)
    with pytest.raises(NotMultipart):
        plain.parts()
    assert value_of(plain.read()) == b"content"


# After the end -----------------------------------------------------------------------

ALL_OF_IT: dict[str, Callable[[BodyPart], object]] = {
    "read": lambda part: part.read(),
    "read decoded": lambda part: part.read(decode=True),
    "text": lambda part: part.text(),
    "json": lambda part: part.json(),
    "form": lambda part: part.form(),
    "save": lambda part: part.save("never"),
    "write_to": lambda part: part.write_to(MemorySink(1)),
    "parts": lambda part: part.parts(),
}


@pytest.mark.parametrize("how", ALL_OF_IT)
@pytest.mark.parametrize("content", [b"", b"{}"])
@pytest.mark.parametrize("coding", ["X: y", "Content-Encoding: gzip"])
def test_all_of_it_cannot_be_read_twice(how: str, content: bytes, coding: str) -> None:
    headers = "Content-Type: multipart/mixed; boundary=i\r\n" + coding
    read = part(content, headers)
    assert value_of(read.read()) == content
    with pytest.raises(MisuseError, match="the part was read to its end already"):
        ALL_OF_IT[how](read)
    assert value_of(read.read_chunk()) == b""
    assert value_of(read.discard()) == 0


@pytest.mark.parametrize("encoding", ["uft-8", "hex", "", "\0"])
def test_an_encoding_that_is_none_is_no_senders_fault(encoding: str) -> None:
    with pytest.raises(MisuseError, match="no encoding of text"):
        part(b"text").text(encoding)


@pytest.mark.parametrize("encoding", ["utf-16", "ascii", "UTF_8", "latin-1"])
def test_an_encoding_may_be_any_of_pythons(encoding: str) -> None:
    assert value_of(part("text".encode(encoding)).text(encoding)) == "text"


def test_what_does_not_fit_the_encoding_that_was_asked_for() -> None:
    error = error_of(part(b"\xe9").text("ascii"))
    assert isinstance(error, MalformedMultipart)
    assert error.message == "a part is not text in ascii"


def test_what_a_part_says_of_itself() -> None:
    headers = 'Content-Disposition: form-data; name="a"; filename="b.txt"'
    reader = MultipartReader("multipart/form-data; boundary=b", profile=FORM_DATA)
    kind = "Content-Type: text/plain"
    reader.write(f"--b\r\n{headers}\r\n{kind}\r\n\r\nsecret\r\n--b--".encode())
    shown = repr(next_of(reader))
    assert shown == "<BodyPart name='a' filename='b.txt' text/plain, idle>"


# What is to be seen of it --------------------------------------------------------------

#: What a user finds on a part, besides what its consumers and producers call.
PUBLIC = {
    "headers",
    "name",
    "filename",
    "safe_filename",
    "content_type",
    "charset",
    "content_id",
    "content_range",
    "is_multipart",
    "limits",
    "state",
    "taken",
    "read",
    "text",
    "json",
    "form",
    "decode",
    "read_chunk",
    "readline",
    "write_to",
    "save",
    "discard",
    "deliverBody",
    "parts",
}
SEAMS = {name for seam in (ISink, IPushProducer) for name in seam.names(all=True)}


def test_nothing_else_is_public() -> None:
    names = {name for name in dir(part()) if not name.startswith("_")}
    assert names == PUBLIC | SEAMS


def test_nothing_else_is_public_of_a_body() -> None:
    names = {name for name in dir(BodyReader()) if not name.startswith("_")}
    own = {"length", "received", "progress", "close", "from_response"}
    assert names - SEAMS - PUBLIC == own
