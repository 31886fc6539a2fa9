"""Header parameters in both dialects: the one of forms, and the one of everything else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.sansio.runs import calls
from txmultipart.errors import MalformedMultipart, MisuseError
from txmultipart.sansio import (
    FORM_DATA,
    MIME,
    REPLACE,
    Profile,
    parse_content_disposition,
    parse_content_type,
)
from txmultipart.sansio.parameters import form_parameter, quoted_parameter

Parameters = dict[str, str]
MALFORMED = "bad-parameter"


def form(value: str | bytes) -> Parameters:
    return parse_content_disposition(value, profile=FORM_DATA)[1]


def mime(value: str | bytes) -> Parameters:
    return parse_content_disposition(value, profile=MIME)[1]


# What both dialects agree on ------------------------------------------------------


@pytest.mark.parametrize("read", [form, mime])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('; name="a"', {"name": "a"}),
        ("; name=a", {"name": "a"}),
        ('; NAME="a"', {"name": "a"}),
        (";name=a;filename=b", {"name": "a", "filename": "b"}),
        (';\tname="a"', {"name": "a"}),
        (' ; ; ;name = "a" ;', {"name": "a"}),
        ('; name=""', {"name": ""}),
        ("; name=", {"name": ""}),
        ("; name=a b; x=y", {"name": "a b", "x": "y"}),
        ('; name="a;b=c"', {"name": "a;b=c"}),
        (
            '; filename="; name=\\"evil"; name="a"',
            {"filename": '; name="evil', "name": "a"},
        ),
        ('; name="ü日"', {"name": "ü日"}),
        ("; name='a'", {"name": "'a'"}),
        ("; name=a\\b", {"name": "a\\b"}),
        ('; name="__proto__"', {"name": "__proto__"}),
        ("", {}),
        (";", {}),
    ],
)
def test_both_dialects(
    read: Callable[[str], Parameters], text: str, expected: Parameters
) -> None:
    assert read("form-data" + text) == expected


@pytest.mark.parametrize("read", [form, mime])
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('; name="a', MALFORMED),
        ('; name="a"b', MALFORMED),
        ('; name="a" filename="b"', MALFORMED),
        ('; name=a"b', MALFORMED),
        ("; name", MALFORMED),
        ("; =a", MALFORMED),
        ('; "name"=a', MALFORMED),
        ("; na me=a", MALFORMED),
        ('; name="a"; name="b"', "duplicate-parameter"),
        ('; name="a"; NAME="b"', "duplicate-parameter"),
        ("; name*=utf-8''a; name*=utf-8''b", "duplicate-parameter"),
    ],
)
def test_both_dialects_refuse(
    read: Callable[[str], Parameters], text: str, code: str
) -> None:
    with pytest.raises(MalformedMultipart) as caught:
        read("form-data" + text)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("value", "kind"),
    [("form-data", "form-data"), (" Form-Data\t; name=a", "form-data"), ("", "")],
)
def test_the_type_before_the_parameters(value: str, kind: str) -> None:
    assert parse_content_disposition(value)[0] == kind


def test_bytes_are_read_as_utf_8() -> None:
    assert form("form-data; name=ü".encode()) == {"name": "ü"}
    assert form(b"form-data; name=\xff") == {"name": "\ufffd"}


@pytest.mark.parametrize("profile", [FORM_DATA, MIME, REPLACE], ids=lambda p: p.name)
def test_what_was_not_utf_8_may_come_as_lone_surrogates(profile: Profile) -> None:
    value = "a; name*=utf-8''\udcff; filename*0*=utf-8''\udcff"
    _, parameters = parse_content_disposition(value, profile=profile)
    assert not any("\ud800" <= c <= "\udfff" for v in parameters.values() for c in v)


# Where they differ ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("quoted", "in_a_form", "elsewhere"),
    [
        ("%22", '"', "%22"),
        ("%0D%0A", "\r\n", "%0D%0A"),
        ("%0d%0a", "%0d%0a", "%0d%0a"),
        ("%20%25%C3%BC%2f%00", "%20%25%C3%BC%2f%00", "%20%25%C3%BC%2f%00"),
        ("100%", "100%", "100%"),
        ("%2522", "%2522", "%2522"),
        ('\\"', '"', '"'),
        ("a\\b", "a\\b", "ab"),
        ("C:\\dir\\a.txt", "C:\\dir\\a.txt", "C:dira.txt"),
        ("a\\\\b", "a\\\\b", "a\\b"),
        ("\\\\", "\\\\", "\\"),
        ('\\\\"', '\\\\"', None),
        ("a\\", "a\\", None),
        ('a\\"b\\', 'a\\"b\\', None),
    ],
)
def test_escapes(quoted: str, in_a_form: str, elsewhere: str | None) -> None:
    value = f'form-data; name="{quoted}"'
    if quoted in {'\\\\"', 'a\\"b\\'}:
        # Neither reading of the backslashes leaves a whole quoted string.
        with pytest.raises(MalformedMultipart):
            form(value)
    else:
        assert form(value) == {"name": in_a_form}
    if elsewhere is None:
        with pytest.raises(MalformedMultipart):
            mime(value)
    else:
        assert mime(value) == {"name": elsewhere}


def test_a_name_of_a_form_may_end_in_a_backslash_before_another_parameter() -> None:
    value = 'form-data; name="a\\"; filename="b\\"'
    assert form(value) == {"name": "a\\", "filename": "b\\"}
    with pytest.raises(MalformedMultipart):
        mime(value)


EXTENDED = "attachment; filename=\"a\"; filename*=UTF-8''%C3%BC"


def test_a_form_does_not_believe_extended_values_but_shows_them() -> None:
    assert form(EXTENDED) == {"filename": "a", "filename*": "UTF-8''%C3%BC"}
    assert form("x; name*0=a; name*1=b") == {"name*0": "a", "name*1": "b"}
    assert "name" not in form("form-data; name*=utf-8''b")


@pytest.mark.parametrize(
    ("text", "filename"),
    [
        # RFC 8187
        ("filename=\"a\"; filename*=UTF-8''%C3%BC", "ü"),
        ("filename*=UTF-8''%C3%BC; filename=\"a\"", "ü"),
        ("filename*=utf-8'en'%C3%BC%20b", "ü b"),
        ("filename*=iso-8859-1''%FC", "ü"),
        ("filename*=us-ascii''a", "a"),
        ("filename*=\"UTF-8''%C3%BC\"", "ü"),
        ("filename=a; filename*=utf-8''%FF", "a"),
        ("filename=a; filename*=utf-16''%FF", "a"),
        ("filename=a; filename*=us-ascii''%FF", "a"),
        ("filename=a; filename*=nothing", "a"),
        ("filename*=utf-8''%zz%4", "%zz%4"),
        ("filename*=utf-8''", ""),
        # RFC 2231
        ("filename*0=foo; filename*1=bar.txt", "foobar.txt"),
        ("filename*1=bar.txt; filename*0=foo", "foobar.txt"),
        ("filename*0*=utf-8''%C3; filename*1*=%BC", "ü"),
        ("filename*0*=utf-8''%C3%BC; filename*1=%41", "ü%41"),
        ("filename*0*=iso-8859-1''%FC; filename*1*=%FC", "üü"),
        ('filename*0="a b"; filename*1=ü', "a bü"),
        ("filename*0=a; filename*2=c", "a"),
        ("filename*0=a; filename*2=c; filename*3=d", "a"),
        ("filename=a; filename*1=b", "a"),
        ("filename=a; filename*0*=utf-16''b", "a"),
        ("filename=a; filename*0=b", "b"),
        ("filename*0=a; filename*=utf-8''b", "b"),
        ("filename*1000=b; filename=a", "a"),
        ("filename*x=b; filename=a", "a"),
    ],
)
def test_extended_values_elsewhere(text: str, filename: str) -> None:
    assert mime("attachment; " + text)["filename"] == filename


@pytest.mark.parametrize("text", ["*=utf-8''b", "**=utf-8''b", "*0=b"])
def test_an_extended_value_of_no_name_is_only_itself(text: str) -> None:
    assert mime("attachment; " + text) == dict([text.split("=", 1)])


def test_extended_values_are_for_types_too_but_never_for_a_boundary() -> None:
    kind, parameters = parse_content_type(
        "Multipart/Mixed; boundary=a; boundary*=utf-8''b; boundary*0=c; x*=utf-8''%41"
    )
    assert kind == "multipart/mixed"
    assert (parameters["boundary"], parameters["x"]) == ("a", "A")
    assert "boundary" not in parse_content_type("multipart/x; boundary*0=c")[1]


@pytest.mark.parametrize(
    "value",
    [
        "multipart/mixed; boundary=safe; boundary=evil",
        'multipart/mixed; boundary=safe; Boundary="safe"',
    ],
)
def test_two_boundaries_are_refused(value: str) -> None:
    with pytest.raises(MalformedMultipart) as caught:
        parse_content_type(value)
    assert caught.value.code == "duplicate-parameter"


def test_a_content_type_as_soap_sends_it() -> None:
    value = (
        'multipart/related; type="application/xop+xml"; start="<a@b>"; '
        'start-info="text/xml"; boundary="=_:?"'
    )
    assert parse_content_type(value.encode())[1] == {
        "type": "application/xop+xml",
        "start": "<a@b>",
        "start-info": "text/xml",
        "boundary": "=_:?",
    }


# Work ------------------------------------------------------------------------------

#: Inputs that made regular expressions of others go back and try again.
CATASTROPHES: dict[str, Callable[[int], str]] = {
    "backslashes in a quote": lambda n: 'form-data; a="' + '\\"' * n,
    "backslashes behind one": lambda n: 'x; !="' + "\\" * n,
    "quoted pairs of a filename": lambda n: 'a; filename="' + "a\\" * n + '"x',
    "many escapes": lambda n: 'a; name="' + "\\a" * n + '"',
    "semicolons": lambda n: "a" + "; " * n + "x",
    "white space": lambda n: "a; name" + " " * n + "x",
    "white space in a value": lambda n: 'a; name="b"' + " \t" * n + "x",
    "stars": lambda n: "a; " + "*1" * n + "=b",
    "parameters": lambda n: "a" + "".join(f"; p{i}=v" for i in range(n)),
    "segments": lambda n: "a" + "".join(f"; p*{i}=v" for i in range(n)),
    "percent signs": lambda n: 'a; name="' + "%2" * n + '"',
    "extended percent signs": lambda n: "a; name*=utf-8''" + "%C3" * n,
}


@pytest.mark.parametrize("profile", [FORM_DATA, MIME], ids=lambda p: p.name)
@pytest.mark.parametrize("make", CATASTROPHES.values(), ids=CATASTROPHES)
def test_what_was_catastrophic_elsewhere_comes_to_an_end(
    make: Callable[[int], str], profile: Profile
) -> None:
    # 300 kB: a quadratic search would take hours, an exponential one for ever.
    with suppress(MalformedMultipart):
        parse_content_disposition(make(100_000), profile=profile)


TEXTS = st.one_of(
    st.text(st.characters(codec=None)),
    st.lists(
        st.sampled_from(
            [
                "; ",
                "name",
                "=",
                '"',
                "\\",
                "*",
                "0",
                "1",
                "''",
                "utf-8",
                "%C3",
                "%",
                " ",
                "a",
            ]
        ),
        max_size=25,
    ).map("".join),
)


@settings(max_examples=1000, deadline=None)
@given(TEXTS, st.sampled_from([FORM_DATA, MIME, REPLACE]))
@example("a; f*0*=x; f*1*=\udcff", MIME)
def test_whatever_comes_there_is_no_other_error(text: str, profile: Profile) -> None:
    for read in (
        lambda: parse_content_disposition(text, profile=profile),
        lambda: parse_content_type(text),
        lambda: parse_content_type(text.encode("utf-8", "surrogatepass")),
    ):
        try:
            kind, parameters = read()
        except MalformedMultipart:
            continue
        assert kind == kind.lower()
        assert all(name == name.lower() for name in parameters)


# Writing --------------------------------------------------------------------------

#: "Escape a multipart/form-data name" (WHATWG HTML), as browsers' tests have it:
#: the value, then what stands for it in a name, then in a filename.
WHATWG = [
    ("basic", "file.txt", "file.txt", "file.txt"),
    ("empty", "", "", ""),
    ("space", " a b ", " a b ", " a b "),
    ("quote", '"', "%22", "%22"),
    ("quotes", 'a"b"c', "a%22b%22c", "a%22b%22c"),
    ("single quote", "'", "'", "'"),
    ("CR LF", "\r\n", "%0D%0A", "%0D%0A"),
    ("CR", "\r", "%0D%0A", "%0D"),
    ("LF", "\n", "%0D%0A", "%0A"),
    ("LF CR", "\n\r", "%0D%0A%0D%0A", "%0A%0D"),
    ("CR CR LF", "\r\r\n", "%0D%0A%0D%0A", "%0D%0D%0A"),
    ("CR LF LF", "\r\n\n", "%0D%0A%0D%0A", "%0D%0A%0A"),
    ("LF within", "a\nb", "a%0D%0Ab", "a%0Ab"),
    ("CR within", "a\rb", "a%0D%0Ab", "a%0Db"),
    ("CR LF within", "a\r\nb", "a%0D%0Ab", "a%0D%0Ab"),
    ("line break and quote", 'a\n"b', "a%0D%0A%22b", "a%0A%22b"),
    ("percent", "%", "%", "%"),
    ("percent escape of a quote", "a%22b", "a%22b", "a%22b"),
    ("percent escape of a break", "a%0D%0Ab", "a%0D%0Ab", "a%0D%0Ab"),
    ("backslash", "\\", "\\", "\\"),
    ("backslashes", "C:\\a\\b", "C:\\a\\b", "C:\\a\\b"),
    ("backslash quote", '\\"', "\\%22", "\\%22"),
    ("slash", "a/b", "a/b", "a/b"),
    ("semicolon", "a;b=c", "a;b=c", "a;b=c"),
    ("tab", "a\tb", "a\tb", "a\tb"),
    ("form feed", "a\fb", "a\fb", "a\fb"),
    ("Latin", "ü", "ü", "ü"),
    ("Japanese", "日本", "日本", "日本"),
    ("beyond the basic plane", "😀", "😀", "😀"),
    (
        "next line and separators",
        "\x85\u2028\u2029",
        "\x85\u2028\u2029",
        "\x85\u2028\u2029",
    ),
    ("replacement", "\ufffd", "\ufffd", "\ufffd"),
]


@pytest.mark.parametrize(
    ("value", "in_a_name", "in_a_filename"),
    [row[1:] for row in WHATWG],
    ids=[row[0] for row in WHATWG],
)
def test_a_form_parameter_byte_for_byte(
    value: str, in_a_name: str, in_a_filename: str
) -> None:
    assert form_parameter("name", value) == f'name="{in_a_name}"'
    assert form_parameter("filename", value) == f'filename="{in_a_filename}"'


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("a b", 'p="a b"'),
        ('we"ird\\name', 'p="we\\"ird\\\\name"'),
        ("%22ü", 'p="%22ü"'),
        ("", 'p=""'),
    ],
)
def test_a_quoted_parameter(value: str, written: str) -> None:
    assert quoted_parameter("p", value) == written


@pytest.mark.parametrize("value", ["a\0b", "\0"])
def test_no_form_parameter_holds_a_nul(value: str) -> None:
    with pytest.raises(MisuseError) as caught:
        form_parameter("name", value)
    assert caught.value.code == MALFORMED


@pytest.mark.parametrize("value", ["a\r\nX: y", "\r", "\n", "\0"], ids=ascii)
def test_no_quoted_parameter_holds_a_line_break_or_a_nul(value: str) -> None:
    with pytest.raises(MisuseError) as caught:
        quoted_parameter("start", value)
    assert caught.value.code == MALFORMED
    assert value not in str(caught.value)


UNICODE = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


def survives(value: str) -> bool:
    """Not every value does: browsers escape neither percent signs nor backslashes."""
    return "\\" not in value and not any(e in value for e in ("%22", "%0D", "%0A"))


@given(UNICODE.filter(survives))
def test_a_form_parameter_is_read_as_it_was_written(value: str) -> None:
    assert form("x; " + form_parameter("filename", value)) == {"filename": value}


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n")))
def test_a_quoted_parameter_is_read_as_it_was_written(value: str) -> None:
    assert mime("x; " + quoted_parameter("p", value)) == {"p": value}


@pytest.mark.parametrize("name", ["parameters", "segments", "semicolons"])
def test_the_calls_grow_with_the_length_and_no_faster(name: str) -> None:
    make = CATASTROPHES[name]
    small, large = make(400), make(800)

    def read(value: str) -> None:
        with suppress(MalformedMultipart):
            parse_content_disposition(value, profile=MIME)

    assert calls(lambda: read(large)) < 2.5 * calls(lambda: read(small))


@pytest.mark.parametrize("write", [form_parameter, quoted_parameter])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("x\r\nEvil: 1", "v", id="line-break"),
        pytest.param('a"; x', "v", id="quote"),
        pytest.param("", "v", id="no-name"),
        pytest.param("a", "\ud800", id="lone-surrogate"),
        pytest.param("a", b"v", id="bytes"),
        pytest.param(5, "v", id="number"),
    ],
)
def test_what_is_no_parameter_is_not_written(write: Any, name: Any, value: Any) -> None:
    with pytest.raises(MisuseError) as caught:
        write(name, value)
    assert caught.value.code == MALFORMED
