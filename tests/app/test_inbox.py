"""Inbox: parts become files, each whole or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure

from tests.web.wire import BOUNDARY, form, part
from txmultipart import (
    LimitExceeded,
    Limits,
    MalformedMultipart,
    MultipartReader,
    StorageError,
    UploadAborted,
)
from txmultipart.app.inbox import Inbox, Stored
from txmultipart.body.delivery import BodyReader

TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def body_of(content: bytes) -> BodyReader:
    """A body that is here already."""
    body = BodyReader()
    body.write(content)
    body.unregisterProducer()
    return body


def inbox_at(folder: Path, max_size: int = 1000) -> Inbox:
    return Inbox(folder, max_size=max_size)


async def take(folder: Path, body: bytes, limits: Limits | None = None) -> list[Stored]:
    """What an inbox at ``folder`` says of a multipart ``body``."""
    reader = MultipartReader(TYPE, limits=limits or Limits())
    body_of(body).write_to(reader).addErrback(lambda _: None)
    stored: list[Stored] = []
    await inbox_at(folder).take_parts(reader, stored)
    return stored


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_files_and_fields(tmp_path: Path) -> None:
    sent = form(part("field", b"text"), part("file", b"content", filename="a.txt"))
    assert await take(tmp_path, sent) == [
        {
            "name": "field",
            "filename": None,
            "stored": None,
            "size": 4,
            "sha256": hashlib.sha256(b"text").hexdigest(),
        },
        {
            "name": "file",
            "filename": "a.txt",
            "stored": "a.txt",
            "size": 7,
            "sha256": hashlib.sha256(b"content").hexdigest(),
        },
    ]
    assert (tmp_path / "a.txt").read_bytes() == b"content"


async def test_a_name_that_is_taken_gets_a_counter(tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz").write_bytes(b"mine")
    sent = form(*(part("f", bytes(n), filename="a.tar.gz") for n in range(3)))
    stored = await take(tmp_path, sent)
    counted = [f"a ({n}).tar.gz" for n in (1, 2, 3)]
    assert [each["stored"] for each in stored] == counted
    assert names(tmp_path) == {"a.tar.gz", *counted}
    assert (tmp_path / "a.tar.gz").read_bytes() == b"mine"


async def test_a_browser_without_a_file(tmp_path: Path) -> None:
    (stored,) = await take(tmp_path, form(part("f", b"", filename="")))
    assert (stored["filename"], stored["stored"], stored["size"]) == ("", None, 0)
    assert names(tmp_path) == set()


async def test_a_file_of_no_bytes(tmp_path: Path) -> None:
    (stored,) = await take(tmp_path, form(part("f", b"", filename="empty")))
    assert stored["stored"] == "empty"
    assert (tmp_path / "empty").read_bytes() == b""


def nested(*filenames: str) -> bytes:
    """Several files of one field, as curl sends them."""
    parts = [
        f'--in\r\nContent-Disposition: attachment; filename="{name}"\r\n\r\n{name}\r\n'
        for name in filenames
    ]
    return ("".join(parts) + "--in--\r\n").encode()


def mixed(content: bytes, *, filename: str = "") -> bytes:
    """A part that is a multipart itself."""
    tail = f'; filename="{filename}"' if filename else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"{tail}\r\n'
    return f"{head}Content-Type: multipart/mixed; boundary=in\r\n\r\n".encode() + (
        content + b"\r\n"
    )


async def test_a_multipart_within(tmp_path: Path) -> None:
    stored = await take(tmp_path, form(mixed(nested("a", "b")), part("c", b"")))
    assert [each["stored"] for each in stored] == ["a", "b", None]
    assert names(tmp_path) == {"a", "b"}


async def test_a_file_that_is_a_multipart_stays_a_file(tmp_path: Path) -> None:
    content = nested("a", "b")
    (stored,) = await take(tmp_path, form(mixed(content, filename="mail.eml")))
    assert stored["stored"] == "mail.eml"
    assert (tmp_path / "mail.eml").read_bytes() == content


@pytest.mark.parametrize(
    "filename",
    [
        "../a",
        "../../etc/passwd",
        "a/../b",
        "a/..",
        "..",
        "/etc/passwd",
        "\\\\host\\share",
        "..\\a",
        "C:\\x\\y.txt",
        "c:y.txt",
    ],
)
async def test_a_name_that_leads_away(filename: str, tmp_path: Path) -> None:
    inbox = inbox_at(tmp_path)
    with pytest.raises(MalformedMultipart) as caught:
        await inbox.take(body_of(b"content"), filename)
    assert caught.value.code == "unsafe-filename"
    assert filename not in str(caught.value)
    assert names(tmp_path) == set()


@pytest.mark.parametrize(
    ("filename", "stored"),
    [
        ("a/b.txt", "b.txt"),
        ("a..b", "a..b"),
        ("...", "unnamed"),
        ("con.txt", "_con.txt"),
        (".txmultipart-0", "txmultipart-0"),
        ("näme.txt", "näme.txt"),
        ("x" * 300, "x" * 200),
    ],
)
async def test_a_name_that_is_made_fit(
    filename: str, stored: str, tmp_path: Path
) -> None:
    told = await inbox_at(tmp_path).take(body_of(b"content"), filename)
    assert (told["filename"], told["stored"]) == (filename, stored)
    assert names(tmp_path) == {stored}


async def test_a_nameless_file_with_content(tmp_path: Path) -> None:
    with pytest.raises(MalformedMultipart) as caught:
        await take(tmp_path, form(part("f", b"content", filename="")))
    assert caught.value.code == "empty-filename"
    assert names(tmp_path) == set()


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False)])
async def test_the_largest_file(size: int, fits: bool, tmp_path: Path) -> None:
    taking = ensureDeferred(inbox_at(tmp_path).take(body_of(bytes(size)), "a"))
    if fits:
        assert (await taking)["size"] == size
    else:
        with pytest.raises(LimitExceeded) as caught:
            await taking
        assert (caught.value.limit, caught.value.bound) == ("max_part_size", 1000)
    assert names(tmp_path) == ({"a"} if fits else set())


@pytest.mark.parametrize("content", [b"", b"some", bytes(1 << 20)])
async def test_an_upload_that_breaks_off(content: bytes, tmp_path: Path) -> None:
    body = BodyReader()
    taking = ensureDeferred(inbox_at(tmp_path, 1 << 30).take(body, "a"))
    body.write(content)
    body.fail(Failure(UploadAborted(len(content))))
    with pytest.raises(UploadAborted):
        await taking
    assert names(tmp_path) == set()


async def test_files_that_came_whole_stay(tmp_path: Path) -> None:
    sent = form(part("f", b"whole", filename="a"), part("g", b"hal", filename="b"))
    with pytest.raises(MalformedMultipart):
        await take(tmp_path, sent[:-20])
    assert names(tmp_path) == {"a"}


class TestClose:
    """What is under way when the service stops is removed."""

    async def test_nothing_is_under_way(self, tmp_path: Path) -> None:
        assert await inbox_at(tmp_path).close() == []

    @pytest.mark.parametrize("content", [b"", bytes(1 << 20)])
    async def test_one_is(self, content: bytes, tmp_path: Path) -> None:
        inbox = inbox_at(tmp_path, 1 << 30)
        body = BodyReader()
        taking: Deferred[Any] = ensureDeferred(inbox.take(body, "a"))
        body.write(content)
        await inbox.close()
        assert names(tmp_path) == set()
        body.write(content)
        body.unregisterProducer()
        with pytest.raises(StorageError) as caught:
            await taking
        assert (caught.value.code, caught.value.http_status) == ("stopping", 503)
        assert names(tmp_path) == set()

    async def test_none_begins_any_more(self, tmp_path: Path) -> None:
        inbox = inbox_at(tmp_path)
        await inbox.close()
        with pytest.raises(StorageError, match="stops"):
            await inbox.take(BodyReader(), "a")
        assert names(tmp_path) == set()
