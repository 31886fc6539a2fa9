"""Transfer and content codings: both directions, any cuts, and every way to fail."""

import base64
import gzip
import random
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import brotli  # type: ignore[import-untyped]
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from txmultipart.errors import (
    LimitExceeded,
    MalformedMultipart,
    MisuseError,
    MultipartError,
    TruncatedMultipart,
)
from txmultipart.limits import UNLIMITED, KiB, Limits, MiB
from txmultipart.sansio.coder import StepwiseCoder, cut
from txmultipart.sansio.codings import (
    MAX_PIECE,
    Coder,
    content_decoder,
    content_encoder,
    encoded_length,
    transfer_decoder,
    transfer_encoder,
)
from txmultipart.sansio.content_codings import FREE, STEP
from txmultipart.sansio.transfer_codings import MAX_BLANK, MAX_LINE

TRANSFER = ["7bit", "8bit", "binary", "base64", "quoted-printable"]
COMPRESSED = ["gzip", "x-gzip", "deflate", "br", "zstd"]
CONTENT = ["", "identity", *COMPRESSED, "gzip, br", "zstd, identity,deflate,,gzip"]

Make = Callable[[], Coder]
Outcome = tuple[bytes, tuple[object, ...] | None]

ENCODERS: dict[str, Make] = {
    **{name: partial(transfer_encoder, name) for name in TRANSFER},
    **{name: partial(content_encoder, name) for name in CONTENT},
}
DECODERS: dict[str, Make] = {
    **{name: partial(transfer_decoder, name) for name in TRANSFER},
    **{name: partial(content_decoder, name) for name in CONTENT},
}
each_name = pytest.mark.parametrize("name", list(ENCODERS))
# Drawn, not a parameter of the test: pytest-twisted cannot have both on one test.
names = st.sampled_from(list(ENCODERS))
compressed_names = st.sampled_from(COMPRESSED)
many = settings(max_examples=400, deadline=None)
some = settings(max_examples=100, deadline=None)
each_compressed = pytest.mark.parametrize("name", COMPRESSED)


