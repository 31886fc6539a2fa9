"""The inbox over HTTP: a page, forms, raw bodies, and uploads that break off."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from twisted.python.failure import Failure

from tests.app.serving import MiB, Serving, curl
from tests.web.wire import (
    CHUNKED,
    FORM,
    chunk,
    chunks,
    form,
    head,
    part,
    request_bytes,
)
from txmultipart import UploadAborted
from txmultipart.web import answer

pytestmark = pytest.mark.filterwarnings(
    "ignore:twisted.web.resource._Unsafe:DeprecationWarning"
)

BODY = form(part("note", b"text"), part("file", b"content", filename="a.txt"))


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch) -> list[Failure]:
    """What handlers failed with."""
    seen: list[Failure] = []

    def spy(request: Any, failure: Failure) -> None:
        seen.append(failure)
        told(request, failure)

    told = answer.answer_error
    monkeypatch.setattr(answer, "answer_error", spy)
    return seen


class TestPage:
    """GET shows a form that works without scripts, and nothing else."""

    async def test_it(self, tmp_path: Path) -> None:
        async with Serving(tmp_path) as serving:
            page = await serving.ask(request_bytes())
        assert page.status == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert b'method="post" enctype="multipart/form-data"' in page.body
        assert b"<script" not in page.body

    async def test_head(self, tmp_path: Path) -> None:
        async with Serving(tmp_path) as serving:
            talk = await serving.talk()
            talk.send(request_bytes("HEAD"))
            await talk.until(lambda: b"\r\n\r\n" in talk.raw)
            assert talk.raw.startswith(b"HTTP/1.1 200 OK\r\n")
            assert talk.raw.endswith(b"\r\n\r\n")

    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_elsewhere_is_nothing(self, method: str, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("not for everybody")
        async with Serving(tmp_path) as serving:
            talk = await serving.talk()
            body = None if method == "GET" else b"content"
            answer = await talk.ask(request_bytes(method, "/a.txt", body))
            assert answer.status == 404
            assert answer.json()["error"] == "not-found"
            assert (await talk.ask(request_bytes())).status == 200

    @pytest.mark.parametrize(("method", "status"), [("PATCH", 501), ("DELETE", 501)])
    async def test_other_methods(
        self, method: str, status: int, tmp_path: Path
    ) -> None:
        async with Serving(tmp_path) as serving:
            talk = await serving.talk()
            answer = await talk.ask(request_bytes(method, "/", b"content"))
            assert answer.status == status
            assert (await talk.ask(request_bytes())).status == 200


class TestPost:
    """A form."""

    @pytest.mark.parametrize("chunked", [False, True])
    async def test_fields_and_files(self, chunked: bool, tmp_path: Path) -> None:
        request = request_bytes("POST", "/", BODY, FORM)
        if chunked:
            request = head("POST", "/", FORM, CHUNKED) + chunks(BODY[:50], BODY[50:])
        async with Serving(tmp_path) as serving:
            answer = await serving.ask(request)
            assert answer.status == 201
            note, file = answer.json()["parts"]
            assert (note["name"], note["stored"], note["size"]) == ("note", None, 4)
            assert (file["name"], file["stored"], file["size"]) == ("file", "a.txt", 7)
            assert file["sha256"] == hashlib.sha256(b"content").hexdigest()
            assert serving.files == {"a.txt": b"content"}

    async def test_nothing_to_store(self, tmp_path: Path) -> None:
        async with Serving(tmp_path) as serving:
            sent = form(part("note", b"text"), part("file", b"", filename=""))
            answer = await serving.ask(request_bytes("POST", "/", sent, FORM))
            assert answer.status == 200
            assert [each["stored"] for each in answer.json()["parts"]] == [None, None]
            assert serving.files == {}

    async def test_again_and_again_on_one_connection(self, tmp_path: Path) -> None:
        async with Serving(tmp_path) as serving:
            talk = await serving.talk()
            for name in ("a.txt", "a (1).txt", "a (2).txt"):
                answer = await talk.ask(request_bytes("POST", "/", BODY, FORM))
                assert answer.json()["parts"][1]["stored"] == name

    async def test_several_files_of_one_field_from_curl(self, tmp_path: Path) -> None:
        sent, folder = tmp_path / "sent", tmp_path / "inbox"
        for each in (sent, folder):
            each.mkdir()
        for name in ("a", "b"):
            (sent / name).write_text(name)
        async with Serving(folder) as serving:
            files = f"f=@{sent / 'a'},{sent / 'b'}"
            out, code = await curl("-F", files, "-F", "x=y", serving.url)
            assert code == 0
            assert out.count('"stored": "') == 2
            assert serving.files == {"a": b"a", "b": b"b"}


class TestPut:
    """Any body."""

    @pytest.mark.parametrize("content", [b"", b"content", bytes(2 * MiB)])
    @pytest.mark.parametrize("chunked", [False, True])
    async def test_it(self, content: bytes, chunked: bool, tmp_path: Path) -> None:
        request = request_bytes("PUT", "/a%20b.txt?q=1", content)
        if chunked:
            pieces = chunks(*([content] if content else []))
            request = head("PUT", "/a%20b.txt", CHUNKED) + pieces
        async with Serving(tmp_path) as serving:
            talk = await serving.talk()
            answer = await talk.ask(request)
            assert answer.status == 201
            (stored,) = answer.json()["parts"]
            assert (stored["name"], stored["stored"]) == (None, "a b.txt")
            assert stored["sha256"] == hashlib.sha256(content).hexdigest()
            assert serving.files == {"a b.txt": content}
            assert (await talk.ask(request_bytes())).status == 200

    async def test_a_multipart_is_a_body_like_any_other(self, tmp_path: Path) -> None:
        async with Serving(tmp_path) as serving:
            await serving.ask(request_bytes("PUT", "/form.bin", BODY, FORM))
            assert serving.files == {"form.bin": BODY}

    @pytest.mark.parametrize(
        ("target", "headers", "code"),
        [
            ("/", (), "bad-name"),
            ("/a/b", (), "bad-name"),
            ("/a%2Fb", (), "bad-name"),
            ("/a%5Cb", (), "bad-name"),
            ("/..", (), "unsafe-filename"),
            ("/C:x", (), "unsafe-filename"),
            ("/a", ("Content-Range: bytes 0-6/100",), "range"),
        ],
    )
    async def test_where_to(
        self, target: str, headers: tuple[str, ...], code: str, tmp_path: Path
    ) -> None:
        async with Serving(tmp_path) as serving:
            talk = await serving.talk()
            answer = await talk.ask(request_bytes("PUT", target, b"content", *headers))
            assert answer.status == 400
            assert answer.json()["error"] == code
            assert serving.files == {}
            assert (await talk.ask(request_bytes())).status == 200

    async def test_a_name_in_another_encoding(self, tmp_path: Path) -> None:
        async with Serving(tmp_path) as serving:
            answer = await serving.ask(request_bytes("PUT", "/n%E4me", b"content"))
            assert answer.json()["parts"][0]["stored"] == "n\ufffdme"

    async def test_too_large_is_refused_before_it_is_sent(self, tmp_path: Path) -> None:
        async with Serving(tmp_path, max_size=10) as serving:
            talk = await serving.talk()
            sent = head("PUT", "/a", "Content-Length: 11", "Expect: 100-continue")
            answer = await talk.ask(sent)
            assert answer.status == 413
            assert answer.json()["limit"] == "max_part_size"
            assert answer.headers["connection"] == "close"

    async def test_too_large_is_found_out_on_the_way(self, tmp_path: Path) -> None:
        async with Serving(tmp_path, max_size=10) as serving:
            talk = await serving.talk()
            answer = await talk.ask(head("PUT", "/a", CHUNKED) + chunk(bytes(11)))
            assert answer.status == 413
            talk.send(chunk(b""))
            assert await talk.closed()
            assert serving.files == {}

    async def test_leave_to_send(self, tmp_path: Path) -> None:
        async with Serving(tmp_path) as serving:
            talk = await serving.talk()
            talk.send(head("PUT", "/a", "Content-Length: 7", "Expect: 100-continue"))
            await talk.until(lambda: talk.raw.endswith(b"\r\n\r\n"))
            assert talk.raw == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert (await talk.ask(b"content")).status == 201


UPLOADS = {
    "put": head("PUT", "/a", f"Content-Length: {4 * MiB}"),
    "put-in-chunks": head("PUT", "/a", CHUNKED) + chunk(b"some"),
    "post": head("POST", "/", f"Content-Length: {4 * MiB}", FORM)
    + part("f", b"some", filename="a")[:-2],
}


class TestAbort:
    """An upload that breaks off leaves nothing, and its handler is told why."""

    @pytest.mark.parametrize("begun", UPLOADS.values(), ids=UPLOADS.keys())
    @pytest.mark.parametrize("clean", [True, False], ids=["closed", "reset"])
    async def test_it(
        self, begun: bytes, clean: bool, tmp_path: Path, failures: list[Failure]
    ) -> None:
        async with Serving(tmp_path) as serving:
            talk = await serving.talk()
            # The last chunk of "in chunks" is of the right size by hand.
            rest = chunk(bytes(MiB)) if b"chunked" in begun else bytes(MiB)
            talk.send(begun + rest)
            await serving.until_a_file_begins()
            await (talk.close() if clean else talk.abort())
            await serving.until_empty()
            assert (await serving.ask(request_bytes())).status == 200
        (failure,) = failures
        assert failure.check(UploadAborted)
        assert tmp_path.exists()
        assert list(tmp_path.iterdir()) == []
