"""Decoding: what a part declares to be encoded, read as what it was."""

from __future__ import annotations

import gzip
import zlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError

from tests.body.doubles import (
    Downstream,
    Outcome,
    RecordingSink,
    Upstream,
    error_of,
    next_of,
    value_of,
)
from txmultipart.body import part as part_module
from txmultipart.body.part import BodyPart
from txmultipart.body.reader import MultipartReader
from txmultipart.errors import LimitExceeded, MalformedMultipart, MisuseError
from txmultipart.limits import Limits
from txmultipart.sansio.profiles import FORM_DATA, MIME, Profile

TEXT = "žluť\n".encode() * 9
GZIP = "Content-Encoding: gzip"
BASE64 = "Content-Transfer-Encoding: base64"


def reader_of(
    content: bytes, *headers: str, limits: Limits | None = None, profile: Profile = MIME
) -> MultipartReader:
    """A reader of a body with one part, that is here."""
    reader = MultipartReader(
        "multipart/mixed; boundary=b", limits=limits or Limits(), profile=profile
    )
    lines = ("--b", "Content-Disposition: form-data; name=f", *headers, "", "")
    reader.write("\r\n".join(lines).encode() + content + b"\r\n--b--\r\n")
    reader.unregisterProducer()
    return reader


def part(content: bytes, *headers: str, **options: Any) -> BodyPart:
    return next_of(reader_of(content, *headers, **options))


def raw_deflate(data: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-15)
    return coder.compress(data) + coder.flush()


ENCODED: dict[str, tuple[bytes, tuple[str, ...]]] = {
    "not at all": (TEXT, ()),
    "in name only": (TEXT, ("Content-Transfer-Encoding: 8bit",)),
    "identity": (TEXT, ("Content-Encoding: identity",)),
    "gzip": (gzip.compress(TEXT), (GZIP,)),
    "deflate": (zlib.compress(TEXT), ("Content-Encoding: deflate",)),
    "raw deflate": (raw_deflate(TEXT), ("Content-Encoding: deflate",)),
    "base64": (b64encode(TEXT), (BASE64,)),
    "both": (b64encode(gzip.compress(TEXT)), (BASE64, GZIP)),
    "a list": (
        zlib.compress(gzip.compress(TEXT)),
        ("Content-Encoding: gzip, deflate",),
    ),
}
each = pytest.mark.parametrize(
    ("content", "headers"), ENCODED.values(), ids=ENCODED.keys()
)


@each
def test_read_decodes_if_asked_to(content: bytes, headers: tuple[str, ...]) -> None:
    assert value_of(part(content, *headers).read()) == content
    assert value_of(part(content, *headers).read(decode=True)) == TEXT


@each
def test_what_was_read_can_be_decoded_later(
    content: bytes, headers: tuple[str, ...]
) -> None:
    sent = part(content, *headers)
    assert sent.decode(value_of(sent.read())) == TEXT


@each
def test_write_to_counts_what_it_decoded(
    content: bytes, headers: tuple[str, ...]
) -> None:
    sink = RecordingSink()
    written = part(content, *headers).write_to(sink, decode=True)
    assert value_of(written) == len(TEXT)
    assert b"".join(sink.pieces) == TEXT
    assert sink.calls == ["register", "unregister", "finish"]


@each
def test_text_decodes_by_itself(content: bytes, headers: tuple[str, ...]) -> None:
    assert value_of(part(content, *headers).text()) == TEXT.decode()


def test_json_and_forms_decode_by_themselves() -> None:
    assert value_of(part(gzip.compress(b"[1]"), GZIP).json()) == [1]
    assert value_of(part(b64encode(b"a=1"), BASE64).form()) == [("a", "1")]


async def test_a_file_is_saved_decoded_if_asked_to(tmp_path: Path) -> None:
    sent = part(gzip.compress(TEXT), GZIP)
    assert await sent.save(tmp_path / "a", decode=True) == len(TEXT)
    assert (tmp_path / "a").read_bytes() == TEXT


def test_in_a_form_a_transfer_coding_is_left_alone() -> None:
    """RFC 7578 section 4.7: senders must not use it, so it may mean anything."""
    encoded = b64encode(b"[1]")
    sent = part(encoded, BASE64, profile=FORM_DATA)
    assert value_of(sent.text()) == encoded.decode()
    assert isinstance(
        error_of(part(encoded, BASE64, profile=FORM_DATA).json()), Exception
    )
    asked = part(encoded, BASE64, profile=FORM_DATA)
    assert value_of(asked.read(decode=True)) == b"[1]"


def test_in_a_form_a_content_coding_is_taken_off() -> None:
    sent = part(gzip.compress(b"[1]"), GZIP, profile=FORM_DATA)
    assert value_of(sent.json()) == [1]


# What cannot be decoded --------------------------------------------------------------

BAD: dict[str, tuple[bytes, str, str]] = {
    "an unknown coding": (b"x", "Content-Encoding: x-nothing", "unknown-coding"),
    "an unknown transfer coding": (
        b"x",
        "Content-Transfer-Encoding: x-nothing",
        "unknown-coding",
    ),
    "not what it says": (b"no gzip", GZIP, "bad-coding"),
    "cut short": (gzip.compress(TEXT)[:-9], GZIP, "truncated"),
    "no base64": (b"!!!!", BASE64, "bad-base64"),
}


@pytest.mark.parametrize(("content", "header", "code"), BAD.values(), ids=BAD)
def test_what_cannot_be_decoded(content: bytes, header: str, code: str) -> None:
    sink = RecordingSink()
    for done in (
        part(content, header).read(decode=True),
        part(content, header).text(),
        part(content, header).write_to(sink, decode=True),
    ):
        error = error_of(done)
        assert isinstance(error, MalformedMultipart)
        assert error.code == code
    assert sink.calls in ([], ["register", "fail", "unregister"])
    with pytest.raises(MalformedMultipart):
        part(content, header).decode(content)