def steps(coder: Coder, chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        yield from coder.feed(chunk)
    yield from coder.finish()


def run(coder: Coder, *chunks: bytes) -> bytes:
    return b"".join(steps(coder, chunks))


def outcome(coder: Coder, chunks: Iterable[bytes]) -> Outcome:
    """What came out, and what can be known of the error."""
    pieces: list[bytes] = []
    error: tuple[object, ...] | None = None
    try:
        for piece in steps(coder, chunks):
            assert 0 < len(piece) <= MAX_PIECE
            pieces.append(piece)
    except MultipartError as e:
        error = (type(e), str(e), e.code, e.offset, e.http_status)
    return b"".join(pieces), error


def error_of(coder: Coder, *chunks: bytes) -> MultipartError:
    with pytest.raises(MultipartError) as caught:
        run(coder, *chunks)
    return caught.value


def single(data: bytes) -> Iterator[bytes]:
    return cut(data, 1)


def chopped(data: bytes, sizes: list[int]) -> list[bytes]:
    """``data`` in chunks of these sizes, over and over; one of 0 is an empty chunk."""
    chunks, start, turn = [], 0, 0
    while start < len(data):
        size = sizes[turn % len(sizes)]
        chunks.append(data[start : start + size])
        start, turn = start + size, turn + 1
    return chunks


def prose(seed: int, size: int) -> bytes:
    """Bytes that compress about as text does, with some that do not at all."""
    chance = random.Random(seed)
    words = [chance.randbytes(chance.randint(1, 9)) for _ in range(500)]
    data = bytearray()
    while len(data) < size:
        data += b" ".join(chance.choices(words, k=100)) + chance.randbytes(50)
    return bytes(data[:size])


sizes = st.lists(st.integers(0, 9000), min_size=1, max_size=5).filter(any)
small_sizes = st.lists(st.integers(0, 9), min_size=1, max_size=5).filter(any)
proses = st.builds(prose, st.integers(0, 99), st.integers(0, 40_000))
# What a transfer decoder has rules about, and other bytes.
_tokens = [b"=", b"=3", b"=3d", b"=FF", b" ", b"\t", b"\r", b"\n", b"\r\n", b"A", b"QU"]
texts = st.lists(
    st.sampled_from(_tokens) | st.binary(max_size=3), max_size=30
).map(b"".join)  # fmt: skip


# --- every coder ---------------------------------------------------------------------


@many
@given(name=names, data=st.binary(max_size=400) | texts, sizes=small_sizes)
def test_what_was_encoded_is_decoded(name: str, data: bytes, sizes: list[int]) -> None:
    encoded = run(ENCODERS[name](), data)
    assert run(ENCODERS[name](), *chopped(data, sizes)) == encoded
    assert run(ENCODERS[name](), *single(data)) == encoded
    assert run(DECODERS[name](), encoded) == data
    assert run(DECODERS[name](), *chopped(encoded, sizes)) == data
    assert run(DECODERS[name](), *single(encoded)) == data


@some
@given(name=names, data=proses, cuts=sizes)
def test_cuts_make_no_difference(name: str, data: bytes, cuts: list[int]) -> None:
    encoded = run(ENCODERS[name](), data)
    assert outcome(ENCODERS[name](), chopped(data, cuts)) == (encoded, None)
    assert outcome(DECODERS[name](), chopped(encoded, cuts)) == (data, None)


@many
@given(name=names, data=st.binary(max_size=60) | texts, sizes=small_sizes)
def test_nothing_but_our_errors_comes_out(
    name: str, data: bytes, sizes: list[int]
) -> None:
    output, error = outcome(DECODERS[name](), [data])
    chopped_output, chopped_error = outcome(DECODERS[name](), chopped(data, sizes))
    assert chopped_error == error == outcome(DECODERS[name](), single(data))[1]
    if error is None or name in TRANSFER:
        assert chopped_output == output


@some
@given(name=compressed_names, data=st.data(), sizes=sizes)
def test_damage_is_found_at_the_same_offset(
    name: str, data: st.DataObject, sizes: list[int]
) -> None:
    broken = bytearray(run(ENCODERS[name](), prose(7, 30_000)))
    broken[data.draw(st.integers(0, len(broken) - 1))] ^= data.draw(st.integers(1, 255))
    broken = broken[: data.draw(st.integers(0, len(broken)))]
    error = outcome(DECODERS[name](), [bytes(broken)])[1]
    assert outcome(DECODERS[name](), chopped(bytes(broken), sizes))[1] == error
    assert outcome(DECODERS[name](), single(bytes(broken)))[1] == error


@each_name
def test_pieces_are_small_and_never_empty(name: str) -> None:
    data = prose(1, 300_000) + bytes(300_000) + b" " * 300_000
    encoded, error = outcome(ENCODERS[name](), [data])
    assert error is None
    assert outcome(DECODERS[name](), [b"", encoded, b""]) == (data, None)


@pytest.mark.parametrize("name", ["7bit", "8BIT", " Binary\t", "identity", ""])
def test_what_changes_nothing_gives_what_it_gets(name: str) -> None:
    make = content_decoder if name in CONTENT else transfer_decoder
    data = b"\0\r\n\xff"
    (piece,) = make(name).feed(data)
    assert piece is data


@each_name
def test_one_byte_at_a_time_is_not_slow(name: str) -> None:
    data = prose(3, 50_000)
    encoded = run(ENCODERS[name](), data)
    # What takes time by the square of that is ended by the limit on each test.
    assert run(ENCODERS[name](), *single(data)) == encoded
    assert run(DECODERS[name](), *single(encoded)) == data


@pytest.mark.parametrize("unit", [b" ", b" \t", b"=", b"= ", b"= \r", b"\n", b"=\n"])
@pytest.mark.parametrize("name", ["base64", "quoted-printable"])
def test_no_text_is_slow_to_decode(name: str, unit: bytes) -> None:
    data = unit * (100_000 // len(unit))
    whole = outcome(transfer_decoder(name), [data])
    assert outcome(transfer_decoder(name), single(data)) == whole


# --- the order of calls --------------------------------------------------------------


def test_pieces_must_be_taken_before_the_next_call() -> None:
    coder = transfer_decoder("binary")
    pieces = coder.feed(bytes(2 * MAX_PIECE))
    next(pieces)
    for call in (lambda: coder.feed(b""), coder.finish):
        with pytest.raises(MisuseError) as caught:
            call()
        assert caught.value.code == "coder-busy"
    assert len(b"".join(pieces)) == MAX_PIECE
    assert list(coder.feed(b"x")) == [b"x"]


def test_pieces_that_were_never_asked_for_are_noticed() -> None:
    coder = transfer_decoder("binary")
    coder.feed(b"lost")
    with pytest.raises(MisuseError):
        coder.feed(b"x")


def test_nothing_can_be_fed_after_the_end() -> None:
    coder = transfer_decoder("base64")
    assert list(coder.finish()) == []
    with pytest.raises(MisuseError):
        coder.feed(b"QQ==")
    with pytest.raises(MisuseError):
        coder.finish()


@pytest.mark.parametrize("data", ["text", "", [45], 3, None])
def test_what_is_fed_holds_bytes(data: Any) -> None:
    coder = transfer_encoder("base64")
    with pytest.raises(MisuseError) as caught:
        coder.feed(data)
    kind = type(data).__name__
    assert str(caught.value) == f"a coder takes bytes, not {kind}"
    assert list(coder.feed(b"abc")) + list(coder.finish()) == [b"YWJj"]


@pytest.mark.parametrize("name", ["binary", "base64", "quoted-printable"])
@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_what_is_fed_is_copied(kind: Callable[[Any], Any], name: str) -> None:
    encoder, decoder = transfer_encoder(name), transfer_decoder(name)
    given = bytearray(b"content")
    pieces = encoder.feed(kind(given))
    given[:] = b"another"
    encoded = [*pieces, *encoder.finish()]
    assert {type(piece) for piece in encoded} == {bytes}
    decoded = [*decoder.feed(kind(bytearray().join(encoded))), *decoder.finish()]
    assert b"".join(decoded) == b"content"


def test_an_error_is_raised_again() -> None:
    coder = transfer_decoder("base64")
    error = error_of(coder, b"!")
    with pytest.raises(MalformedMultipart) as caught:
        coder.feed(b"QQ==")
    assert caught.value is error
    with pytest.raises(MalformedMultipart):
        coder.finish()


def test_a_subclass_says_what_is_done() -> None:
    with pytest.raises(NotImplementedError):
        list(StepwiseCoder().feed(b"x"))


# --- names ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "gzip", "base 64", "x-uuencode", "base64, 7bit"])
def test_an_unknown_transfer_encoding_is_refused(name: str) -> None:
    with pytest.raises(MalformedMultipart) as caught:
        transfer_decoder(name)
    assert (caught.value.code, caught.value.http_status) == ("unknown-coding", 415)
    with pytest.raises(MisuseError) as misuse:
        transfer_encoder(name)
    assert misuse.value.code == "unknown-coding"
    assert MalformedMultipart("another").http_status == 400


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("compress", "unknown-coding"),
        ("gzip, base64", "unknown-coding"),
        ("gzip;q=1", "unknown-coding"),
        ("gzip, gzip, gzip, gzip", "too-many-codings"),
        ("gzip," * 100_000, "too-many-codings"),
    ],
)
def test_a_content_coding_that_we_have_not_is_refused(name: str, code: str) -> None:
    with pytest.raises(MalformedMultipart) as caught:
        content_decoder(name)
    assert (caught.value.code, caught.value.http_status) == (code, 415)
    with pytest.raises(MisuseError) as misuse:
        content_encoder(name)
    assert misuse.value.code == code


