"""Basics: what is right, and has to work."""

from __future__ import annotations

from itertools import pairwise

from hpack.hpack import encode_integer
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

from tests.http2.conformance.case import (
    Acked,
    Answered,
    Case,
    Greeted,
    Ponged,
    PongedOrClosed,
    case,
    lives,
)
from tests.http2.conformance.frames import (
    CANCEL,
    GET,
    NO_ERROR,
    POST,
    PREFACE,
    PRIORITIZED,
    WINDOW,
    block,
    continuation,
    data,
    frame,
    get,
    goaway,
    headers,
    ping,
    post,
    priority,
    request,
    reset,
    settings,
    update,
)

PAD = 16

# A stream that is half-closed, and stays so: no window to answer with.
HELD = {WINDOW: 0}


def prioritized(stream: int, block: bytes) -> bytes:
    """HEADERS with the fields of RFC 7540, which no longer mean anything."""
    depends_on, weight = bytes(4), b"\xff"
    flags = 0x5 | PRIORITIZED
    return frame(1, flags, stream, depends_on + weight + block)


def split(given: bytes, pieces: int) -> bytes:
    """A whole request whose block is in so many CONTINUATION frames."""
    cuts = [len(given) * n // (pieces + 1) for n in range(pieces + 2)]
    parts = [given[a:b] for a, b in pairwise(cuts)]
    made = [headers(1, parts[0], whole=False)]
    made += [continuation(1, part, whole=False) for part in parts[1:-1]]
    return b"".join([*made, continuation(1, parts[-1])])


_STREAMS = (
    case("3.4-preface", *lives()),
    Case("3.4-settings-come-first", (PREFACE + settings({}), Greeted()), None),
    case("5.1-idle-priority", priority(1), get(), Answered()),
    case("5.1-half-closed-update", get(), update(1, 100), *lives(), greeting=HELD),
    case("5.1-half-closed-priority", get(), priority(1), *lives(), greeting=HELD),
    case("5.1-half-closed-reset", get(), reset(1), *lives(), greeting=HELD),
    case("5.1-closed-priority", get(), Answered(), priority(1), *lives()),
)

_FRAMES = (
    case("6.1-data", post(), data(1), Answered(size=4)),
    case(
        "6.1-data-in-pieces",
        post(),
        data(1, end=False) * 2 + data(1),
        Answered(size=12),
    ),
    case("6.1-data-with-a-pad", post(), data(1, pad=PAD), Answered(size=4)),
    case("6.1-empty-data-ends", post(), data(1, b""), Answered(size=0)),
    case("6.2-headers", get(), Answered()),
    case("6.2-headers-with-a-pad", headers(1, GET, pad=PAD), Answered()),
    case("6.2-headers-with-a-priority", prioritized(1, GET), Answered()),
    case("6.3-priority-1", priority(1, weight=0), get(), Answered()),
    case("6.3-priority-256", priority(1, weight=255), get(), Answered()),
    case("6.3-dependency", priority(1, 3), get(), Answered()),
    case("6.3-exclusive-dependency", priority(1, 3, exclusive=True), get(), Answered()),
    case("6.3-idle-then-a-lower-stream", priority(5), get(3), Answered(3)),
    case("6.4-reset", post(), reset(1, CANCEL), *lives()),
    case("6.5-settings", settings({WINDOW: 1 << 16}), Acked(2), *lives()),
    case("6.7-ping", ping(b"12345678"), Ponged(b"12345678")),
    case(
        "6.8-goaway", goaway(NO_ERROR), ping(b"12345678"), PongedOrClosed(b"12345678")
    ),
    case("6.9-update-of-the-connection", update(0, 1), get(), Answered()),
    case("6.9-update-of-a-stream", post(), update(1, 1), data(1), Answered()),
    case("6.10-continuation", split(GET, 1), Answered()),
    case("6.10-continuations", split(GET, 3), Answered()),
)

_MESSAGES = (
    case("8.1-get", get(), Answered(size=5)),
    case("8.1-head", headers(1, block(*request("HEAD"))), Answered(size=0)),
    case("8.1-post", headers(1, POST, end=False), data(1), Answered(size=4)),
    case(
        "8.1-post-with-trailers",
        headers(1, block(*request("POST", ("trailer", "x-test"))), end=False),
        data(1, end=False),
        headers(1, block(("x-test", "ok"))),
        Answered(size=4),
    ),
)


# RFC 7541 section 6: every way to write a field ---------------------------------------

_HUFFMAN = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)

#: user-agent in the static table.
USER_AGENT = 58


def string(given: bytes, *, huffman: bool) -> bytes:
    """RFC 7541 section 5.2."""
    if huffman:
        given = _HUFFMAN.encode(given)
    length = encode_integer(len(given), 7)
    length[0] |= 0x80 * huffman
    return bytes(length) + given


def literal(pattern: int, bits: int, name: bytes, *, huffman: bool) -> bytes:
    """A field whose value is text; without a ``name``, that of USER_AGENT."""
    first = encode_integer(0 if name else USER_AGENT, bits)
    first[0] |= pattern
    words = [string(word, huffman=huffman) for word in (name, b"a test") if word]
    return bytes(first) + b"".join(words)


def table_size(size: int) -> bytes:
    """RFC 7541 section 6.3."""
    made = encode_integer(size, 5)
    made[0] |= 0x20
    return bytes(made)


_WAYS = {
    "7541-6.2.1-indexed": (0x40, 6),
    "7541-6.2.2-not-indexed": (0x00, 4),
    "7541-6.2.3-never-indexed": (0x10, 4),
}

_LITERALS = tuple(
    case(
        "-".join([way, "new-name" if name else "known-name", *["huffman"] * huffman]),
        headers(1, GET + literal(pattern, bits, name, huffman=huffman)),
        Answered(),
    )
    for way, (pattern, bits) in _WAYS.items()
    for name in (b"", b"x-test")
    for huffman in (False, True)
)

_TABLE = (
    # accept-encoding: gzip, deflate in the static table.
    case("7541-6.1-indexed", headers(1, GET + b"\x90"), Answered()),
    # What the first adds to the table, the second takes from behind its :authority.
    case(
        "7541-6.1-indexed-in-the-dynamic-table",
        headers(1, GET + literal(0x40, 6, b"x-test", huffman=True)),
        headers(3, GET + b"\xbf"),
        Answered(1),
        Answered(3),
    ),
    case("7541-6.3-table-size", headers(1, table_size(0) + GET), Answered()),
    case(
        "7541-6.3-two-table-sizes",
        headers(1, table_size(0) + table_size(4096) + GET),
        Answered(),
    ),
)

BASICS = (*_STREAMS, *_FRAMES, *_MESSAGES, *_TABLE, *_LITERALS)