def test_what_is_in_an_unknown_coding_can_still_be_read() -> None:
    sent = part(b"x", "Content-Encoding: x-nothing")
    assert isinstance(error_of(sent.read(decode=True)), MalformedMultipart)
    assert value_of(sent.read()) == b"x"


@pytest.mark.parametrize("way", ["read", "write_to", "text"])
def test_reading_two_ways_at_once_is_refused_at_the_call(way: str) -> None:
    reader = MultipartReader("multipart/mixed; boundary=b")
    reader.write(f"--b\r\n{GZIP}\r\n\r\n".encode())
    sent = next_of(reader)
    first = Outcome(sent.read(decode=True))
    with pytest.raises(MisuseError, match="being read already"):
        {
            "read": lambda: sent.read(decode=True),
            "write_to": lambda: sent.write_to(Downstream(), decode=True),
            "text": sent.text,
        }[way]()
    first.deferred.cancel()
    assert isinstance(first.error, CancelledError)


# Bounds ------------------------------------------------------------------------------

BOMB = gzip.compress(bytes(16 << 20))


def test_the_bound_of_a_field_holds_for_what_was_decoded() -> None:
    limits = Limits(max_field_size=100)
    small = gzip.compress(bytes(101))
    assert len(small) < 100
    for fail in (
        lambda: error_of(part(small, GZIP, limits=limits).read(decode=True)),
        lambda: error_of(part(small, GZIP, limits=limits).text()),
    ):
        error = fail()
        assert isinstance(error, LimitExceeded)
        assert error.limit == "max_field_size"
    sent = part(small, GZIP, limits=limits)
    with pytest.raises(LimitExceeded, match="max_field_size"):
        sent.decode(value_of(sent.read()))


def test_memory_is_charged_for_what_was_decoded() -> None:
    sent = part(gzip.compress(bytes(101)), GZIP, limits=Limits(max_memory=100))
    error = error_of(sent.read(decode=True))
    assert isinstance(error, LimitExceeded)
    assert error.limit == "max_memory"


def test_a_bomb_is_stopped_by_its_ratio() -> None:
    limits = Limits(max_ratio=100, max_field_size=1 << 30, max_memory=1 << 30)
    error = error_of(part(BOMB, GZIP, limits=limits).read(decode=True))
    assert isinstance(error, LimitExceeded)
    assert error.limit == "max_ratio"


def test_a_consumer_that_pauses_stops_the_decoding() -> None:
    consumer = Downstream(lambda number: consumer.producer.pauseProducing())
    done = Outcome(
        part(BOMB, GZIP, limits=Limits(max_ratio=2000)).write_to(consumer, decode=True)
    )
    assert len(consumer.data) <= 1 << 16
    for count in range(2, 10):
        consumer.producer.resumeProducing()
        assert len(consumer.pieces) == count
    assert not done.fired
    consumer._on_write = lambda number: None
    consumer.producer.resumeProducing()
    assert done.value == 16 << 20


def test_a_bomb_holds_its_sender_until_it_is_taken() -> None:
    upstream = Upstream()
    reader = MultipartReader(
        "multipart/mixed; boundary=b", limits=Limits(max_ratio=2000)
    )
    reader.registerProducer(upstream, True)
    asked = Outcome(reader.next_part())
    reader.write(f"--b\r\n{GZIP}\r\n\r\n".encode())
    consumer = Downstream(lambda number: consumer.producer.pauseProducing())
    sent: Any = asked.value
    done = Outcome(sent.write_to(consumer, decode=True))
    reader.write(BOMB)
    assert not upstream.running
    consumer.producer.resumeProducing()
    assert not upstream.running
    consumer._on_write = lambda number: None
    consumer.producer.resumeProducing()
    assert upstream.running
    reader.write(b"\r\n--b--\r\n")
    reader.unregisterProducer()
    assert done.value == 16 << 20


@pytest.mark.parametrize("how", ["skip", "discard", "cancel and skip"])
def test_draining_a_part_never_inflates_it(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a client that is closed half way once made aiohttp do (CVE-2026-54278)."""
    reader = reader_of(BOMB, GZIP)
    sent = next_of(reader)
    if how == "cancel and skip":
        consumer = Downstream(lambda number: consumer.producer.pauseProducing())
        done = Outcome(sent.write_to(consumer, decode=True))
        done.deferred.cancel()
        assert len(consumer.pieces) == 1
    monkeypatch.setattr(part_module, "decoders", lambda *_, **__: 1 / 0)
    if how == "discard":
        assert value_of(sent.discard()) == len(BOMB)
    assert value_of(reader.next_part()) is None


# Nested ------------------------------------------------------------------------------


def test_a_nested_multipart_is_decoded_as_text_would_be() -> None:
    inner = b"--c\r\n\r\ninner\r\n--c--\r\n"
    kind = "Content-Type: multipart/mixed; boundary=c"
    reader = part(gzip.compress(inner), kind, GZIP).parts()
    assert value_of(next_of(reader).read()) == b"inner"
    assert value_of(reader.next_part()) is None


def test_a_nested_multipart_in_an_unknown_coding_is_refused_at_the_call() -> None:
    kind = "Content-Type: multipart/mixed; boundary=c"
    sent = part(b"x", kind, "Content-Encoding: x-nothing")
    with pytest.raises(MalformedMultipart):
        sent.parts()
    assert value_of(sent.read()) == b"x"