def test_names_are_case_insensitive() -> None:
    assert run(transfer_decoder(" BASE64 "), b"QUI=") == b"AB"
    assert run(transfer_encoder("Quoted-Printable"), b"=") == b"=3D"
    assert run(content_decoder("GZip"), gzip.compress(b"AB")) == b"AB"
    assert run(content_encoder("Identity"), b"AB") == b"AB"


def test_content_codings_are_applied_in_their_order() -> None:
    encoded = run(content_encoder("gzip, br"), b"data")
    assert gzip.decompress(brotli.decompress(encoded)) == b"data"
    assert run(content_decoder("gzip, br"), encoded) == b"data"
    assert error_of(content_decoder("br, gzip"), encoded).code == "bad-coding"


# --- lengths -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["7bit", "8bit", "Binary", "identity", "BASE64"])
def test_some_lengths_are_known(name: str) -> None:
    make = content_encoder if name == "identity" else transfer_encoder
    for size in [*range(200), 10_000]:
        assert encoded_length(name, size) == len(run(make(name), bytes(size)))


@pytest.mark.parametrize("name", ["quoted-printable", "gzip", "identity, br", "x"])
def test_other_lengths_are_not(name: str) -> None:
    assert encoded_length(name, 10) is None


# --- base64 --------------------------------------------------------------------------


