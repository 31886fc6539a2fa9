"""What people and their programs get wrong: a status, one line of JSON, nothing left.

Every case goes over a real socket to the real service. After it either the next
request on the same connection is answered, or the connection was closed cleanly and
the answer had said so.
"""

from __future__ import annotations

import errno
import os
import resource
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.app.serving import MiB, Serving, Talk, later
from tests.guard import LoggedErrors
from tests.web.wire import (
    BOUNDARY,
    CHUNKED,
    FORM,
    Answer,
    chunks,
    form,
    head,
    part,
    request_bytes,
)
from txmultipart.body.file_sink import TEMPORARY_PREFIX

SECRET = b"s3cret"
FILE = part("f", SECRET, filename="a.txt")
CLOSE = f"--{BOUNDARY}--\r\n".encode()


def named(disposition: str, content: bytes = SECRET) -> bytes:
    """A form of one part with this Content-Disposition."""
    head = f"--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n"
    return head.encode("latin-1") + content + b"\r\n" + CLOSE


def filed(filename: str, content: bytes = SECRET) -> bytes:
    """A form of one file of this name."""
    return named(f'form-data; name="f"; filename="{filename}"', content)


TWICE = (
    f"--{BOUNDARY}\r\n"
    'Content-Disposition: form-data; name="a"; filename="a"\r\n'
    'Content-Disposition: form-data; name="b"; filename="b"\r\n\r\n'
).encode()


class Case(NamedTuple):
    """A body with its Content-Type, and what is to be answered."""

    body: bytes
    status: int
    code: str
    content_type: str = FORM
    left: tuple[str, ...] = ()


def typed(value: str) -> str:
    return f"Content-Type: {value}"


CASES = {
    "no type": Case(form(FILE), 415, "no-content-type", "X: y"),
    "no multipart": Case(form(FILE), 415, "not-multipart", typed("text/plain")),
    "a form of another kind": Case(
        b"a=1", 415, "not-multipart", typed("application/x-www-form-urlencoded")
    ),
    "no boundary": Case(form(FILE), 415, "no-boundary", typed("multipart/form-data")),
    "an empty boundary": Case(
        form(FILE), 415, "bad-boundary", typed('multipart/form-data; boundary=""')
    ),
    "a boundary that is too long": Case(
        form(FILE),
        413,
        "limit-exceeded",
        typed("multipart/form-data; boundary=" + "x" * 201),
    ),
    "another boundary": Case(
        form(FILE),
        400,
        "preamble",
        typed("multipart/form-data; boundary=other"),
    ),
    "a type that is none": Case(
        form(FILE), 400, "bad-parameter", typed("multipart/form-data; boundary")
    ),
    "nothing": Case(b"", 400, "truncated"),
    "truncated in a header": Case(form(FILE)[:30], 400, "truncated"),
    "truncated in a part": Case(FILE[:-3], 400, "truncated"),
    "truncated before the end": Case(FILE, 400, "truncated"),
    "a header line without end": Case(
        f"--{BOUNDARY}\r\nX: ".encode() + SECRET * MiB, 431, "limit-exceeded"
    ),
    "headers without end": Case(
        f"--{BOUNDARY}\r\n".encode() + b"X: s3cret\r\n" * MiB, 431, "limit-exceeded"
    ),
    "bytes before": Case(SECRET + b"\r\n" + form(FILE), 400, "preamble"),
    "bytes behind": Case(form(FILE) + SECRET, 400, "epilogue", left=("a.txt",)),
    "two dispositions": Case(TWICE + SECRET + b"\r\n" + CLOSE, 400, "duplicate-header"),
    "no disposition": Case(
        f"--{BOUNDARY}\r\n\r\n".encode() + SECRET + b"\r\n" + CLOSE,
        400,
        "no-disposition",
    ),
    "up and away": Case(filed("../../etc/passwd"), 400, "unsafe-filename"),
    "up and away, on Windows": Case(filed("..\\..\\x"), 400, "unsafe-filename"),
    "a path of Windows": Case(filed("C:\\x\\y.txt"), 400, "unsafe-filename"),
    "a path of Unix": Case(filed("/etc/passwd"), 400, "unsafe-filename"),
    "an empty name": Case(filed(""), 400, "empty-filename"),
    "a second file is bad": Case(
        FILE + filed("../x"), 400, "unsafe-filename", left=("a.txt",)
    ),
}

each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


async def check(talk: Talk, answer: Answer, status: int, code: str) -> None:
    """One line of JSON with ``status`` and ``code``, and the connection is fit."""
    assert (answer.status, answer.json()["error"]) == (status, code)
    assert answer.json()["message"]
    assert SECRET not in answer.body
    if answer.headers.get("connection") == "close":
        assert await talk.closed()
    else:
        assert (await talk.ask(request_bytes())).status == 200


def left_in(serving: Serving) -> set[str]:
    return set(serving.files)


@each_case
async def test_with_a_length(case: Case, tmp_path: Path) -> None:
    async with Serving(tmp_path) as serving:
        talk = await serving.talk()
        sent = request_bytes("POST", "/", case.body, case.content_type)
        answer = await talk.ask(sent)
        await check(talk, answer, case.status, case.code)
        assert left_in(serving) == set(case.left)


@each_case
async def test_in_chunks(case: Case, tmp_path: Path) -> None:
    async with Serving(tmp_path) as serving:
        talk = await serving.talk()
        pieces = chunks(*([case.body] if case.body else []))
        answer = await talk.ask(head("POST", "/", case.content_type, CHUNKED) + pieces)
        await check(talk, answer, case.status, case.code)
        assert left_in(serving) == set(case.left)


