"""The examples that send: each runs as its user would run it, and does what it says."""

from __future__ import annotations

import base64
import json
import re
import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import Agent

from tests.programs import run
from tests.test_examples import LISTEN, example


async def test_nested(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("dear reader " * 1000)
    server = run(sys.executable, "-m", "tests.interop.aiohttp_server")
    url = (await server.spoke).strip() + "/multipart"
    client = example("nested.py", url, str(path))
    summary, answer = (await client.ended).splitlines()
    assert client.clean
    assert summary.startswith("6 parts, length twisted.web.iweb.UNKNOWN_LENGTH, or ")
    check_letter(json.loads(answer), path.read_bytes())
    await server.stop()


def check_letter(told: list[Any], content: bytes) -> None:
    text, tree, form, packed, encoded, inner = told
    assert text["headers"]["x-mood"] == "fine"
    assert tree["json"] == {"sent": True}
    assert form["form"] == [["name", "Žofie"], ["name", "Jan"]]
    assert (packed["filename"], encoded["filename"]) == ("secret.txt", "letter.txt")
    for part in (packed, encoded):
        assert base64.b64decode(part["data"]) == content
    kinds = [part["headers"]["content-type"].partition(";")[0] for part in inner]
    assert kinds == ["text/plain", "text/html"]


async def test_particular(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("content")
    client = example("particular.py", str(path))
    printed = await client.ended
    assert client.clean, printed
    bodies = []
    while printed:
        head, _, printed = printed.partition("\n")
        kind, length = head.removesuffix(" bytes").split(", ")
        assert kind == "multipart/mixed; boundary=frontier"
        bodies.append(printed[: int(length)])
        assert printed[int(length)] == "\n"
        printed = printed[int(length) + 1 :]
    first, second = bodies
    assert first.endswith("\r\n--frontier--\r\n")
    assert second.endswith("content\r\n")
    for line in ("Content-Length: 7", "Content-Length: 4", "X-Mood: fine"):
        assert f"\r\n{line}\r\n" in first
    assert "Content-Length" not in second


async def test_live_upload(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    server = run(sys.executable, "-m", "txmultipart", "serve", str(folder), *LISTEN)
    url = (await server.spoke).split()[2]
    client = example("live_upload.py", url)
    stdin: Any = client.transport
    for number in range(50):
        stdin.write(b"%d\n" % number * 1000)
    stdin.closeStdin()
    printed = await client.ended
    assert client.clean
    assert '"filename": "sound.wav"' in printed
    expected = b"".join(b"%d\n" % number * 1000 for number in range(50))
    assert (folder / "sound.wav").read_bytes() == expected
    await server.stop()


class Eye(Protocol):
    """Looks until it has seen ``count`` boundaries, then goes."""

    def __init__(self, boundary: bytes, count: int) -> None:
        self.seen = b""
        self.gone: Deferred[bytes] = Deferred()
        self._wanted = (b"--" + boundary, count)

    def dataReceived(self, data: bytes) -> None:
        self.seen += data
        boundary, count = self._wanted
        if self.seen.count(boundary) >= count:
            transport: Any = self.transport
            transport.loseConnection()

    def connectionLost(self, reason: Failure = Failure(Exception())) -> None:  # noqa: B008
        self.gone.callback(self.seen)


async def test_mjpeg(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.jpg").write_text(f"picture {name}")
    server = example("mjpeg.py", str(tmp_path), "tcp:0:interface=127.0.0.1")
    port = re.search(r"on (\d+)", await server.spoke)
    assert port, server.printed
    url = f"http://127.0.0.1:{port[1]}/"
    for _ in range(2):
        response: Any = await Agent(reactor).request(b"GET", url.encode())
        (kind,) = response.headers.getRawHeaders(b"Content-Type")
        assert kind.startswith(b"multipart/x-mixed-replace; boundary=")
        eye = Eye(kind.partition(b"=")[2], 5)
        response.deliverBody(eye)
        frames = re.findall(rb"picture (.)\r\n--", await eye.gone)
        assert len(frames) >= 4
        film = (b"abc" * 4)[b"abc".index(frames[0]) :]
        assert film.startswith(b"".join(frames[:4]))
    await server.stop()