def test_base64_has_lines_of_76_characters() -> None:
    encoded = run(transfer_encoder("base64"), bytes(range(200)))
    assert encoded + b"\r\n" == base64.encodebytes(bytes(range(200))).replace(
        b"\n", b"\r\n"
    )


@pytest.mark.parametrize(
    ("encoded", "decoded"),
    [
        (b"QUJD", b"ABC"),
        (b"QUI=", b"AB"),
        (b"QQ==", b"A"),
        (b" Q\tQ\r\n=\n=  \r\n", b"A"),
        # Padding is missing, in whole or in part.
        (b"QUI", b"AB"),
        (b"QQ", b"A"),
        (b"QQ=", b"A"),
        # Bits of the last character are left over.
        (b"QR==", b"A"),
        (b"", b""),
        (b" \r\n" * 10, b""),
    ],
)
def test_base64_is_decoded(encoded: bytes, decoded: bytes) -> None:
    assert run(transfer_decoder("base64"), encoded) == decoded
    assert run(transfer_decoder("base64"), *single(encoded)) == decoded


@pytest.mark.parametrize(
    ("encoded", "output", "offset"),
    [
        (b"QUJD!", b"ABC", 4),
        (b"QUJDQ\0", b"ABC", 5),
        (b"Q U-JD", b"", 3),
        (b"QUJD\x0b", b"ABC", 4),
        (b"=", b"", 0),
        (b"Q=", b"", 1),
        (b"QUJD\r\n=", b"ABC", 6),
        (b"QUI==", b"AB", 4),
        (b"QQ===", b"A", 4),
        (b"QQ== QQ==", b"A", 5),
        (b"QUI=\xff", b"AB", 4),
        (b"QUJDQ", b"ABC", 5),
        (b"Q \r\n", b"", 4),
    ],
)
def test_bad_base64_is_refused(encoded: bytes, output: bytes, offset: int) -> None:
    found, error = outcome(transfer_decoder("base64"), [encoded])
    assert (found, error) == outcome(transfer_decoder("base64"), single(encoded))
    assert found == output
    assert error is not None
    assert error[2:] == ("bad-base64", offset, 400)


def test_megabytes_of_white_space_hold_nothing_up() -> None:
    # Django had CVE-2022-23833 (never ends) and CVE-2026-33033 (quadratic) here.
    chunks = [b"QU", *[b" " * 1000] * 3000, b"JD"]
    assert run(transfer_decoder("base64"), *chunks) == b"ABC"


