"""Codings that are applied while sending: which, in what order, and how long it gets."""

from __future__ import annotations

import base64
import gzip
import quopri
import zlib
from collections.abc import Callable, Iterator
from typing import Any, cast

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.web.iweb import UNKNOWN_LENGTH

from tests.body.doubles import (
    Downstream,
    Outcome,
    cut,
    next_of,
    untimed,
    value_of,
)
from txmultipart.body.coded_source import CodedSource, coded_length, encoders
from txmultipart.body.coder_chain import feed_all, finish_all
from txmultipart.body.live import LivePayload
from txmultipart.body.payload import Payload
from txmultipart.body.payloads import payload_of
from txmultipart.body.producer import RawBody
from txmultipart.body.reader import MultipartReader
from txmultipart.body.sources import BytesSource, IterableSource
from txmultipart.body.writer import FormData, MultipartWriter
from txmultipart.errors import MisuseError
from txmultipart.sansio.headers import PartHeaders

CONTENT = "žluťoučký kůň\r\n\t ".encode() * 5000

Decode = Callable[[bytes], bytes]


def same(data: bytes) -> bytes:
    return data


def unzstd(data: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


CONTENT_CODINGS: dict[str, Decode] = {
    "identity": same,
    "gzip": gzip.decompress,
    "x-gzip": gzip.decompress,
    "deflate": zlib.decompress,
    "br": brotli.decompress,
    "zstd": unzstd,
    "GZip": gzip.decompress,
    "deflate, gzip": lambda data: zlib.decompress(gzip.decompress(data)),
    "": same,
}
TRANSFER_CODINGS: dict[str, Decode] = {
    "7bit": same,
    "8bit": same,
    "binary": same,
    "base64": base64.b64decode,
    "quoted-printable": quopri.decodestring,
    "Base64 ": base64.b64decode,
}


def coded(content: object, *, encoding: str = "", transfer: str = "") -> Payload:
    """A payload with these codings in its headers."""
    payload = payload_of(content)
    if encoding:
        payload.headers.setRawHeaders("Content-Encoding", [encoding])
    if transfer:
        payload.headers.setRawHeaders("Content-Transfer-Encoding", [transfer])
    return payload


def sent(content: object) -> bytes:
    """What is sent of content that is here."""
    consumer: Any = Downstream()
    assert value_of(RawBody(content).startProducing(consumer)) is None
    return cast(bytes, consumer.data)


# What comes out ----------------------------------------------------------------------


def pieces() -> Iterator[bytes]:
    yield from cut(CONTENT, [1, 7, 5000])


SOURCES: dict[str, Callable[[], object]] = {
    "bytes": lambda: CONTENT,
    "pieces": lambda: list(pieces()),
    "Deferreds": lambda: [succeed(piece) for piece in pieces()],
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("encoding", CONTENT_CODINGS)
def test_a_content_coding_is_applied(encoding: str, source: str) -> None:
    data = sent(coded(SOURCES[source](), encoding=encoding))
    plain = b"" if source == "nothing" else CONTENT
    assert CONTENT_CODINGS[encoding](data) == plain


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("transfer", TRANSFER_CODINGS)
def test_a_transfer_encoding_is_applied(transfer: str, source: str) -> None:
    data = sent(coded(SOURCES[source](), transfer=transfer))
    plain = b"" if source == "nothing" else CONTENT
    assert TRANSFER_CODINGS[transfer](data) == plain


def test_the_content_coding_is_applied_first() -> None:
    data = sent(coded(CONTENT, encoding="gzip", transfer="base64"))
    assert gzip.decompress(base64.b64decode(data)) == CONTENT


def test_lines_of_content_encoding_are_one_list() -> None:
    payload = payload_of(CONTENT)
    payload.headers.setRawHeaders("Content-Encoding", ["deflate", "gzip"])
    assert zlib.decompress(gzip.decompress(sent(payload))) == CONTENT


def test_a_writer_inside_is_coded_as_a_whole() -> None:
    inner, outer = MultipartWriter(boundary="i"), MultipartWriter(boundary="o")
    inner.append(b"a", {"X": "y"})
    plain = value_of(inner.as_bytes())
    outer.append(inner, {"Content-Encoding": "gzip"})
    reader = MultipartReader(outer.content_type)
    reader.write(value_of(outer.as_bytes()))
    reader.unregisterProducer()
    assert gzip.decompress(value_of(next_of(reader).read())) == plain


def test_a_field_of_a_form_may_be_coded() -> None:
    form = FormData("b")
    form.add_field("a", "ž", headers={"Content-Transfer-Encoding": "base64"})
    data = value_of(form.as_bytes())
    assert b"\r\n\r\nxb4=\r\n" in data
    assert form.length == len(data)


@untimed
@given(st.lists(st.binary(max_size=99)), st.sets(st.integers(1, 9)), st.booleans())
def test_cuts_and_pauses_change_nothing(
    parts: list[bytes], pauses: set[int], later: bool
) -> None:
    content = [succeed(part) for part in parts] if later else parts
    body = RawBody(coded(content, encoding="gzip", transfer="base64"))
    consumer: Any = Downstream(
        lambda number: body.pauseProducing() if number in pauses else None
    )
    outcome = Outcome(body.startProducing(consumer))
    while not outcome.fired:
        body.resumeProducing()
    plain = b"".join(parts)
    assert consumer.data == sent(coded(plain, encoding="gzip", transfer="base64"))
    assert gzip.decompress(base64.b64decode(consumer.data)) == plain


# Length ------------------------------------------------------------------------------

LENGTHS: dict[str, tuple[dict[str, str], bool]] = {
    "plain": ({}, True),
    "identity": ({"encoding": "identity"}, True),
    "binary": ({"transfer": "binary"}, True),
    "base64": ({"transfer": "base64"}, True),
    "identity and base64": ({"encoding": "identity", "transfer": "base64"}, True),
    "gzip": ({"encoding": "gzip"}, False),
    "quoted-printable": ({"transfer": "quoted-printable"}, False),
    "gzip and base64": ({"encoding": "gzip", "transfer": "base64"}, False),
    "base64 of gzip and 8bit": ({"encoding": "gzip", "transfer": "8bit"}, False),
}


@pytest.mark.parametrize(("codings", "known"), LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("size", [0, 1, 56, 57, 58, 5000])
def test_the_length_is_exact_where_it_can_be_known(
    size: int, codings: dict[str, str], known: bool
) -> None:
    payload = coded(b"x" * size, **codings)
    assert payload.size == size
    assert payload.length == (len(sent(payload)) if known else UNKNOWN_LENGTH)
    writer = MultipartWriter()
    writer.append(payload)
    whole = len(value_of(writer.as_bytes()))
    assert writer.length == (whole if known else UNKNOWN_LENGTH)
    assert writer.replayable


def test_what_has_no_length_gets_none() -> None:
    head = PartHeaders({"Content-Transfer-Encoding": "base64"})
    assert coded_length(head, UNKNOWN_LENGTH) == UNKNOWN_LENGTH
    assert coded_length(PartHeaders(), UNKNOWN_LENGTH) == UNKNOWN_LENGTH


def test_a_length_is_promised_before_any_coding() -> None:
    payload = coded([b"abc"], transfer="base64")
    payload.length = 3
    assert payload.length == 4
    assert sent(payload) == b"YWJj"


def test_what_can_be_sent_again_is_coded_again() -> None:
    payload = coded(CONTENT, encoding="gzip")
    assert payload.replayable
    assert sent(payload) == sent(payload)
    once = coded(iter([CONTENT]), encoding="gzip")
    assert not once.replayable


# Misuse ------------------------------------------------------------------------------

UNKNOWN: dict[str, dict[str, list[str]]] = {
    "content coding": {"Content-Encoding": ["rot13"]},
    "behind a known one": {"Content-Encoding": ["gzip, rot13"]},
    "too many": {"Content-Encoding": ["gzip, gzip, gzip, gzip"]},
    "transfer encoding": {"Content-Transfer-Encoding": ["rot13"]},
    "a list": {"Content-Transfer-Encoding": ["base64, base64"]},
    "two transfer encodings": {"Content-Transfer-Encoding": ["7bit", "base64"]},
}


@pytest.mark.parametrize("headers", UNKNOWN.values(), ids=UNKNOWN)
@pytest.mark.parametrize("content", [b"a", [b"a"]], ids=["sized", "chunked"])
def test_an_unknown_coding_is_told_before_the_first_byte(
    content: object, headers: dict[str, list[str]]
) -> None:
    writer, consumer = MultipartWriter(), Downstream()
    writer.append("first")
    payload = writer.append(content)
    for name, values in headers.items():
        payload.headers.setRawHeaders(name, values)
    with pytest.raises(MisuseError):
        _ = writer.length
    with pytest.raises(MisuseError) as caught:
        writer.startProducing(cast(Any, consumer))
    assert caught.value.part == 2
    with pytest.raises(MisuseError):
        RawBody(payload).startProducing(cast(Any, consumer))
    assert consumer.data == b""


def test_a_length_that_the_headers_contradict_is_told_before_the_first_byte() -> None:
    writer, consumer = MultipartWriter(), Downstream()
    payload = writer.append(b"abc", {"Content-Transfer-Encoding": "base64"})
    payload.headers.setRawHeaders("Content-Length", ["3"])
    with pytest.raises(MisuseError, match="another length than its headers"):
        writer.startProducing(cast(Any, consumer))
    writer.parts[0].headers.setRawHeaders("Content-Length", ["4"])
    assert writer.length == len(value_of(writer.as_bytes()))


def test_nobody_can_tell_the_length_of_a_stream() -> None:
    writer = MultipartWriter()
    writer.append([b"abc"], {"Content-Length": "3"})
    assert b"Content-Length: 3\r\n\r\nabc" in value_of(writer.as_bytes())


# The source --------------------------------------------------------------------------


def gzip_source(*steps: Any) -> CodedSource:
    head = PartHeaders({"Content-Encoding": "gzip"})
    return CodedSource(IterableSource(steps), encoders(head))


async def test_no_piece_is_large() -> None:
    head = PartHeaders({"Content-Transfer-Encoding": "quoted-printable"})
    source = CodedSource(BytesSource(b"\0" * (1 << 20)), encoders(head))
    sizes = []
    while piece := source.read():
        sizes.append(len(cast(bytes, piece)))
    assert max(sizes) <= 64 << 10
    assert sum(sizes) > 3 << 20


async def test_many_pieces_that_are_held_back_are_no_deep_call() -> None:
    for steps in ([b"x"] * 5000, [succeed(b"x")] + [b"x"] * 5000):
        source, data = gzip_source(*steps), b""
        while piece := source.read():
            data += await piece if isinstance(piece, Deferred) else piece
        assert gzip.decompress(data).strip(b"x") == b""
        assert source.read() == b""


def test_a_piece_that_comes_too_late_is_not_looked_at() -> None:
    waiting = Deferred[bytes]()
    source = gzip_source(waiting, b"more")
    piece = source.read()
    assert isinstance(piece, Deferred)
    outcome = Outcome(piece)
    source.close()
    waiting.callback(b"late")
    assert outcome.value == b""
    assert source.read() == b""


@pytest.mark.parametrize("later", [False, True])
def test_a_source_may_be_closed_from_within_itself(later: bool) -> None:
    closed: list[str] = []

    def steps() -> Iterator[Any]:
        try:
            if later:
                yield waiting
            source.close()
            yield b"stale"
        finally:
            closed.append("generator")

    waiting = Deferred[bytes]()
    source = CodedSource(IterableSource(steps()), encoders(BASE64))
    piece = source.read()
    if isinstance(piece, Deferred):
        waiting.callback(b"x")
        piece = value_of(piece)
    else:
        source.close()
    assert piece == b""
    assert closed == ["generator"]


BASE64 = PartHeaders({"Content-Transfer-Encoding": "base64"})


def test_it_is_live_if_what_it_codes_is() -> None:
    assert not gzip_source().live
    assert cast(CodedSource, coded(LivePayload(), transfer="base64").open()).live


def test_a_chain_of_none_changes_nothing() -> None:
    assert list(feed_all([], b"a")) == [b"a"]
    assert list(finish_all([])) == []


def test_a_source_that_can_take_turns_does() -> None:
    """A coder works long on each block, and all else must not wait for eight MiB of them."""

    class Turns(BytesSource):
        takes_turns = False

        def take_turns(self) -> None:
            self.takes_turns = True

    source = Turns(b"abc")
    CodedSource(source, encoders(BASE64))
    assert source.takes_turns
