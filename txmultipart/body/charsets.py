"""Charsets: which ones a sender may declare, and the field that declares one for others."""

from __future__ import annotations

import re
from encodings import normalize_encoding
from encodings.aliases import aliases

from txmultipart.errors import MisuseError
from txmultipart.sansio.headers import PartHeaders
from txmultipart.sansio.profiles import FORM_DATA

# The text encodings that browsers, mail and old systems use, by Python's names.
# Not Python's other codecs: some are no charsets, and one takes a time that grows
# with the square of the size. Nor UTF-7, in which any byte hides from filters.
_KNOWN = frozenset(
    (
        *("ascii", "utf_8", "utf_8_sig", "utf_16", "utf_16_be", "utf_16_le"),
        *("utf_32", "utf_32_be", "utf_32_le", "latin_1"),
        *(f"iso8859_{number}" for number in (*range(1, 12), *range(13, 17))),
        *(f"cp{number}" for number in range(1250, 1259)),
        *("cp437", "cp850", "cp852", "cp855", "cp866", "cp874", "cp932", "cp949"),
        *("koi8_r", "koi8_t", "koi8_u", "mac_cyrillic", "mac_roman", "tis_620"),
        *("big5", "big5hkscs", "gb2312", "gbk", "gb18030", "hz"),
        *("euc_jp", "euc_kr", "shift_jis", "iso2022_jp", "iso2022_kr", "johab"),
    )
)

_NAME = re.compile("[0-9A-Za-z][0-9A-Za-z_.:+-]*")

#: The longest name that is looked at, in bytes. RFC 2978 section 2.3 wants at most 40.
MAX_NAME = 40


def known_codec(charset: str) -> str:
    """Python's codec for ``charset``; ``LookupError`` if a peer may not declare it.

    ``codecs.lookup`` would remember every name that it does not find.
    """
    # What is looked up afterwards is without any other characters.
    name = normalize_encoding(charset.lower()) if _NAME.fullmatch(charset) else ""
    name = aliases.get(name, name)
    if name not in _KNOWN:
        raise LookupError("the charset is not known")
    return name


def check_encoding(encoding: str) -> None:
    """Raise ``MisuseError`` if ``encoding``, which no peer has named, is not for text."""
    try:
        b" ".decode(encoding)
    except UnicodeError:
        return  # it wants more than a byte
    except (LookupError, ValueError):
        message = f"{encoding!r} is no encoding of text that Python knows"
        raise MisuseError(message) from None


class CharsetField:
    """Watches a form for a field ``_charset_`` (RFC 7578 section 4.6).

    Its value is the charset of the text fields after it that declare none.
    """

    def __init__(self) -> None:
        #: The charset that was declared; None if none was.
        self.charset: str | None = None
        self.open = False
        self._value = b""

    def begin(self, headers: PartHeaders) -> None:
        """A part with these headers begins."""
        self.open = headers.profile is FORM_DATA and headers.name == "_charset_"
        self._value = b""

    def feed(self, data: bytes) -> None:
        """Some bytes of the field."""
        self._value = (self._value + data)[: MAX_NAME + 1]

    def end(self) -> None:
        """The field is complete. A name that is none is not known to anybody either."""
        self.open = False
        value = self._value if len(self._value) > MAX_NAME else self._value.strip()
        self.charset = value.decode("latin-1").lower() or None