# --- quoted-printable ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoded", "decoded"),
    [
        (b"a=3D=C3=a4=c3=A4", b"a=\xc3\xa4\xc3\xa4"),
        (b"a=\r\nb=\nc= \t\r\nd", b"abcd"),
        (b"a \t\r\nb \nc \t", b"a\r\nb\nc"),
        (b"a \rb= \rc", b"a \rb= \rc"),
        (b"a =\r\n \r\nb", b"a \r\nb"),
        # Not escapes: they stay as they are.
        (b"1=2 =XY ==41 =4=\r\n1", b"1=2 =XY =A =41"),
        (b"a=4", b"a=4"),
        (b"=\r", b"=\r"),
        # The line break of the last line belongs to the delimiter.
        (b"a=", b"a"),
        (b"a= \t", b"a"),
        (b"a_b\xff\0", b"a_b\xff\0"),
        (b"a" * 2000, b"a" * 2000),
        (b"a" + b" " * MAX_BLANK + b"\r\n", b"a\r\n"),
        (b"a=" + b" " * MAX_BLANK + b"\r\nb", b"ab"),
        # Too much white space is data, wherever it stands.
        (b"a" + b" " * 999 + b"\r\n \n", b"a" + b" " * 999 + b"\r\n\n"),
        (b"a=" + b"\t" * 999 + b"\nb", b"a=" + b"\t" * 999 + b"\nb"),
        (b"a" + b" " * 999, b"a" + b" " * 999),
        (b"a" + b" " * 999 + b"\r", b"a" + b" " * 999 + b"\r"),
    ],
)
def test_quoted_printable_is_decoded(encoded: bytes, decoded: bytes) -> None:
    assert run(transfer_decoder("quoted-printable"), encoded) == decoded
    assert run(transfer_decoder("quoted-printable"), *single(encoded)) == decoded
    for size in (3, 998, 999, 1000, 1001):
        chunks = cut(encoded, size)
        assert run(transfer_decoder("quoted-printable"), *chunks) == decoded


@given(data=texts)
def test_quoted_printable_is_decoded_as_its_rules_say(data: bytes) -> None:
    assert run(transfer_decoder("quoted-printable"), data) == by_the_rules(data)


def by_the_rules(data: bytes) -> bytes:
    """RFC 2045 section 6.7, line by line and character by character."""
    decoded = b""
    for line in lines(data):
        ink = line.rstrip(b"\n")
        ink = ink.removesuffix(b"\r") if ink != line else ink
        ending, ink = line[len(ink) :], ink.rstrip(b" \t")
        if ink.endswith(b"="):
            ink, ending = ink[:-1], b""
        decoded += unescape(ink) + ending
    return decoded


def lines(data: bytes) -> list[bytes]:
    """Split behind each LF; ``splitlines`` would do so at a CR alone too."""
    *whole, last = data.split(b"\n")
    return [*(line + b"\n" for line in whole), last]


def unescape(ink: bytes) -> bytes:
    decoded, position = b"", 0
    while position < len(ink):
        escape = ink[position + 1 : position + 3]
        if ink[position] == ord("=") and len(escape) == 2 and is_hex(escape):
            decoded, position = decoded + bytes.fromhex(escape.decode()), position + 3
        else:
            decoded, position = decoded + ink[position : position + 1], position + 1
    return decoded


def is_hex(escape: bytes) -> bool:
    return not escape.strip(b"0123456789abcdefABCDEF")


@pytest.mark.parametrize(
    ("data", "encoded"),
    [
        (b"a=b\tc~\x7f\xff", b"a=3Db\tc~=7F=FF"),
        (b"a\r\nb\n", b"a=0D=0Ab=0A"),
        (b"a b ", b"a b=20"),
        (b"a\t", b"a=09"),
        (b"a" * 76, b"a" * 76),
        (b"a" * 77, b"a" * 75 + b"=\r\naa"),
        (b"a" * 75 + b" ", b"a" * 75 + b"=\r\n=20"),
        (b"a" * 73 + b"=aa", b"a" * 73 + b"=\r\n=3Daa"),
        (b"a" * 74 + b"=aa", b"a" * 74 + b"=\r\n=3Daa"),
        (b"a" * 72 + b"=aa", b"a" * 72 + b"=3D=\r\naa"),
    ],
)
def test_quoted_printable_is_made(data: bytes, encoded: bytes) -> None:
    assert run(transfer_encoder("quoted-printable"), data) == encoded


