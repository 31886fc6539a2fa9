"""Header parameters: ``form-data; name="a"; filename="b.txt"``, read and written.

Two dialects exist. Forms (WHATWG HTML) percent-encode three characters inside
quotes and nothing else; everybody else uses quoted pairs (RFC 9110 section
5.6.4), extended values (RFC 8187) and continuations (RFC 2231). A profile says
which one is read. All work is linear in the length of the value.
"""

from __future__ import annotations

import re
from itertools import count, takewhile
from urllib.parse import unquote_to_bytes

from txmultipart.errors import MalformedMultipart, MisuseError
from txmultipart.sansio.profiles import FORM_DATA, MIME, Profile

# Possessive throughout: no input makes one of these go back and try again.
_GAP = re.compile(r"[ \t;]*+")
_PARAMETER = re.compile(r'([^ \t;="]++)[ \t]*+=[ \t]*+')
_ESCAPED = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"[ \t]*+(?=;|\Z)', re.DOTALL)
_UNESCAPED = re.compile(r'"[^"]*+"[ \t]*+(?=;|\Z)')
_BARE = re.compile(r'[^;"]*+(?=;|\Z)')
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_CONTINUATION = re.compile(r"(.+?)\*([0-9]{1,3})(\*?)")
_NEWLINES = re.compile(r"\r\n|\r|\n")
# CR, LF and NUL: with one of these a value could become a header of its own.
_BREAKS = re.compile("[\r\n\0]")
# What no UTF-8 can express.
_SURROGATES = re.compile("[\ud800-\udfff]")
# RFC 9110 section 5.6.6: the name of a parameter is a token.
_NAME = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+")

_EXTENDED_CHARSETS = {"utf-8": "utf-8", "iso-8859-1": "latin-1", "us-ascii": "ascii"}

Pairs = list[tuple[str, str]]


def parse_content_disposition(
    value: str | bytes, *, profile: Profile = FORM_DATA
) -> tuple[str, dict[str, str]]:
    """A Content-Disposition's type, in lower case, and its parameters (RFC 6266).

    With ``FORM_DATA``, ``name*`` and ``filename*`` stay what they are: extra
    parameters that change nothing (RFC 7578 section 4.2). With the other
    profiles an extended value replaces the plain one of its name. Bytes are
    read as UTF-8; what is not becomes U+FFFD. Raises ``MalformedMultipart``.
    """
    return _parse(value, profile)


def parse_content_type(value: str | bytes) -> tuple[str, dict[str, str]]:
    """A Content-Type's ``type/subtype``, in lower case, and its parameters (RFC 9110 section 8.3).

    Raises ``MalformedMultipart``, also for a parameter that is given twice:
    two readers may each take another one for the true boundary.
    """
    return _parse(value, MIME)


def _parse(value: str | bytes, profile: Profile) -> tuple[str, dict[str, str]]:
    # Some frameworks keep bytes that are not UTF-8 as lone surrogates in a str.
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    text = raw.decode("utf-8", "replace")
    head, _, rest = text.partition(";")
    # A name may really end in a backslash, which browsers do not escape: what
    # does not parse with escapes is read once more without.
    pairs = _split(rest, _ESCAPED)
    if pairs is None and profile.form_escapes:
        pairs = _split(rest, _UNESCAPED)
    if pairs is None:
        raise MalformedMultipart(
            "a header parameter is malformed", code="bad-parameter"
        )
    return head.strip(" \t").lower(), _decode(pairs, profile)


def _split(text: str, quoted: re.Pattern[str]) -> Pairs | None:
    """Names and values as they stand, values in quotes with them; None: malformed."""
    pairs: Pairs = []
    position = _end(_GAP.match(text))
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None:
            return None
        value = quoted if text.startswith('"', match.end()) else _BARE
        found = value.match(text, match.end())
        if found is None:
            return None
        pairs.append((match[1].lower(), found[0].strip(" \t")))
        position = _end(_GAP.match(text, found.end()))
    return pairs


def _end(match: re.Match[str] | None) -> int:
    return match.end() if match else 0


def _decode(pairs: Pairs, profile: Profile) -> dict[str, str]:
    unquote = _unquote_form if profile.form_escapes else _unquote
    parameters: dict[str, str] = {}
    for name, raw in pairs:
        if name in parameters:
            raise MalformedMultipart(
                "a header parameter is given twice", code="duplicate-parameter"
            )
        parameters[name] = unquote(raw[1:-1]) if raw[:1] == '"' else raw
    if not profile.form_escapes:
        parameters.update(_extended(parameters))
    return parameters


