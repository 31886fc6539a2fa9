"""RelatedWriter: the root and its type, and how other parts are named."""

from __future__ import annotations

import email
import email.policy
from typing import Any, cast

import pytest

from tests.body.doubles import Downstream, value_of
from txmultipart.body import content_id_of
from txmultipart.body.reader import MultipartReader
from txmultipart.body.related_writer import RelatedWriter
from txmultipart.body.writer import MultipartWriter
from txmultipart.errors import MisuseError
from txmultipart.sansio.parameters import parse_content_type

HTML = {"Content-Type": "text/html"}


def test_a_page_and_its_picture() -> None:
    page = RelatedWriter(boundary="b")
    photo = page.append(b"jpeg", {"Content-Type": "image/jpeg"})
    url = page.cid_url(photo)
    root = page.set_root(f'<img src="{url}">', HTML)
    assert page.parts == [root, photo]
    assert page.root is root
    data = value_of(page.as_bytes())
    assert len(data) == page.length
    message = email.message_from_bytes(
        b"Content-Type: " + page.content_type.encode() + b"\r\n\r\n" + data,
        policy=email.policy.default,
    )
    assert message.get_content_type() == "multipart/related"
    assert message.get_param("type") == "text/html"
    first, second = message.iter_parts()
    assert first["Content-ID"] == message.get_param("start")
    assert f"<{url.removeprefix('cid:')}>" == second["Content-ID"]
    assert first.get_content() == f'<img src="{url}">'


async def test_a_reader_finds_the_root_by_its_name() -> None:
    page = RelatedWriter("root", content_id_header("r"), boundary="b")
    page.append(b"picture", content_id="a%b@c")
    reader = MultipartReader(page.content_type)
    reader.write(await page.as_bytes())
    reader.unregisterProducer()
    assert parse_content_type(page.content_type)[1]["start"] == "<r>"
    seen = {}
    async for part in reader:
        seen[part.headers.get("Content-ID")] = await part.read()
    assert seen == {"<r>": b"root", "<a%b@c>": b"picture"}
    assert content_id_of(page.cid_url(page.parts[1])) == "a%b@c"


def content_id_header(value: str) -> dict[str, str]:
    return {"Content-ID": f"<{value}>"}


def test_the_root_may_come_first() -> None:
    page = RelatedWriter(b"{}", {"Content-Type": "application/json"}, boundary="b")
    page.append(b"", content_id="<a>")
    assert page.parts[0] is page.root
    kind = 'multipart/related; boundary=b; type="application/json"; start="<'
    assert page.content_type.startswith(kind)
    assert page.headers.getRawHeaders("Content-Type") == [page.content_type]


def test_a_root_without_a_type_has_the_usual_one() -> None:
    page = RelatedWriter(b"")
    assert page.root is not None
    page.root.headers.removeHeader("Content-Type")
    assert 'type="application/octet-stream"' in page.content_type


A = content_id_header("a")
IDS = [
    ({"content_id": "a"}, "<a>"),
    ({"content_id": "<a@b>"}, "<a@b>"),
    ({"headers": content_id_header("own")}, "<own>"),
    ({"headers": content_id_header("own"), "content_id": "given"}, "<given>"),
]


@pytest.mark.parametrize(("options", "expected"), IDS)
def test_a_part_is_named_as_one_wants(options: dict[str, Any], expected: str) -> None:
    payload = RelatedWriter().append(b"", **options)
    assert payload.part_headers().get("Content-ID") == expected


def test_names_that_are_made_up_differ() -> None:
    page = RelatedWriter(b"")
    urls = {page.cid_url(page.append(b"")) for _ in range(3)}
    assert len(urls) == 3
    assert all(url.startswith("cid:") and "@" in url for url in urls)


@pytest.mark.parametrize("name", ["", "<>", "a b", "a>b", "a\r\nX: y", "ž", "<a"])
def test_a_name_cannot_break_out(name: str) -> None:
    page = RelatedWriter(b"")
    with pytest.raises(MisuseError, match="printable ASCII"):
        page.append(b"", content_id=name)
    assert len(page.parts) == 1


def test_no_two_parts_have_one_name() -> None:
    page = RelatedWriter(b"", content_id_header("root"))
    page.append(b"", content_id="a")
    for options in ({"content_id": "a"}, {"content_id": "root"}, {"headers": A}):
        with pytest.raises(MisuseError, match="the same Content-ID"):
            page.append(b"", **options)
    assert len(page.parts) == 2
    page.parts[1].headers.setRawHeaders("Content-ID", ["root"])
    with pytest.raises(MisuseError, match="the same Content-ID"):
        page.startProducing(cast(Any, Downstream()))


def test_there_is_one_root() -> None:
    page = RelatedWriter(b"")
    with pytest.raises(MisuseError, match="one root"):
        page.set_root(b"")


def test_there_has_to_be_a_root() -> None:
    page, consumer = RelatedWriter(), Downstream()
    page.append(b"")
    for use in (
        lambda: page.content_type,
        lambda: page.startProducing(cast(Any, consumer)),
        lambda: MultipartWriter().append(page),
    ):
        with pytest.raises(MisuseError, match="needs a root"):
            use()
    assert consumer.data == b""


def test_a_part_whose_name_was_taken_away_has_no_url() -> None:
    page = RelatedWriter(b"")
    payload = page.append(b"")
    payload.headers.removeHeader("Content-ID")
    with pytest.raises(MisuseError, match="no Content-ID"):
        page.cid_url(payload)
