"""What a filename from the wire may become on a disk of ours."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from txmultipart.sansio import safe_filename
from txmultipart.sansio.filenames import MAX_LENGTH

LONG = "ü" * 300


@pytest.mark.parametrize(
    ("filename", "safe"),
    [
        ("a.txt", "a.txt"),
        ("日本 ü.txt", "日本 ü.txt"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\windows\\win.ini", "win.ini"),
        ("C:\\dir/a.txt", "a.txt"),
        ("C:a.txt", "C_a.txt"),
        ("..%2fa", "%2fa"),
        ("dir/", "unnamed"),
        ("", "unnamed"),
        (".", "unnamed"),
        ("..", "unnamed"),
        (". . .", "unnamed"),
        (".bashrc", "bashrc"),
        ("a.txt. .", "a.txt"),
        ("a\0.txt", "a_.txt"),
        ("a\r\nb\t\x7f\x9f", "a__b___"),
        ('a"*:<>?|b', "a_______b"),
        ("a\u202etxt.exe", "a_txt.exe"),
        ("con", "_con"),
        ("CON.tar.gz", "_CON.tar.gz"),
        ("aux .txt", "_aux .txt"),
        ("com1", "_com1"),
        ("LPT³.x", "_LPT³.x"),
        ("console", "console"),
        ("com10", "com10"),
        ("a\udcffb", "a_b"),
        (LONG, "ü" * 100),
        (LONG + ".txt", "ü" * 98 + ".txt"),
        (LONG + "." + "e" * 21, "ü" * 100),
        ("x" * 199 + ". " + LONG, "x" * 199),
        ("con" + " " * 300 + "x", "_con"),
        ("con" + " " * 300 + "x.txt", "_con.txt"),
        ("x" * 150 + " " * 100 + "y.txt", "x" * 150 + ".txt"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_one_name(filename: str, safe: str) -> None:
    assert safe_filename(filename) == safe


NAMES = st.one_of(
    st.text(),
    st.text('abcCON12.. \\/:"\0\u202eü', max_size=40),
    st.lists(
        st.sampled_from(
            ["con", "aux", " " * 90, ".", " ", "ü" * 60, ".txt", "lpt1", "/"]
        ),
        max_size=8,
    ).map("".join),
)


@settings(max_examples=500, deadline=None)
@given(NAMES)
@example("\ud800")
@example("con" + " " * 196 + ".txt.a")
def test_any_name_becomes_a_safe_one(filename: str) -> None:
    name = safe_filename(filename)
    assert 0 < len(name.encode("utf-8")) <= MAX_LENGTH
    assert not re.search('[\0-\x1f\x7f-\x9f/\\\\"*:<>?|]', name)
    assert name == name.strip(". ")
    assert name.partition(".")[0].rstrip(" ").lower() not in {"con", "aux", "lpt1"}
    assert safe_filename(name) == name