@given(data=texts.map(lambda text: text * 9))
def test_quoted_printable_has_short_lines(data: bytes) -> None:
    encoded = run(transfer_encoder("quoted-printable"), data)
    assert all(len(line) <= MAX_LINE for line in encoded.split(b"\r\n"))
    assert not encoded.endswith((b" ", b"\t"))
    assert not encoded.replace(b"\r\n", b"").strip(bytes(range(32, 127)) + b"\t")


# --- content codings -----------------------------------------------------------------


@each_compressed
def test_a_cut_stream_is_truncated(name: str) -> None:
    encoded = run(content_encoder(name), b"data" * 100)
    for end in (0, 1, len(encoded) // 2, len(encoded) - 1):
        error = error_of(content_decoder(name), encoded[:end])
        assert type(error) is TruncatedMultipart
        assert (error.code, error.offset) == ("truncated", end)


@each_compressed
def test_data_behind_the_end_is_refused(name: str) -> None:
    encoded = run(content_encoder(name), b"data")
    together = error_of(content_decoder(name), encoded + b"junk here")
    apart = error_of(content_decoder(name), encoded, b"junk here")
    assert together.code == apart.code == "bad-coding"
    assert "junk" not in str(together)


@pytest.mark.parametrize("name", ["gzip", "zstd"])
def test_streams_in_a_row_are_one_content(name: str) -> None:
    encoded = run(content_encoder(name), b"one") + run(content_encoder(name), b"two")
    assert run(content_decoder(name), encoded) == b"onetwo"
    assert run(content_decoder(name), *single(encoded)) == b"onetwo"


def test_zeros_may_follow_gzip() -> None:
    encoded = gzip.compress(b"data")
    padded = encoded + bytes(10_000)
    assert run(content_decoder("gzip"), padded) == b"data"
    assert run(content_decoder("gzip"), *single(padded)) == b"data"
    for data in (padded + b"\1", padded + encoded, encoded + b"\0\1"):
        together = outcome(content_decoder("gzip"), [data])
        assert together[1] == outcome(content_decoder("gzip"), single(data))[1]
        assert error_of(content_decoder("gzip"), data).code == "bad-coding"


def test_many_tiny_members_are_linear() -> None:
    assert run(content_decoder("gzip"), gzip.compress(b"a") * 20_000) == b"a" * 20_000


def test_deflate_may_be_raw() -> None:
    data = prose(2, 20_000)
    for level in range(10):
        stream = zlib.compressobj(level, wbits=-15)
        raw = stream.compress(data) + stream.flush()
        assert run(content_decoder("deflate"), raw) == data
        assert run(content_decoder("deflate"), *single(raw)) == data
        assert run(content_decoder("deflate"), zlib.compress(data, level)) == data
    assert zlib.decompress(run(content_encoder("deflate"), data)) == data


def test_an_error_is_located_by_the_step_it_is_in() -> None:
    encoded = bytearray(gzip.compress(random.Random(1).randbytes(10 * STEP)))
    encoded[-8] ^= 1
    assert error_of(content_decoder("gzip"), bytes(encoded)).offset == 10 * STEP


def test_zstd_with_a_large_window_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=24)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    encoded = stream.compress(bytes(32 * MiB)) + stream.flush()
    assert error_of(content_decoder("zstd"), encoded).code == "bad-coding"


# --- bombs ---------------------------------------------------------------------------


@each_compressed
def test_a_bomb_gives_what_is_allowed_and_not_a_byte_more(name: str) -> None:
    bomb = run(content_encoder(name), bytes(16 * MiB))
    limits = Limits(max_ratio=20)
    output, error = outcome(content_decoder(name, limits), [bomb])
    assert len(output) == FREE
    assert error is not None
    assert error[0] is LimitExceeded
    assert error[4] == 413
    assert str(error[1]).startswith("max_ratio is 20")
    assert outcome(content_decoder(name, limits), single(bomb)) == (output, error)


