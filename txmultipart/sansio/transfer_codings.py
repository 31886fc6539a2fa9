"""The Content-Transfer-Encodings that change bytes (RFC 2045 sections 6.7 and 6.8).

Each block of input is looked at once and by functions written in C; what must
wait for more input is held back and is bounded: 3 characters of base64, 57 bytes
to be made base64, 1000 characters of quoted-printable and 76 to be made so.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, a2b_qp, b2a_base64
from collections.abc import Iterator

from txmultipart.errors import MalformedMultipart
from txmultipart.limits import KiB
from txmultipart.sansio.coder import StepwiseCoder

#: Characters on one encoded line, its line break not counted.
MAX_LINE = 76

#: White space in a row that a quoted-printable decoder holds back, since it goes
#: away if a line break follows. What the transport added cannot be longer: a
#: line on its way has at most 998 characters (RFC 5322 section 2.1.1).
MAX_BLANK = 998

_BLANK = b" \t\r\n"
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_LEGAL = _ALPHABET + _BLANK
_STRANGE = re.compile(rb"[^A-Za-z0-9+/ \t\r\n]")
_INK = re.compile(rb"[^ \t\r\n]")

# Bytes on a line of base64: 57 make 76 characters.
_LINE_BYTES = MAX_LINE // 4 * 3


class Base64Decoder(StepwiseCoder):
    """Decodes base64 (RFC 2045 section 6.8) and is strict about it.

    White space is ignored, and so are bits left over in the last character.
    Padding may be missing at the end. Any other character, anything but white
    space behind the padding, and a last character on its own, which stands for
    no byte, are ``MalformedMultipart`` with the code ``bad-base64``. RFC 2045
    would have strange characters ignored; then two readers can disagree.
    """

    def __init__(self) -> None:
        super().__init__()
        # 0 to 3 characters that do not make three bytes yet.
        self._quad = b""
        # How many "=" may still come; None as long as there was none.
        self._padding: int | None = None

    def _feed(self, data: bytes) -> Iterator[bytes]:
        position = 0
        if self._padding is None:
            position = _end_of_base64(data)
            yield self._decode(data[:position])
            if position == len(data):
                return
            yield self._end(data, position)
        self._check_padding(data, position)

    def _decode(self, data: bytes) -> bytes:
        text = self._quad + data.translate(None, _BLANK)
        whole = len(text) & ~3
        self._quad = text[whole:]
        return a2b_base64(text[:whole])

    def _end(self, data: bytes, position: int) -> bytes:
        """The bytes of the last quad; at ``position`` is a ``=`` or worse."""
        if data[position : position + 1] == b"=" and len(self._quad) > 1:
            self._padding = 4 - len(self._quad)
            return self._last_quad()
        raise _bad_base64("has a character that does not belong", self.offset, position)

    def _last_quad(self) -> bytes:
        return a2b_base64(self._quad + b"=" * (-len(self._quad) % 4))

    def _check_padding(self, data: bytes, position: int) -> None:
        for match in _INK.finditer(data, position):
            if match[0] != b"=" or not self._padding:
                raise _bad_base64("has data behind its end", self.offset, match.start())
            self._padding -= 1

    def _finish(self) -> Iterator[bytes]:
        if self._padding is None:
            if len(self._quad) == 1:
                raise _bad_base64("ends with half a byte", self.offset)
            yield self._last_quad()


def _end_of_base64(data: bytes) -> int:
    """Where the first byte stands that is neither a digit nor white space."""
    # Ten times faster than the search, and there nearly never is one.
    if not data.translate(None, _LEGAL):
        return len(data)
    match = _STRANGE.search(data)
    assert match is not None
    return match.start()


def _bad_base64(what: str, offset: int, position: int = 0) -> MalformedMultipart:
    return MalformedMultipart(
        f"base64 {what}", code="bad-base64", offset=offset + position
    )


class Base64Encoder(StepwiseCoder):
    """Encodes as base64 in lines of 76 characters with CRLF between them.

    There is no CRLF behind the last line: the delimiter brings its own. A flush
    gives whole quads, so one or two bytes wait for the next; it changes nothing
    about what is made.
    """

    # Makes less than MAX_PIECE, with the line breaks.
    block = 46 * KiB

    def __init__(self) -> None:
        super().__init__()
        # Bytes of the line that is not full yet, and its characters that are out.
        self._line = b""
        self._column = 0
        self._break = b""

    def _feed(self, data: bytes) -> Iterator[bytes]:
        data = self._line + data
        room = _LINE_BYTES - self._column // 4 * 3
        whole = len(data) - (len(data) - room) % _LINE_BYTES if len(data) >= room else 0
        self._line = data[whole:]
        yield self._encode(data[:whole])

    def _flush(self) -> Iterator[bytes]:
        whole = len(self._line) - len(self._line) % 3
        data, self._line = self._line[:whole], self._line[whole:]
        yield self._encode(data)

    def _finish(self) -> Iterator[bytes]:
        yield self._encode(self._line)

    def _encode(self, data: bytes) -> bytes:
        """Whole lines, the first of which may be begun, or the beginning of one."""
        if not data:
            return b""
        room = _LINE_BYTES - self._column // 4 * 3
        lines = [
            b2a_base64(data[max(0, start) : start + _LINE_BYTES], newline=False)
            for start in range(room - _LINE_BYTES, len(data), _LINE_BYTES)
        ]
        before = b"" if self._column else self._break
        self._break = b"\r\n"
        self._column = (self._column * (len(lines) == 1) + len(lines[-1])) % MAX_LINE
        return before + b"\r\n".join(lines)


def base64_length(size: int) -> int:
    """How many bytes ``Base64Encoder`` makes of ``size`` bytes."""
    digits = -(-size // 3) * 4
    line_breaks = max(0, -(-digits // MAX_LINE) - 1)
    return digits + 2 * line_breaks


# A "=" with neither two hexadecimal digits nor a line break behind it.
_NO_ESCAPE = re.compile(rb"=(?![0-9A-Fa-f]{2}|[ \t]{0,%d}+\r?\n)" % MAX_BLANK)
# Soft line breaks, and white space at the end of a line. Only the first of
# several blanks can begin a match, or a long row of them would take for ever.
_VANISHING = re.compile(
    rb"=[ \t]{0,%d}+\r?\n|(?<![ \t])[ \t]{1,%d}+(?=\r?\n)" % (MAX_BLANK, MAX_BLANK)
)
_HALF_ESCAPE = re.compile(rb"=[0-9A-Fa-f]\Z")


class QuotedPrintableDecoder(StepwiseCoder):
    """Decodes quoted-printable (RFC 2045 section 6.7); never fails.

    - Soft line breaks and white space at the end of a line go away; the end of
      the input ends a line too, as its line break belongs to the delimiter.
    - Lower-case digits, long lines and line breaks without CR are accepted.
    - A ``=`` that begins no escape stays as it is, with what follows. That is
      the RFC's advice for text that was never encoded: nothing is lost.
    - Bytes that need an escape and have none stay as they are.
    - White space in a row is held back until it is known whether the line ends,
      but more than ``MAX_BLANK`` of it is data, whatever follows.
    """

    block = 32 * KiB

    def __init__(self) -> None:
        super().__init__()
        self._held = b""
        # The input so far ends amid too much white space, already given out.
        self._amid_blanks = False

    def _feed(self, data: bytes) -> Iterator[bytes]:
        if self._amid_blanks:
            rest = data.lstrip(b" \t")
            yield data[: len(data) - len(rest)]
            self._amid_blanks = not rest
            data = rest
        data = self._held + data
        settled = self._settled(data)
        self._held = data[settled:]
        yield _decode_quoted_printable(data[:settled])

    def _settled(self, data: bytes) -> int:
        """How many bytes of ``data`` mean the same whatever follows."""
        if _HALF_ESCAPE.search(data, max(0, len(data) - 2)):
            return len(data) - 2
        line = data.removesuffix(b"\r")
        ink = line.rstrip(b" \t")
        if len(line) - len(ink) > MAX_BLANK:
            self._amid_blanks = len(line) == len(data)
            return len(data)
        return len(ink.removesuffix(b"="))

    def _finish(self) -> Iterator[bytes]:
        # With a line break behind it, what may vanish does, and that is dropped.
        held = self._held
        if held.removeprefix(b"=").strip(b" \t"):
            yield _decode_quoted_printable(held)


def _decode_quoted_printable(data: bytes) -> bytes:
    # In this order: "=4", a soft line break and "1" are not "=41".
    data = _NO_ESCAPE.sub(b"=3D", data)
    return a2b_qp(_VANISHING.sub(b"", data))


# RFC 2045 section 6.7, rules 1 to 3. CR and LF are data here, not line breaks, so
# that any bytes come out as they went in.
_ESCAPES = [
    bytes([byte])
    if byte in b" \t" or (33 <= byte <= 126 and byte != ord("="))
    else b"=%02X" % byte
    for byte in range(256)
]


class QuotedPrintableEncoder(StepwiseCoder):
    """Encodes any bytes as quoted-printable in lines of at most 76 characters.

    Line breaks are data and become ``=0D=0A`` (RFC 2045 section 6.7 calls this
    binary data), so all line breaks in the output are soft ones. White space in
    front of a flush is escaped, as the line may end there.
    """

    # Each byte makes up to three characters, and each line has three more.
    block = 16 * KiB

    def __init__(self) -> None:
        super().__init__()
        # The line that is not full yet, and how many of its characters are out.
        self._line = b""
        self._column = 0

    def _feed(self, data: bytes) -> Iterator[bytes]:
        yield self._fold(b"".join([_ESCAPES[byte] for byte in data]))

    def _flush(self) -> Iterator[bytes]:
        yield self._end_of_blank()
        # The line must have room for the "=" that breaks it.
        yield self._fold(b"", MAX_LINE - 1)
        yield self._line
        self._column += len(self._line)
        self._line = b""

    def _finish(self) -> Iterator[bytes]:
        yield self._end_of_blank()
        yield self._line

    def _end_of_blank(self) -> bytes:
        """White space must not end the last line: decoders take it away."""
        if not self._line.endswith((b" ", b"\t")):
            return b""
        last = self._line[-1]
        self._line = self._line[:-1]
        return self._fold(b"=%02X" % last)

    def _fold(self, text: bytes, most: int = MAX_LINE) -> bytes:
        """The lines that ``text`` fills; a rest of up to ``most`` stays in ``_line``."""
        text = self._line + text
        lines, start = [], 0
        while len(text) - start > most - self._column:
            end = _end_of_line(text, start, MAX_LINE - 1 - self._column)
            lines.append(text[start:end] + b"=\r\n")
            start, self._column = end, 0
        self._line = text[start:]
        return b"".join(lines)


def _end_of_line(text: bytes, start: int, room: int) -> int:
    """The last place within ``room`` behind ``start`` that is not within an escape."""
    end = start + room
    escape = text.find(b"=", max(start, end - 2), end)
    return end if escape < 0 else escape
