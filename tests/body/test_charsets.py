"""Charsets: those a sender may declare, and a form's ``_charset_`` field."""

from __future__ import annotations

import encodings

import pytest

from tests.body.doubles import FORM_TYPE, MIXED_TYPE, cut, error_of, next_of, value_of
from txmultipart.body.charsets import known_codec
from txmultipart.body.decision import ACCEPT, SKIP
from txmultipart.body.part import BodyPart
from txmultipart.body.reader import MultipartReader
from txmultipart.errors import MalformedMultipart

KNOWN = {
    "utf-8": "utf_8",
    "UTF8": "utf_8",
    "us-ascii": "ascii",
    "ISO-8859-1": "latin_1",
    "iso-8859-2": "iso8859_2",
    "windows-1250": "cp1250",
    "Shift_JIS": "shift_jis",
    "EUC-KR": "euc_kr",
    "gb18030": "gb18030",
    "KOI8-R": "koi8_r",
    "utf-16le": "utf_16_le",
}


@pytest.mark.parametrize(("charset", "codec"), KNOWN.items(), ids=KNOWN)
def test_what_senders_declare_is_known(charset: str, codec: str) -> None:
    assert known_codec(charset) == codec


@pytest.mark.parametrize(
    "charset", ["", "utf-7", "rot13", "hex", "zlib", "idna", "mbcs", "utf-8\0", "ž"]
)
def test_what_is_no_charset_for_a_peer_is_not(charset: str) -> None:
    with pytest.raises(LookupError):
        known_codec(charset)


def test_names_that_are_not_known_are_not_remembered() -> None:
    before = len(encodings._cache)
    for number in range(99):
        with pytest.raises(LookupError):
            known_codec(f"x-nothing-{number}")
    assert len(encodings._cache) == before


# The field ---------------------------------------------------------------------------


def form(
    *fields: tuple[str, bytes], size: int = 1000, **options: object
) -> MultipartReader:
    """A reader of a form; a field is what stands behind its name, and its content."""
    body = b"".join(
        f"--b\r\nContent-Disposition: form-data; name={head}\r\n\r\n".encode()
        + content
        + b"\r\n"
        for head, content in fields
    )
    reader = MultipartReader(FORM_TYPE, **options)  # type: ignore[arg-type]
    for piece in cut(body + b"--b--\r\n", [size]):
        reader.write(piece)
    reader.unregisterProducer()
    return reader


async def texts(reader: MultipartReader) -> list[str]:
    return [await part.text() async for part in reader]


LATIN, UTF = "ž".encode("iso-8859-2"), "ž".encode()
PLAIN = "n\r\nContent-Type: text/plain"


@pytest.mark.parametrize("size", [1, 5, 1000])
async def test_it_holds_for_the_fields_after_it(size: int) -> None:
    fields = [("a", UTF), ("_charset_", b"ISO-8859-2"), ("b", LATIN), (PLAIN, LATIN)]
    assert await texts(form(*fields, size=size)) == ["ž", "ISO-8859-2", "ž", "ž"]


async def test_a_charset_that_is_declared_is_nearer() -> None:
    fields = [("_charset_", b"iso-8859-2"), (PLAIN + "; charset=utf-8", UTF)]
    assert (await texts(form(*fields)))[1] == "ž"


async def test_it_holds_for_text_only() -> None:
    json = "n\r\nContent-Type: application/json"
    assert (await texts(form(("_charset_", b"iso-8859-2"), (json, UTF))))[1] == "ž"


async def test_it_is_read_when_nobody_reads_it() -> None:
    reader = form(("_charset_", b"iso-8859-2"), ("b", LATIN))
    next_of(reader)
    assert await texts(reader) == ["ž"]


async def test_it_is_read_when_it_is_decided_against() -> None:
    reader = form(
        ("_charset_", b"iso-8859-2"),
        ("b", LATIN),
        decide=lambda headers: SKIP if headers.name == "_charset_" else ACCEPT,
    )
    assert await texts(reader) == ["ž"]


async def test_the_last_one_counts() -> None:
    fields = [("_charset_", b"utf-8"), ("_charset_", b"iso-8859-2"), ("b", LATIN)]
    assert (await texts(form(*fields)))[2] == "ž"


async def test_one_that_says_nothing_is_none() -> None:
    """A browser fills it in; somebody else may send it as it stood in the page."""
    assert (await texts(form(("_charset_", b" "), ("b", UTF))))[1] == "ž"


@pytest.mark.parametrize(
    "value", [b"x-nothing", b"utf-7", b"\xff", b"utf-8" + b" " * 40 + b"x", b"a" * 9999]
)
def test_one_that_nobody_knows_is_not_guessed_at(value: bytes) -> None:
    reader = form(("_charset_", value), ("b", UTF))
    next_of(reader)
    error = error_of(next_of(reader).text())
    assert isinstance(error, MalformedMultipart)
    assert error.code == "bad-charset"
    assert len(reader._charset._value) <= 41


def test_bytes_are_bytes() -> None:
    reader = form(("_charset_", b"x-nothing"), ("b", UTF))
    next_of(reader)
    assert value_of(next_of(reader).read()) == UTF


def test_it_is_nothing_outside_a_form() -> None:
    reader = MultipartReader(MIXED_TYPE)
    for name, content in (("_charset_", b"iso-8859-2"), ("b", UTF)):
        reader.write(f"--b\r\nContent-Disposition: x; name={name}\r\n\r\n".encode())
        reader.write(content + b"\r\n")
    next_of(reader)
    part: BodyPart = next_of(reader)
    reader.write(b"--b--\r\n")
    assert value_of(part.text()) == "ž"
