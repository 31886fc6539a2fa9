"""PartHeaders: the block of one part, as received, and as made to be written."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import copy, deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from txmultipart.errors import MalformedMultipart, MisuseError, MultipartError
from txmultipart.sansio import (
    FORM_DATA,
    MIME,
    REPLACE,
    Anomaly,
    PartHeaders,
    Profile,
)
from txmultipart.sansio.header_lines import parse_header_block
from txmultipart.sansio.headers import HeaderSource

DISPOSITION = b'Content-Disposition: form-data; name="a"'


def parse(
    block: bytes, profile: Profile = MIME, newline: bytes = b"\r\n"
) -> PartHeaders:
    return parse_header_block(block, newline, profile)


# Received -------------------------------------------------------------------------


def test_they_are_ordered_and_raw_and_duplicates_stay() -> None:
    headers = parse(b"B: 1\r\na:2\r\nb: \t3 \t\r\nC:")
    assert headers.raw == ((b"B", b"1"), (b"a", b"2"), (b"b", b"3"), (b"C", b""))
    assert headers.get_all("b") == ["1", "3"]
    assert headers.get_all(b"B") == ["1", "3"]
    assert headers.get("b") == "1"
    assert headers.get("C") == ""
    assert headers.get("D") is None
    assert headers.get_all("D") == []
    assert headers.get("ü") is None
    assert headers.get("\udcff") is None


def test_a_block_may_be_empty() -> None:
    headers = parse(b"")
    assert headers.raw == ()
    assert headers.disposition == ("", {})
    assert headers.name is headers.filename is headers.safe_filename is None
    assert headers.content_type is headers.charset is None
    assert headers.content_length is None


def test_what_they_mean() -> None:
    headers = parse(
        b'content-disposition: form-data; name=a; filename="../%22ue\xcc\x88\\b"\r\n'
        b"CONTENT-TYPE: Text/Plain; Charset=UTF-8\r\nContent-Length: 7",
        FORM_DATA,
    )
    assert headers.disposition[0] == "form-data"
    assert headers.name == "a"
    assert headers.filename == '../"ue\u0308\\b'
    assert headers.safe_filename == "b"
    assert headers.content_type == "text/plain"
    assert headers.charset == "utf-8"
    assert headers.content_length == 7


@pytest.mark.parametrize(
    ("profile", "name", "filename"),
    [(FORM_DATA, "a", "%41\\"), (MIME, "b", "ü"), (REPLACE, "b", "ü")],
    ids=lambda value: getattr(value, "name", value),
)
def test_parameters_are_read_as_the_profile_wants(
    profile: Profile, name: str, filename: str
) -> None:
    block = (
        b"Content-Disposition: form-data; name=a; name*=utf-8''b; "
        b"filename=%41\\; filename*=utf-8''%C3%BC"
    )
    headers = parse(block, profile)
    assert (headers.name, headers.filename) == (name, filename)


@pytest.mark.parametrize(
    ("value", "length"),
    [
        (b"0", 0),
        (b"     4310", 4310),
        (b"00012", 12),
        (b"9" * 18, 10**18 - 1),
        (b"9" * 19, None),
        (b"1" * 5000, None),
        (b"-1", None),
        (b"+1", None),
        (b"1_0", None),
        (b"0x10", None),
        (b"1, 1", None),
        ("٣".encode(), None),
        ("²".encode(), None),
        (b"", None),
    ],
    ids=lambda value: ascii(value)[:12],
)
def test_a_declared_length(value: bytes, length: int | None) -> None:
    assert parse(b"Content-Length: " + value).content_length == length


@pytest.mark.parametrize(
    ("value", "charset"),
    [
        (b"text/plain; charset=UTF-8", "utf-8"),
        (b'text/plain; charset="ISO-8859-1"', "iso-8859-1"),
        (b"text/plain; charset*=utf-8''KOI8-R", "koi8-r"),
        (b"text/plain; charset=", None),
        (b"text/plain", None),
    ],
)
def test_a_declared_charset(value: bytes, charset: str | None) -> None:
    assert parse(b"Content-Type: " + value).charset == charset


def test_values_that_are_not_utf_8_can_be_had_raw() -> None:
    headers = parse(b"X: \xff")
    assert headers.get("X") == "\ufffd"
    assert headers.raw == ((b"X", b"\xff"),)


@pytest.mark.parametrize("profile", [FORM_DATA, MIME], ids=lambda p: p.name)
@pytest.mark.parametrize(
    ("lines", "code", "offset"),
    [
        (b"", None, None),
        (b"X!#$%&'*+-.^_`|~0: y", None, None),
        (b"X-0: y", None, None),
        (b"no colon", "bad-header", 42),
        (b": y", "bad-header", 42),
        (b"X : y", "bad-header", 42),
        (b"X y: z", "bad-header", 42),
        (b"X\0: y", "bad-header", 42),
        ("ü: y".encode(), "bad-header", 42),
        (b'"X": y', "bad-header", 42),
        (b"X: y\0", "bad-header", 42),
        (b"X: y\nZ: z", "bad-header", 42),
        (b"X: y\rZ: z", "bad-header", 42),
        (b"X: y\r\nZ", "bad-header", 48),
    ],
    ids=ascii,
)
def test_what_a_header_line_may_be(
    lines: bytes, code: str | None, offset: int | None, profile: Profile
) -> None:
    block = DISPOSITION + b"\r\n" + lines if lines else DISPOSITION
    if code is None:
        assert parse(block, profile).name == "a"
        return
    with pytest.raises(MalformedMultipart) as caught:
        parse(block, profile)
    assert (caught.value.code, caught.value.offset) == (code, offset)


@pytest.mark.parametrize(
    ("block", "code"),
    [
        (b"X: y", "no-disposition"),
        (b"", "no-disposition"),
        (DISPOSITION + b"\r\n" + DISPOSITION, "duplicate-header"),
        (
            DISPOSITION + b"\r\nContent-Type: a/b\r\ncontent-type: a/b",
            "duplicate-header",
        ),
        (DISPOSITION + b"\r\n X: y", "header-folding"),
        (b" " + DISPOSITION, "header-folding"),
        (DISPOSITION + b"\r\nContent-Type: text/plain; charset", "bad-parameter"),
        (DISPOSITION + b"; x", "bad-parameter"),
        (DISPOSITION + b"; name=b", "duplicate-parameter"),
    ],
)
def test_what_a_form_may_not_have(block: bytes, code: str) -> None:
    with pytest.raises(MalformedMultipart) as caught:
        parse(block, FORM_DATA)
    assert caught.value.code == code
    assert caught.value.http_status == 400


@pytest.mark.parametrize(
    "block",
    [
        b'Content-Disposition: Attachment; filename="a\\"',
        b"Content-Disposition: attachment; filename",
        b"Content-Disposition: attachment; filename=a; filename=b",
        b"Content-Disposition: attachment\r\nContent-Type: text/plain; charset",
        b"Content-Disposition: attachment; filename\r\nContent-Type: text/plain;=",
    ],
)
def test_parameters_that_make_no_sense_are_left_out_elsewhere(block: bytes) -> None:
    headers = parse(block, MIME)
    assert headers.disposition == ("attachment", {})
    assert headers.filename is None
    assert headers.content_type in (None, "text/plain")
    (anomaly,) = headers.anomalies
    assert anomaly.code in ("bad-parameter", "duplicate-parameter")


def test_what_others_may_have_is_recorded() -> None:
    headers = parse(b"A: 1;\r\n\tb=2\r\n  c\r\nContent-Type: a/b\r\nContent-Type: c/d")
    assert headers.raw[0] == (b"A", b"1; b=2 c")
    assert headers.content_type == "a/b"
    assert headers.anomalies == (
        Anomaly("header-folding", 7),
        Anomaly("header-folding", 13),
        Anomaly("duplicate-header", 0),
    )


@pytest.mark.parametrize(
    ("block", "value"),
    [(b"A:\r\n b", b"b"), (b"A: b\r\n ", b"b"), (b"A: b\n\tc", b"b c")],
    ids=ascii,
)
def test_folded_values(block: bytes, value: bytes) -> None:
    newline = b"\r\n" if b"\r" in block else b"\n"
    assert parse(block, newline=newline).raw == ((b"A", value),)


@pytest.mark.parametrize(
    "block", [b" a: b", b"A: b\r\n \0", b"A: b\r\n c\nd"], ids=ascii
)
def test_folds_that_nobody_may_have(block: bytes) -> None:
    with pytest.raises(MalformedMultipart) as caught:
        parse(block)
    assert caught.value.code == "header-folding"


BLOCKS = st.one_of(
    st.binary(),
    st.lists(
        st.sampled_from(
            [
                DISPOSITION,
                b"\r\n",
                b"\n",
                b"A: b",
                b" c",
                b"Content-Type: x; y",
                b'"',
                b"\xff",
            ]
        )
    ).map(b"".join),
)


@settings(max_examples=500, deadline=None)
@given(BLOCKS, st.sampled_from([b"\r\n", b"\n"]), st.sampled_from([FORM_DATA, MIME]))
def test_whatever_comes_there_is_no_other_error(
    block: bytes, newline: bytes, profile: Profile
) -> None:
    try:
        headers = parse(block, profile, newline)
    except MultipartError:
        return
    # What could be parsed can be asked for anything.
    _ = headers.name, headers.filename, headers.safe_filename, headers.content_type
    _ = headers.charset, headers.content_length, repr(headers), hash(headers)


# Made to be written ---------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        {"A": "ü", "b": " c\t"},
        [("A", "ü"), (b"b", b"c")],
        iter([("A", "ü".encode()), ("b", "c")]),
    ],
    ids=["mapping", "pairs", "iterator"],
)
def test_they_are_made_of_pairs(source: HeaderSource) -> None:
    assert PartHeaders(source).raw == ((b"A", "ü".encode()), (b"b", b"c"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a\r\nX", "y"),
        ("a\n", "y"),
        ("a\0", "y"),
        ("a b", "y"),
        ("a:", "y"),
        ("", "y"),
        ("ü", "y"),
        ("\udcff", "y"),
        (b"a\r\nX", b"y"),
        ("Content-Type", "a/b\r\nX: 1"),
        ("a", "y\r"),
        ("a", "y\n"),
        ("a", "\0"),
        ("a", "\n y"),
        (b"a", b"\r\nX: 1"),
        ("a", "\udcff"),
    ],
    ids=ascii,
)
def test_nothing_can_be_injected(name: str | bytes, value: str | bytes) -> None:
    with pytest.raises(MisuseError) as caught:
        PartHeaders([(name, value)])
    assert caught.value.code == "bad-header"
    assert caught.value.http_status == 500


def test_they_are_equal_if_they_say_the_same() -> None:
    one, same, other = (PartHeaders({"A": v}) for v in ("1", "1", "2"))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != ((b"A", b"1"),)


def test_they_print_their_names_alone() -> None:
    assert repr(PartHeaders([("A", "secret"), ("B", "")])) == "<PartHeaders A, B>"


def test_what_is_made_can_be_asked_too() -> None:
    headers = PartHeaders({"Content-Disposition": "x; name*=utf-8''%41"}, profile=MIME)
    assert headers.name == "A"
    assert headers.anomalies == ()


def test_headers_made_for_a_form_are_read_as_strictly() -> None:
    headers = PartHeaders(
        {"Content-Disposition": "form-data; name", "Content-Type": "a;b"}
    )
    for read in (lambda: headers.name, lambda: headers.content_type):
        with pytest.raises(MalformedMultipart) as caught:
            read()
        assert caught.value.code == "bad-parameter"


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"A": 5}, id="number"),
        pytest.param({"A": 0}, id="zero"),
        pytest.param({"A": ["5"]}, id="list"),
        pytest.param({5: "A"}, id="name"),
        pytest.param({"A": "\ud800"}, id="lone-surrogate"),
        pytest.param(5, id="no-mapping"),
        pytest.param([("A", "1", "2")], id="three-of-a-pair"),
    ],
)
def test_what_is_no_header_is_refused(given: Any) -> None:
    with pytest.raises(MisuseError) as caught:
        PartHeaders(given)
    assert caught.value.code == "bad-header"


def test_they_do_not_change() -> None:
    headers = PartHeaders({"A": "1"})
    with pytest.raises(AttributeError):
        headers.raw = ()
    with pytest.raises(AttributeError):
        del headers.raw
    assert headers.get("A") == "1"


# Copied ---------------------------------------------------------------------------


def folded(profile: Profile) -> PartHeaders:
    return parse(
        DISPOSITION + b"; filename=a\r\nContent-Type: text/plain;\r\n a", profile
    )


MADE: dict[str, Callable[[], PartHeaders]] = {
    "nothing": PartHeaders,
    "written": lambda: PartHeaders({"Content-Disposition": "form-data; name=a"}),
    "usual": lambda: parse(DISPOSITION + b'; filename="b.txt"', FORM_DATA),
    "of a form": lambda: parse(DISPOSITION + b"\r\nX-Mood: fine", FORM_DATA),
    "of mail": lambda: folded(MIME),
    "of a camera": lambda: folded(REPLACE),
}
COPIES: dict[str, Callable[[Any], Any]] = {
    "copy": copy,
    "deepcopy": deepcopy,
    "pickle": lambda thing: pickle.loads(pickle.dumps(thing)),
    "old pickle": lambda thing: pickle.loads(pickle.dumps(thing, protocol=0)),
}
each_copy = pytest.mark.parametrize("how", COPIES.values(), ids=COPIES.keys())
SAID = (
    "raw profile anomalies disposition name filename safe_filename content_type charset"
)


@pytest.mark.parametrize("looked_at", [False, True])
@pytest.mark.parametrize("name", MADE)
@each_copy
def test_copies_say_the_same(
    how: Callable[[Any], Any], name: str, looked_at: bool
) -> None:
    headers = MADE[name]()
    said = {word: getattr(headers, word) for word in SAID.split()}
    copied = how(headers if looked_at else MADE[name]())
    assert copied == headers
    assert hash(copied) == hash(headers)
    assert {word: getattr(copied, word) for word in SAID.split()} == said


@pytest.mark.parametrize("how", [copy, deepcopy])
def test_what_does_not_change_need_not_be_there_twice(
    how: Callable[[Any], Any],
) -> None:
    headers = PartHeaders({"A": "b"})
    assert how(headers) is headers


class OwnHeaders(PartHeaders):
    """Of somebody else's making."""


@each_copy
def test_those_of_a_class_of_ones_own_stay_of_it(how: Callable[[Any], Any]) -> None:
    assert type(how(OwnHeaders({"A": "b"}))) is OwnHeaders
