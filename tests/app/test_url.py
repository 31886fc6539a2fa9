"""The URL that ``send`` is given, and what is asked for."""

from __future__ import annotations

import pytest
from twisted.python import usage

from tests.app.places import Places, Taking, sent, serving
from txmultipart.app.send import SendOptions
from txmultipart.app.url import checked_url, leaves_tls, with_path


@pytest.mark.parametrize(
    "url",
    [
        "http://x",
        "https://x/",
        "HTTP://x:1?q",
        "http://[::1]/",
        "http://x/@",
        "http://x?a=b@c",
        "http://x/#//a@b",
    ],
)
def test_taken_as_it_is(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize("url", ["", "x", "//x/", "ftp://x/", "httpx://x/", "/a"])
def test_another_scheme(url: str) -> None:
    with pytest.raises(ValueError, match="begins with http:// or https://"):
        checked_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:s3cret@x/",
        "https://s3cret@x",
        "http://:s3cret@x?q",
        "http://@x/",
        "http://a@s3cret@x/",
        "http://user:s3cret@[::1",
        "http://user:s3cret@\N{CARE OF}x/",
        " http:/\t/user:s3cret@x/",
    ],
)
def test_a_password_is_not_repeated(url: str) -> None:
    with pytest.raises(usage.UsageError, match="-H 'Authorization: ") as caught:
        SendOptions().parseOptions([url, "-F", "a=b"])
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        (b"http://x?q", b"http://x/?q"),
        (b"https://x:1?q?/r", b"https://x:1/?q?/r"),
        (b"http://x?", b"http://x/?"),
        (b"http://x", b"http://x"),
        (b"http://x/?q", b"http://x/?q"),
        (b"http://x/a?http://y?q", b"http://x/a?http://y?q"),
        (b"http://x#http://y?q", b"http://x#http://y?q"),
    ],
)
def test_a_path_in_front_of_a_query(url: bytes, asked: bytes) -> None:
    assert with_path(url) == asked


@pytest.mark.parametrize("way", [[], ["--h2c"]])
async def test_a_query_without_a_path(way: list[str]) -> None:
    taking, places = Taking(), Places()
    async with serving(taking) as url, serving(places) as first:
        bare = url.rstrip("/") + "?q=1"
        assert await sent(bare, "-F", "a=b", *way) == 0
        name = places.point(307, bare)
        assert await sent(first + name, "-F", "a=b", *way) == 0
    assert [request.uri for request in taking.requests] == [b"/?q=1"] * 2


@pytest.mark.parametrize(
    ("url", "location", "leaves"),
    [
        (b"https://x/", b"http://x/", True),
        (b"HTTPS://x/", b"HTTP://y/", True),
        (b"https://x/", b"https://y/", False),
        (b"http://x/", b"http://y/", False),
        (b"http://x/", b"https://x/", False),
        (b"https://x/", b"ftp://x/", False),
    ],
)
def test_who_leaves_tls(url: bytes, location: bytes, leaves: bool) -> None:
    assert leaves_tls(url, location) is leaves
