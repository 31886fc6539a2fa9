"""Content-ID, ``cid:`` URLs, and the root of multipart/related."""

from __future__ import annotations

import pytest

from tests.body.doubles import next_of
from txmultipart.body.content_ids import (
    ContentIndex,
    bare,
    cid_url,
    content_id_of,
    is_root,
)
from txmultipart.body.reader import MultipartReader
from txmultipart.body.related_writer import RelatedWriter
from txmultipart.errors import MalformedMultipart
from txmultipart.sansio.headers import PartHeaders

IDS: dict[str, tuple[str, str]] = {
    "in brackets": ("<a@b>", "a@b"),
    "with space around": (" <a@b>\t", "a@b"),
    "with space within": ("<uuid + 1>", "uuid + 1"),
    "bare": ("a@b", "a@b"),
    "half": ("<a@b", "<a@b"),
    "empty": ("", ""),
}


@pytest.mark.parametrize(("value", "expected"), IDS.values(), ids=IDS)
def test_the_brackets_are_taken_off(value: str, expected: str) -> None:
    assert bare(value) == expected


URLS = {
    "foo4%25foo1@bar.net": "foo4%foo1@bar.net",  # RFC 2392 section 2
    "a@b": "a@b",
    "uuid%20+%201": "uuid + 1",
    "%C5%BE": "ž",
}


@pytest.mark.parametrize(("escaped", "name"), URLS.items())
def test_there_and_back(escaped: str, name: str) -> None:
    assert content_id_of("cid:" + escaped) == name
    assert content_id_of("CID:" + escaped) == name
    assert cid_url(name) == cid_url(f"<{name}>") == "cid:" + escaped


@pytest.mark.parametrize("url", ["", "cid", "cid:", "mid:a", "http://a/", "a@b"])
def test_what_is_no_cid_url(url: str) -> None:
    with pytest.raises(MalformedMultipart) as caught:
        content_id_of(url)
    assert caught.value.code == "bad-cid"


def headers(content_id: str) -> PartHeaders:
    return PartHeaders([("Content-ID", content_id)] if content_id else [])


ROOTS: dict[str, tuple[dict[str, str], str, int, bool]] = {
    "the first": ({}, "<a>", 1, True),
    "not the second": ({}, "<a>", 2, False),
    "the one that start names": ({"start": "<a>"}, "<a>", 2, True),
    "start without brackets": ({"start": "a"}, "<a>", 2, True),
    "not another": ({"start": "<a>"}, "<b>", 1, False),
    "not one without a name": ({"start": "<a>"}, "", 1, False),
}


@pytest.mark.parametrize(
    ("params", "name", "number", "root"), ROOTS.values(), ids=ROOTS
)
def test_the_root(params: dict[str, str], name: str, number: int, root: bool) -> None:
    assert is_root(headers(name), params, number) == root


# The index ---------------------------------------------------------------------------


def filled(*names: str, **params: str) -> ContentIndex:
    """An index of parts with these names; it keeps their numbers."""
    index = ContentIndex(params)
    for number, name in enumerate(names, 1):
        index.add(headers(name), number)
    return index


def code_of(error: pytest.ExceptionInfo[MalformedMultipart]) -> str:
    return error.value.code


def test_what_was_kept_is_found_by_its_url() -> None:
    index = filled("<a@b>", "", "uuid + 1")
    assert index.resolve("cid:a@b") == 1
    assert index.resolve("CID:uuid%20+%201") == 3
    assert (index.root, index.doubled) == (1, set())


@pytest.mark.parametrize("url", ["cid:c", "cid:<a>", "cid:A"])
def test_what_did_not_come_is_not_found(url: str) -> None:
    with pytest.raises(MalformedMultipart, match="did not come") as caught:
        filled("<a>", "<b>").resolve(url)
    assert code_of(caught) == "unknown-cid"
    with pytest.raises(MalformedMultipart) as caught:
        filled("<a>").resolve("http://a/")
    assert code_of(caught) == "bad-cid"


def test_of_a_name_that_comes_twice_the_first_counts() -> None:
    index = ContentIndex({"start": "<r>"})
    added = [index.add(headers(name), name) for name in ("<a>", "<r>", "a", "r ", "")]
    assert added == [True, True, False, False, True]
    assert index.resolve("cid:a") == "<a>"
    assert index.root == "<r>"
    assert index.doubled == {"a", "r"}


def test_the_root_is_the_first_or_the_one_that_is_named() -> None:
    assert filled("", "<a>").root == 1
    assert filled("<b>", "<a>", start="<a>").root == 2
    for index in (filled(), filled("<b>", "", start="<a>")):
        with pytest.raises(MalformedMultipart) as caught:
            _ = index.root
        assert code_of(caught) == "no-root"


async def test_a_page_and_what_it_refers_to() -> None:
    page = RelatedWriter()
    photo = page.append(b"photo")
    page.set_root(page.cid_url(photo))
    reader = MultipartReader(page.content_type)
    reader.write(await page.as_bytes())
    reader.unregisterProducer()
    index = ContentIndex(reader.params)
    async for part in reader:
        assert index.add(part.headers, await part.read())
    assert index.resolve(index.root.decode()) == b"photo"


def test_a_reader_knows_what_is_needed() -> None:
    reader = MultipartReader('multipart/related; boundary=b; start="<r>"')
    reader.write(b"--b\r\nContent-ID: <a>\r\n\r\n\r\n--b\r\ncontent-id: <r>\r\n\r\n")
    roots = []
    for name in ("a", "r"):
        part = next_of(reader)
        assert part.content_id == name
        roots.append(is_root(part.headers, reader.params, reader.number))
    assert roots == [False, True]
    reader.write(b"\r\n--b\r\n\r\n")
    assert next_of(reader).content_id is None