def _unquote(text: str) -> str:
    return _PAIR.sub(r"\1", text) if "\\" in text else text


def _unquote_form(text: str) -> str:
    """Undo what browsers do (``%22 %0D %0A``) and what curl and others do (``\\"``).

    Any other backslash or percent sign is left alone: Windows paths and
    percent signs in names are sent as they are.
    """
    if "\\" in text:
        text = _PAIR.sub(lambda m: '"' if m[1] == '"' else m[0], text)
    if "%" in text:
        text = text.replace("%22", '"').replace("%0D", "\r").replace("%0A", "\n")
    return text


def _extended(parameters: dict[str, str]) -> dict[str, str]:
    """What ``name*=`` (RFC 8187) and ``name*0=`` (RFC 2231 section 3) stand for."""
    found: dict[str, str] = {}
    segments: dict[str, dict[int, tuple[str, bool]]] = {}
    for name, value in parameters.items():
        match = _CONTINUATION.fullmatch(name)
        if match:
            part = segments.setdefault(match[1], {})
            part[int(match[2])] = (value, bool(match[3]))
    for name, parts in segments.items():
        _keep(found, name, _join(parts))
    for name, value in parameters.items():
        if name.endswith("*") and "*" not in name[:-1]:
            _keep(found, name[:-1], _decode_extended(*_extended_parts(value)))
    return found


def _keep(found: dict[str, str], name: str, value: str | None) -> None:
    # RFC 2231 is not for boundaries: two readers would see two bodies.
    if value is not None and name and name != "boundary":
        found[name] = value


def _extended_parts(value: str) -> tuple[str, bytes]:
    """The charset and the decoded bytes of ``charset'language'percent-encoded``."""
    charset, _, rest = value.partition("'")
    return charset, unquote_to_bytes(rest.partition("'")[2])


def _decode_extended(charset: str, raw: bytes) -> str | None:
    codec = _EXTENDED_CHARSETS.get(charset.lower())
    try:
        return raw.decode(codec) if codec else None
    except UnicodeDecodeError:
        return None  # the plain value is then still there


def _join(parts: dict[int, tuple[str, bool]]) -> str | None:
    """The segments from 0 on, up to the first that is missing."""
    if 0 not in parts:
        return None
    charset, raw = "utf-8", b""
    for index in takewhile(parts.__contains__, count()):
        value, encoded = parts[index]
        if index == 0 and encoded:
            charset, piece = _extended_parts(value)
        else:
            piece = unquote_to_bytes(value) if encoded else value.encode()
        raw += piece
    return _decode_extended(charset, raw)


def is_token(text: str) -> bool:
    """Whether ``text`` can be the name of a parameter, or a type or disposition."""
    return _NAME.fullmatch(text) is not None


def form_parameter(name: str, value: str) -> str:
    """``name="value"`` as WHATWG HTML escapes it; the quote, CR and LF only.

    Line breaks in a ``name`` are made CRLF first, those in a ``filename`` stay
    ("escape a multipart/form-data name"). Raises ``MisuseError`` for a NUL, a lone
    surrogate, and a ``name`` that is no token.
    """
    _check(name, value)
    if "\0" in value:
        raise MisuseError("a form parameter holds a NUL", code="bad-parameter")
    if name == "name":
        value = _NEWLINES.sub("\r\n", value)
    value = value.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
    return f'{name}="{value}"'


def quoted_parameter(name: str, value: str) -> str:
    """``name="value"`` with quoted pairs (RFC 9110 section 5.6.4).

    Raises ``MisuseError`` for CR, LF or NUL, which no quoting can carry, for a lone
    surrogate, and for a ``name`` that is no token.
    """
    _check(name, value)
    if _BREAKS.search(value):
        raise MisuseError("a parameter holds CR, LF or NUL", code="bad-parameter")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'


def _check(name: str, value: str) -> None:
    for given in (name, value):
        if not isinstance(given, str):
            message = f"a parameter is a str, not {type(given).__name__}"
            raise MisuseError(message, code="bad-parameter")
    if not is_token(name):
        raise MisuseError("a parameter's name is not a token", code="bad-parameter")
    if _SURROGATES.search(value):
        raise MisuseError("a parameter holds a lone surrogate", code="bad-parameter")
