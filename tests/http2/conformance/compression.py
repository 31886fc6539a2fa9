"""Compression: RFC 7541, blocks that cannot be read."""

from __future__ import annotations

from tests.http2.conformance.basics import string, table_size
from tests.http2.conformance.case import BreaksConnection, case
from tests.http2.conformance.frames import COMPRESSION as CODE
from tests.http2.conformance.frames import GET, TABLE, headers
from tests.http2.conformance.log import Log

BROKEN = BreaksConnection((CODE,))

_NAME = string(b"x-test", huffman=False)
# 20 bits, and four of a pad.
_TEST = string(b"test", huffman=True)[1:]
_ZEROS = _TEST[:-1] + bytes([_TEST[-1] & 0xF0])
_EOS_AND_T = ((1 << 30) - 1) << 10 | 0b01001_11111


def unread(after: bytes) -> bytes:
    """A request that ends with something unreadable."""
    return headers(1, GET + after)


def huffman(value: bytes) -> bytes:
    """A request with a field of this value, which is said to be in Huffman's code."""
    return unread(b"\0" + _NAME + bytes([0x80 | len(value)]) + value)


def too_large(log: Log) -> bytes:
    """A table larger than the server lets it be."""
    return headers(1, table_size(log.settings.get(TABLE, 4096) + 1) + GET)


COMPRESSION = (
    case("7541-2.3.3-no-such-field", unread(b"\xc6"), BROKEN),
    case("7541-2.3.3-no-such-name", unread(b"\x7f\x07" + _NAME), BROKEN),
    case("7541-4.2-table-size-at-the-end", unread(table_size(1)), BROKEN),
    case("7541-5.2-pad-of-more-than-7-bits", huffman(_TEST + b"\xff"), BROKEN),
    case("7541-5.2-pad-of-zeros", huffman(_ZEROS), BROKEN),
    case("7541-5.2-end-of-string", huffman(_EOS_AND_T.to_bytes(5, "big")), BROKEN),
    case("7541-6.1-index-0", unread(b"\x80"), BROKEN),
    case("7541-6.3-too-large-table", too_large, BROKEN),
)
