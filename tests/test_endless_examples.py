"""The examples that read what has no end: a service that speaks up, and a camera."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.interfaces import IReactorTCP
from twisted.internet.task import deferLater
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site

from tests.programs import ROOT, run
from txmultipart import MixedReplaceWriter, answer_with

#: More than a body may have that is not said to have no end.
MANY = 1200


def part(content_type: bytes, content: bytes) -> bytes:
    """One part and the delimiter behind it, as services send it."""
    return b"Content-Type: %s\r\n\r\n%s\r\n--d\r\n" % (content_type, content)


class Service(Resource):
    """Has much to say, and does not say when it has said all."""

    isLeaf = True

    def render_GET(self, request: Any) -> int:
        request.setHeader("Content-Type", "multipart/related; boundary=d")
        request.write(b"--d\r\n")
        for number in range(MANY):
            request.write(part(b"application/json", b'{"number": %d}' % number))
        request.write(part(b"audio/l16", b"la" * 50))
        request.notifyFinish().addErrback(lambda failure: None)
        return NOT_DONE_YET


class Camera(Resource):
    """Shows some pictures, and calls them what it likes."""

    isLeaf = True

    def render_GET(self, request: Any) -> int:
        request.setHeader("Content-Type", "image/jpeg")
        viewer = MixedReplaceWriter(max_waiting=9)
        for number in range(5):
            viewer.send(b"picture %d" % number)
        return answer_with(request, viewer)


@pytest_twisted.async_yield_fixture()
async def url() -> AsyncIterator[str]:
    root: Any = Resource()
    root.putChild(b"service", Service())
    root.putChild(b"camera", Camera())
    site: Any = Site(root)
    port: Any = IReactorTCP(reactor).listenTCP(0, site, interface="127.0.0.1")
    yield f"http://127.0.0.1:{port.getHost().port}"
    await port.stopListening()


def example(name: str) -> str:
    return str(ROOT / "examples" / name)


async def test_downchannel(url: str) -> None:
    program = run(sys.executable, example("downchannel.py"), f"{url}/service")
    # It says nothing at the end of the response, since there is none: wait for the last.
    while "sound: 100 bytes\n" not in program.printed and not program.ended.called:
        await deferLater(reactor, 0.01)
    printed = program.printed.splitlines()
    assert printed[0] == "directive: {'number': 0}"
    assert printed[MANY - 1] == f"directive: {{'number': {MANY - 1}}}"
    await program.stop()


async def test_watch(url: str, tmp_path: Path) -> None:
    command = (example("watch.py"), f"{url}/camera", str(tmp_path), "3")
    program = run(sys.executable, *command)
    printed = await program.ended
    assert program.clean, printed
    assert printed == "".join(f"{number}.jpg: 9 bytes\n" for number in (1, 2, 3))
    pictures = [path.read_bytes() for path in sorted(tmp_path.iterdir())]
    assert pictures == [b"picture 0", b"picture 1", b"picture 2"]