@each_case
async def test_in_two_halves(case: Case, tmp_path: Path) -> None:
    """The answer may come before the second half is sent; it is the same."""
    sent = request_bytes("POST", "/", case.body, case.content_type)
    async with Serving(tmp_path) as serving:
        talk = await serving.talk()
        half = len(sent) - len(case.body) // 2
        talk.send(sent[:half])
        await later()
        talk.send(sent[half:])
        await check(talk, await talk.answer(), case.status, case.code)


class Broken(NamedTuple):
    """A way in which the disk refuses."""

    name: str
    number: int
    status: int
    code: str


DISKS = [
    Broken("writev", errno.ENOSPC, 507, "disk-full"),
    Broken("writev", errno.EDQUOT, 507, "disk-full"),
    Broken("fsync", errno.ENOSPC, 507, "disk-full"),
    Broken("writev", errno.EFBIG, 413, "file-too-large"),
    Broken("open", errno.EACCES, 500, "folder-unwritable"),
    Broken("open", errno.EROFS, 500, "folder-unwritable"),
    Broken("link", errno.EACCES, 500, "folder-unwritable"),
    Broken("open", errno.EMFILE, 503, "busy"),
    Broken("open", errno.ENFILE, 503, "busy"),
    Broken("writev", errno.ENOMEM, 503, "busy"),
    Broken("link", errno.ENOTDIR, 500, "folder-missing"),
]


def breaks(monkeypatch: pytest.MonkeyPatch, disk: Broken) -> None:
    """Let one system call fail, for files of ours."""
    call: Callable[..., Any] = getattr(os, disk.name)

    def fails(target: Any, *args: Any, **options: Any) -> Any:
        # open and link are used by others too.
        ours = isinstance(target, int) or TEMPORARY_PREFIX in str(target)
        if ours:
            raise OSError(disk.number, "s3cret", "/s3cret")
        return call(target, *args, **options)

    monkeypatch.setattr(os, disk.name, fails)


UPLOADS = {
    "post": request_bytes("POST", "/", form(FILE), FORM),
    "put": request_bytes("PUT", "/a.txt", SECRET),
    "large post": request_bytes(
        "POST", "/", form(part("f", bytes(4 * MiB), filename="a")), FORM
    ),
    "large put": request_bytes("PUT", "/a", bytes(4 * MiB)),
    "put in chunks": head("PUT", "/a", CHUNKED) + chunks(*[bytes(64 << 10)] * 64),
}
each_upload = pytest.mark.parametrize("upload", UPLOADS.values(), ids=UPLOADS.keys())


@each_upload
@pytest.mark.parametrize("disk", DISKS, ids=lambda disk: f"{disk.name}-{disk.number}")
async def test_the_disk_refuses(
    disk: Broken, upload: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Serving(tmp_path) as serving:
        talk = await serving.talk()
        with monkeypatch.context() as patch:
            breaks(patch, disk)
            answer = await talk.ask(upload)
        await check(talk, answer, disk.status, disk.code)
        assert left_in(serving) == set()


@each_upload
async def test_the_folder_is_gone(upload: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()
    async with Serving(folder) as serving:
        talk = await serving.talk()
        shutil.rmtree(folder)
        answer = await talk.ask(upload)
        await check(talk, answer, 500, "folder-missing")
        assert not folder.exists()


@each_upload
async def test_the_folder_has_become_a_file(upload: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "inbox"
    folder.mkdir()
    async with Serving(folder) as serving:
        talk = await serving.talk()
        folder.rmdir()
        folder.write_bytes(b"a file")
        answer = await talk.ask(upload)
        await check(talk, answer, 500, "folder-missing")
        assert folder.read_bytes() == b"a file"


async def test_the_folder_becomes_a_file_in_the_middle(tmp_path: Path) -> None:
    folder, away = tmp_path / "inbox", tmp_path / "away"
    folder.mkdir()
    async with Serving(folder) as serving:
        talk = await serving.talk()
        talk.send(head("PUT", "/a", "Content-Length: 6") + b"abc")
        await serving.until_a_file_begins()
        folder.rename(away)
        folder.write_bytes(b"a file")
        answer = await talk.ask(b"def")
        await check(talk, answer, 500, "folder-missing")
        assert folder.read_bytes() == b"a file"


async def test_no_more_files_can_be_opened(tmp_path: Path) -> None:
    """Not in name only: this process may open no more, and then it may again."""
    async with Serving(tmp_path) as serving:
        talk = await serving.talk()
        most = resource.getrlimit(resource.RLIMIT_NOFILE)
        taken = [os.open(os.devnull, os.O_RDONLY)]
        resource.setrlimit(resource.RLIMIT_NOFILE, (taken[0] + 1, most[1]))
        try:
            with suppress(OSError):
                while True:
                    taken.append(os.dup(taken[0]))
            answer = await talk.ask(UPLOADS["put"])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, most)
            for fd in taken:
                os.close(fd)
        await check(talk, answer, 503, "busy")
        answer = await talk.ask(UPLOADS["put"])
        assert answer.status == 201


async def test_a_disk_that_fails_otherwise_is_our_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged_errors: LoggedErrors
) -> None:
    async with Serving(tmp_path) as serving:
        talk = await serving.talk()
        with monkeypatch.context() as patch:
            breaks(patch, Broken("fsync", errno.EIO, 500, "internal"))
            answer = await talk.ask(UPLOADS["put"])
        await check(talk, answer, 500, "internal")
        assert left_in(serving) == set()
    assert len(logged_errors.flush(OSError)) == 1