@each_compressed
def test_a_bomb_is_lazy(name: str) -> None:
    bomb = run(content_encoder(name), bytes(64 * MiB))
    pieces = content_decoder(name, Limits(max_ratio=UNLIMITED)).feed(bomb)
    assert len(next(pieces)) <= MAX_PIECE


@settings(max_examples=15, deadline=None)
@given(cuts=sizes, ratio=st.integers(2, 400), name=compressed_names)
def test_the_ratio_does_not_depend_on_cuts(
    cuts: list[int], ratio: int, name: str
) -> None:
    data = random.Random(5).randbytes(3 * STEP) + bytes(8 * MiB)
    encoded = run(content_encoder(name), data)
    whole = outcome(content_decoder(name, Limits(max_ratio=ratio)), [encoded])
    for chunks in (chopped(encoded, cuts), list(single(encoded))):
        coder = content_decoder(name, Limits(max_ratio=ratio))
        assert outcome(coder, chunks) == whole


def test_a_mebibyte_may_come_of_anything() -> None:
    for size, fine in ((FREE, True), (FREE + 1, False)):
        limits = Limits(max_ratio=1)
        output, error = outcome(content_decoder("gzip", limits), [packed(size)])
        assert (len(output), error is None) == (FREE, fine)


def packed(size: int) -> bytes:
    return gzip.compress(bytes(size))


def test_a_bomb_in_a_bomb_has_no_more_than_its_ratio() -> None:
    bomb = run(content_encoder("gzip, gzip"), bytes(64 * MiB))
    output, error = outcome(content_decoder("gzip, gzip"), [bomb])
    assert len(bomb) < KiB
    assert len(output) == FREE
    assert error is not None
    assert error[0] is LimitExceeded


def test_a_bomb_that_gives_nothing_is_one_too() -> None:
    # The inner coding is a row of empty members: all work and no output.
    bomb = gzip.compress(gzip.compress(b"") * 400_000)
    output, error = outcome(content_decoder("gzip, gzip"), [bomb])
    assert output == b""
    assert error is not None
    assert error[0] is LimitExceeded


# --- flushes -------------------------------------------------------------------------


def check_flushes(name: str, chunks: Iterable[bytes]) -> bytes:
    """What is encoded; after each flush all that was fed can be decoded."""
    encoder, decoder = ENCODERS[name](), DECODERS[name]()
    # Bytes that do not make a whole quad wait for the rest of it.
    held = 2 if name == "base64" else 0
    fed, encoded, decoded = b"", b"", b""
    for chunk in chunks:
        pieces = [*encoder.feed(chunk), *encoder.flush()]
        assert all(0 < len(piece) <= MAX_PIECE for piece in pieces)
        fed, encoded = fed + chunk, encoded + b"".join(pieces)
        decoded += b"".join(decoder.feed(b"".join(pieces)))
        assert fed.startswith(decoded)
        assert len(decoded) >= len(fed) - held
    rest = b"".join(encoder.finish())
    assert decoded + run(decoder, rest) == fed
    return encoded + rest


@some
@given(names, proses, st.lists(st.integers(500, 9000), min_size=1, max_size=5))
def test_what_was_flushed_can_be_decoded(
    name: str, data: bytes, sizes: list[int]
) -> None:
    check_flushes(name, chopped(data, sizes))


@some
@given(names, st.lists(st.binary(max_size=99) | st.text(" \t=a\n").map(str.encode)))
def test_flushes_after_few_bytes(name: str, chunks: list[bytes]) -> None:
    encoded = check_flushes(name, chunks)
    if name == "base64":  # where flushes change nothing, and a length is exact
        assert encoded == run(transfer_encoder(name), *chunks)
    if name == "quoted-printable":
        lines = encoded.split(b"\r\n")
        assert max(map(len, lines)) <= MAX_LINE
        assert not lines[-1].endswith((b"=", b" ", b"\t"))
        assert all(line.endswith(b"=") for line in lines[:-1])


