"""Header blocks: where one ends, however its bytes are cut, and how long it may be."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sansio.runs import DEFAULTS, bytewise
from txmultipart.errors import LimitExceeded, MalformedMultipart
from txmultipart.limits import KiB, Limits, MiB
from txmultipart.sansio import FORM_DATA, MIME, PartHeaders, Profile
from txmultipart.sansio.admission import Admission
from txmultipart.sansio.delimiter import Delimiter, Found
from txmultipart.sansio.header_block import HeaderBlockReader

OPEN, CLOSE, MORE, DATA = Found.OPEN, Found.CLOSE, Found.MORE, Found.DATA
FIELD = b"Content-Disposition: form-data; name=a"


class Blocks(HeaderBlockReader):
    """A reader, and the admission that the parser keeps beside it."""

    def __init__(self, newline: bytes, profile: Profile, limits: Limits) -> None:
        self._newline = newline
        self._own_admission = Admission(profile, limits)
        delimiter = Delimiter(b"--B", newline, padding=profile.padding)
        super().__init__(delimiter, profile, self._own_admission)

    def headers(self) -> PartHeaders:
        """Admit the block that was read."""
        admit = self._own_admission.admit
        return admit(self.block, self._newline, self.start).headers


def reader(profile: Profile = MIME, **bounds: int) -> Blocks:
    return Blocks(b"\r\n", profile, Limits(**bounds))


def feed(blocks: HeaderBlockReader, chunks: list[bytes]) -> tuple[Found, int]:
    """Feed until the block ends; say how, and after how many bytes."""
    before = 0
    for chunk in chunks:
        found, position = blocks.feed(chunk, 0)
        if found is not MORE:
            return found, before + position
        before += len(chunk)
    return MORE, before


@pytest.mark.parametrize(
    ("data", "found", "block", "end"),
    [
        (b"A: b\r\n\r\nx", DATA, b"A: b", 8),
        (b"\r\nx", DATA, b"", 2),
        (b"A: b\r\nC: d\r\n\r\n", DATA, b"A: b\r\nC: d", 14),
        (b"A: b\r\n--B\r\nx", OPEN, b"A: b", 11),
        (b"A: b\r\n--B--x", CLOSE, b"A: b", 11),
        (b"A: b\r\n--B \r\n", OPEN, b"A: b", 12),
        (b"A: b\r\n--B\r\n\r\n", OPEN, b"A: b", 11),
        (b"A: b\r\n--Bx: c\r\n--B\r\n", OPEN, b"A: b\r\n--Bx: c", 20),
        (b"A: b\r\n--Bx\r\n\r\n--B\r\n", DATA, b"A: b\r\n--Bx", 14),
        (b"A: b\r\n\r\n--B\r\n", DATA, b"A: b", 8),
        (b"--B\r\n\r\n", DATA, b"--B", 7),
        (b"A: b\r\n", MORE, None, 6),
        (b"A: b\r\n--B", MORE, None, 9),
        (b"A: b\n\n", MORE, None, 6),
    ],
    ids=ascii,
)
def test_where_a_block_ends(
    data: bytes, found: Found, block: bytes | None, end: int
) -> None:
    for chunks in ([data], bytewise(data)):
        blocks = reader()
        assert feed(blocks, chunks) == (found, end)
        if block is not None:
            assert blocks.block == block
            assert not blocks.held


def test_a_block_may_end_its_lines_in_a_bare_lf() -> None:
    for chunks in ([b"A: b\nC: d\n\nx"], bytewise(b"A: b\nC: d\n\nx")):
        blocks = Blocks(b"\n", MIME, DEFAULTS)
        assert feed(blocks, chunks) == (DATA, 11)
        assert blocks.headers().raw == ((b"A", b"b"), (b"C", b"d"))


def test_in_a_form_a_block_ends_at_a_blank_line_alone() -> None:
    data = b"A: b\r\n--B\r\nC: d\r\n\r\n"
    blocks = reader(FORM_DATA)
    assert feed(blocks, [data]) == (DATA, len(data))


def test_a_long_block_in_single_bytes_is_not_searched_from_its_front() -> None:
    class Counting(bytearray):
        searched = 0

        def find(self, *args: Any) -> int:
            stop = args[2] if len(args) > 2 else len(self)
            Counting.searched += stop - args[1]
            return super().find(*args)

    size = 32 * KiB
    blocks = reader(max_header_bytes=MiB)
    blocks.held = Counting()
    feed(blocks, bytewise(b"A: " + b"b" * size))
    assert len(blocks.held) == size + 3
    # Each byte is looked at as often as a delimiter line is long, twice.
    assert Counting.searched < 300 * size


def test_the_same_short_block_is_read_once() -> None:
    blocks = reader()
    first, second = b"A: b", b"A: " + b"b" * 300
    for block, same in ((first, True), (second, False)):
        headers = []
        for _ in range(2):
            feed(blocks, [block + b"\r\n\r\n"])
            headers.append(blocks.headers())
        assert headers[0] == headers[1]
        assert (headers[0] is headers[1]) is same


@pytest.mark.parametrize(
    ("limit", "bound", "block"),
    [
        ("max_header_bytes", 44, FIELD + b"\r\nA: b"),
        ("max_total_header_bytes", 44, FIELD + b"\r\nA: b"),
        ("max_header_line", 38, FIELD + b"\r\nA: b"),
        ("max_headers", 2, FIELD + b"\r\nA: b"),
    ],
)
def test_a_bound_is_passed_by_one_more(limit: str, bound: int, block: bytes) -> None:
    for chunks in ([block + b"\r\n\r\n"], bytewise(block + b"\r\n\r\n")):
        blocks = reader(FORM_DATA, **{limit: bound})
        feed(blocks, chunks)
        assert blocks.headers().name == "a"
        with pytest.raises(LimitExceeded) as caught:
            over(chunks, limit, bound - 1)
        assert (caught.value.limit, caught.value.bound) == (limit, bound - 1)
        assert caught.value.http_status == 431


def over(chunks: list[bytes], limit: str, bound: int) -> None:
    blocks = reader(FORM_DATA, **{limit: bound})
    feed(blocks, chunks)
    blocks.headers()


def test_all_blocks_together_have_a_bound() -> None:
    blocks = reader(max_total_header_bytes=10)
    for _ in range(2):
        blocks.start = 0
        feed(blocks, [b"A: bc\r\n\r\n"])
        blocks.headers()
    blocks.start = 100
    with pytest.raises(LimitExceeded) as caught:
        feed(blocks, [b"A:\r\n\r\n"])
    assert (caught.value.limit, caught.value.offset) == ("max_total_header_bytes", 100)


@pytest.mark.parametrize("profile", [FORM_DATA, MIME], ids=lambda p: p.name)
def test_a_block_without_end_is_not_kept(profile: Profile) -> None:
    blocks = reader(profile, max_header_bytes=100)
    longest = Delimiter(b"--B", b"\r\n", padding=profile.padding).longest
    with pytest.raises(LimitExceeded) as caught:
        feed(blocks, [b"x"] * 1000)
    assert caught.value.offset == 100
    assert len(blocks.held) <= 100 + longest + 1
    blocks = reader(profile, max_header_bytes=100)
    with pytest.raises(LimitExceeded):
        feed(blocks, [b"x", b"x" * 1_000_000])
    assert len(blocks.held) <= 100 + longest + 2


def test_offsets_of_errors_count_from_the_first_byte_of_the_body() -> None:
    blocks = reader()
    blocks.start = 1000
    feed(blocks, [b"A: b\r\nC\r\n\r\n"])
    for _ in range(2):
        with pytest.raises(MalformedMultipart) as caught:
            blocks.headers()
        assert caught.value.offset == 1006
