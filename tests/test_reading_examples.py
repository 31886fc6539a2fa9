"""Each example that reads runs, as a user would run it, and does what it says."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import treq
from twisted.internet.interfaces import IReactorTCP
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.programs import ROOT, run
from txmultipart import FormData, MultipartWriter, answer_with
from txmultipart.body.producer import BodyProducer

LONGEST = 50

#: A whole device, and the cloud that it talks to.
PROGRAMS = {"voice/client.py": 125, "voice/cloud.py": 75}
NAMES = sorted(
    str(path.relative_to(ROOT / "examples"))
    for path in (ROOT / "examples").rglob("*.py")
)


async def printed_by(name: str, *arguments: str) -> str:
    """What an example prints until it ends, as it should, by itself."""
    program = run(sys.executable, str(ROOT / "examples" / name), *arguments)
    printed = await program.ended
    assert program.clean, printed
    return printed


def attach(writer: MultipartWriter, name: str, content: bytes, **headers: str) -> None:
    part = writer.append(content)
    part.set_content_disposition("attachment", filename=name)
    part.update_headers(
        {key.replace("_", "-"): value for key, value in headers.items()}
    )


def mixed() -> BodyProducer:
    """Parts of every kind."""
    body, inner = MultipartWriter("mixed"), MultipartWriter("related")
    body.append_json({"a": [1]})
    body.append_form([("b", "2 &")])
    body.append("some text")
    attach(body, "../c.bin", b"c" * 999, Content_Encoding="gzip")
    inner.append("inner text")
    attach(inner, "d.bin", b"d" * 99)
    body.append(inner)
    return body


def pairs() -> BodyProducer:
    """Documents, each with its attachments behind it; the last has none."""
    body = MultipartWriter("mixed")
    for number in (1, 2):
        attachments = MultipartWriter("related")
        body.append_json({"_id": f"document {number}"})
        for name in "ab"[:number]:
            attach(attachments, f"{name}.png", b"x" * number)
        body.append(attachments)
    body.append_json({"_id": "document 3"})
    return body


def lines() -> BodyProducer:
    """Parts to be read in several ways."""
    body = MultipartWriter("mixed")
    for content in (b"one\r\ntwo\nthree", b"c" * 1000, b"p" * 500, b"x", b"y"):
        body.append(content)
    return body


BODIES = {b"/mixed": mixed, b"/pairs": pairs, b"/lines": lines}


class Answer(Resource):
    """Answers with one of the bodies above, or with what it was sent."""

    isLeaf = True

    def render_GET(self, request: Any) -> int:
        return answer_with(request, BODIES[request.path]())

    def render_POST(self, request: Any) -> int:
        request.setHeader("Content-Type", request.getHeader("Content-Type"))
        return answer_with(request, request.content.read())


@pytest_twisted.async_yield_fixture()
async def url() -> AsyncIterator[str]:
    from twisted.internet import reactor

    site: Any = Site(Answer())
    port: Any = IReactorTCP(reactor).listenTCP(0, site, interface="127.0.0.1")
    yield f"http://127.0.0.1:{port.getHost().port}"
    await port.stopListening()


@pytest.mark.parametrize("name", NAMES)
def test_each_is_short(name: str) -> None:
    longest = PROGRAMS.get(name, LONGEST)
    assert len((ROOT / "examples" / name).read_text().splitlines()) <= longest


async def test_read_answer(url: str, tmp_path: Path) -> None:
    printed = await printed_by("read_answer.py", f"{url}/mixed", str(tmp_path))
    assert printed.splitlines() == [
        "JSON: {'a': [1]}",
        "form: [('b', '2 &')]",
        "text: some text",
        "file: 999 bytes in c.bin",
        "multipart/related:",
        "  text: inner text",
        "  file: 99 bytes in d.bin",
    ]
    assert (tmp_path / "c.bin").read_bytes() == b"c" * 999
    assert (tmp_path / "d.bin").read_bytes() == b"d" * 99


async def test_pairs(url: str) -> None:
    printed = await printed_by("pairs.py", f"{url}/pairs")
    assert printed.splitlines() == [
        "document 1",
        "  a.png: 1 bytes",
        "document 2",
        "  a.png: 2 bytes",
        "  b.png: 2 bytes",
        "document 3",
    ]


async def test_lines(url: str) -> None:
    printed = await printed_by("lines.py", f"{url}/lines")
    said = printed.splitlines()
    assert said[:3] == ["line: one", "line: two", "line: three"]
    assert said[-2:] == ["protocol: 500 bytes", "dropped: 2 parts"]
    sizes = re.findall(r"^chunk: (\d+) bytes$", printed, re.M)
    assert sum(map(int, sizes)) == 1000


async def test_related(url: str, tmp_path: Path) -> None:
    picture = tmp_path / "photo.jpg"
    picture.write_bytes(b"picture" * 100)
    printed = await printed_by("related.py", f"{url}/echo", str(picture))
    page, shown = printed.splitlines()
    assert re.fullmatch(r'<p>Look: <img src="cid:[^"]+">', page)
    assert shown == "photo.jpg: 700 bytes"


async def test_pick(url: str) -> None:
    printed = await printed_by("pick.py", f"{url}/mixed", "../c.bin")
    match = re.fullmatch(r"(\d+) bytes were sent, (\d+) meant\n", printed)
    assert match, printed
    assert int(match[1]) < int(match[2]) == 999


FORMS: dict[str, tuple[str, str, int, str]] = {
    "accepted": ("photo", "image/jpeg", 9, "1 photos, 9 bytes\n"),
    "skipped": ("other", "image/png", 9, "0 photos, 0 bytes\n"),
    "rejected": ("photo", "image/png", 9, '"error": "rejected"'),
    "too large": ("photo", "image/jpeg", 2 << 20, '"limit": "max_part_size"'),
}
STATUS = {"rejected": 415, "too large": 413}


async def test_decide() -> None:
    path = str(ROOT / "examples" / "decide.py")
    server = run(sys.executable, path, "tcp:0:interface=127.0.0.1")
    match = re.search(r"port=(\d+)|on (\d+)", await server.spoke)
    assert match, server.printed
    for case, (name, kind, size, expected) in FORMS.items():
        form = FormData()
        form.add_file(name, bytes(size), filename="a", content_type=kind)
        response = await treq.post(
            f"http://127.0.0.1:{match[1] or match[2]}/",
            data=form,
            headers=form.headers,
            persistent=False,
        )
        assert expected in await response.text()
        assert response.code == STATUS.get(case, 200)
    await server.stop()