@each_compressed
def test_a_flush_costs_ratio(name: str) -> None:
    data = prose(1, 40_000)
    flushed = check_flushes(name, cut(data, 100))
    assert len(run(content_encoder(name), data)) < len(flushed) < len(data) * 1.5


@each_name
def test_a_decoder_has_nothing_to_flush(name: str) -> None:
    encoded, decoder = run(ENCODERS[name](), b"data " * 99), DECODERS[name]()
    decoded = b""
    for piece in single(encoded):
        decoded += b"".join(decoder.feed(piece))
        assert list(decoder.flush()) == []
    assert decoded + b"".join(decoder.finish()) == b"data " * 99


def test_nothing_is_flushed_after_the_end() -> None:
    encoder = content_encoder("gzip")
    run(encoder)
    with pytest.raises(MisuseError):
        encoder.flush()


# --- extras --------------------------------------------------------------------------


def test_brotli_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brotli", None)
    monkeypatch.setitem(sys.modules, "brotlicffi", None)
    assert_missing("br", "txmultipart[br]")


def test_a_brotli_that_cannot_stop_counts_for_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = SimpleNamespace(Decompressor=object)
    monkeypatch.setitem(sys.modules, "brotli", old)
    monkeypatch.setitem(sys.modules, "brotlicffi", None)
    assert_missing("br", "txmultipart[br]")


def test_brotlicffi_does_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brotlicffi", brotli)
    monkeypatch.setitem(sys.modules, "brotli", None)
    encoded = run(content_encoder("br"), b"data")
    assert run(content_decoder("br"), encoded) == b"data"


def test_zstd_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    monkeypatch.setitem(sys.modules, "zstandard", None)
    assert_missing("zstd", "txmultipart[zstd]")


def assert_missing(name: str, extra: str) -> None:
    with pytest.raises(MalformedMultipart) as caught:
        content_decoder(name)
    assert (caught.value.code, caught.value.http_status) == ("unknown-coding", 415)
    assert extra in str(caught.value)
    with pytest.raises(MisuseError) as misuse:
        content_encoder(f"gzip, {name}")
    assert misuse.value.code == "unknown-coding"
    assert extra in str(misuse.value)


class StandInDecompressor:
    """What Python 3.14 has in ``compression.zstd``, with another format inside."""

    def __init__(self, options: dict[str, int]) -> None:
        assert options == {"window": 23}
        self._stream = zlib.decompressobj()
        self.needs_input = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if self.eof:
            raise EOFError
        assert self.needs_input or not data
        data = self._stream.unconsumed_tail + data
        decompressed = self._stream.decompress(data, max_length)
        self.needs_input = len(decompressed) < max_length and not self.eof
        return decompressed


class StandInCompressor:
    """What goes with it."""

    FLUSH_BLOCK, FLUSH_FRAME = zlib.Z_SYNC_FLUSH, zlib.Z_FINISH

    def __init__(self, options: dict[str, int]) -> None:
        assert options == {"checksum": 1}
        self._stream = zlib.compressobj()
        self.compress = self._stream.compress

    def flush(self, mode: int = FLUSH_FRAME) -> bytes:
        return self._stream.flush(mode)


STAND_IN = SimpleNamespace(
    ZstdDecompressor=StandInDecompressor,
    ZstdCompressor=StandInCompressor,
    ZstdError=zlib.error,
    DecompressionParameter=SimpleNamespace(window_log_max="window"),
    CompressionParameter=SimpleNamespace(checksum_flag="checksum"),
)


@pytest.mark.parametrize("module", [None, STAND_IN])
def test_zstd_comes_from_python_or_from_its_extra(
    module: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "compression.zstd", module)
    data = prose(4, 50_000) + bytes(1_000_000)
    encoded = run(content_encoder("zstd"), data)
    assert outcome(content_decoder("zstd"), [encoded * 2]) == (data * 2, None)
    assert outcome(content_decoder("zstd"), single(encoded * 2)) == (data * 2, None)
    assert error_of(content_decoder("zstd"), encoded + b"junk").code == "bad-coding"
    check_flushes("zstd", [data[:9], b"", data[9:]])
