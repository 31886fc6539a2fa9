"""Motion JPEG with programs that others wrote: ffmpeg both ways, and a browser's ``<img>``."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import DeferredQueue
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IReactorTCP
from twisted.internet.task import deferLater
from twisted.web.client import Agent
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.interop.clients.chromium import visit
from tests.interop.exchanges import exchange
from tests.peers import peer
from tests.programs import Program, run
from txmultipart import MixedReplaceWriter, MultipartReader, answer_with

COUNT = 5


def ffmpeg(*arguments: object) -> Program:
    """ffmpeg at work; what it says goes to standard error, and it reads no keys."""
    quiet = ("-nostdin", "-v", "error")
    return run(peer("ffmpeg"), *quiet, *map(str, arguments))


def drawn(size: str, *filters: str) -> tuple[object, ...]:
    """Pictures that ffmpeg draws itself."""
    return ("-f", "lavfi", "-i", ",".join([f"testsrc=size={size}:rate=25", *filters]))


@pytest_twisted.async_yield_fixture(scope="module")
async def frames(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[list[bytes]]:
    """Pictures of a film, as ffmpeg compresses them."""
    folder = tmp_path_factory.mktemp("frames")
    await ffmpeg(*drawn("64x48"), "-frames:v", COUNT, folder / "%d.jpg").ended
    yield [(folder / f"{number}.jpg").read_bytes() for number in range(1, COUNT + 1)]


class Camera(Resource):
    """Gives each viewer a film of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.viewers: DeferredQueue[MixedReplaceWriter] = DeferredQueue()
        self.seen: DeferredQueue[str] = DeferredQueue()

    def getChild(self, path: bytes, request: Any) -> Resource:
        return self

    def render_GET(self, request: Any) -> int:
        kind = request.path.decode().strip("/")
        if kind == "page":
            request.setHeader("Content-Type", "text/html")
            return answer_with(request, PAGE)
        if kind == "seen":
            self.seen.put(request.args[b"what"][0].decode())
            return answer_with(request, None)
        if kind == "favicon.ico":
            return answer_with(request, b"")
        viewer = MixedReplaceWriter(early_headers=kind == "early", max_waiting=99)
        self.viewers.put(viewer)
        return answer_with(request, viewer)


@pytest_twisted.async_yield_fixture()
async def camera() -> AsyncIterator[tuple[str, Camera]]:
    resource = Camera()
    site: Any = Site(resource)
    port: Any = IReactorTCP(reactor).listenTCP(0, site, interface="127.0.0.1")
    yield f"http://127.0.0.1:{port.getHost().port}", resource
    await port.stopListening()


# ffmpeg ------------------------------------------------------------------------------


@exchange("ffmpeg", "server", "HTTP/1.1", "MJPEG that ffmpeg plays")
@pytest.mark.parametrize("kind", ["early", "sized"])
async def test_ffmpeg_sees_our_frames(
    kind: str, frames: list[bytes], camera: tuple[str, Camera], tmp_path: Path
) -> None:
    url, resource = camera
    copy = ("-c", "copy", "-f", "image2", tmp_path / "%d.jpg")
    program = ffmpeg("-f", "mpjpeg", "-i", f"{url}/{kind}", *copy)
    viewer = await resource.viewers.get()
    for frame in frames:
        viewer.send(frame)
    viewer.finish()
    await program.ended
    got = [tmp_path / f"{number}.jpg" for number in range(1, COUNT + 1)]
    assert [path.read_bytes() for path in got] == frames
    assert len(list(tmp_path.iterdir())) == COUNT
    assert viewer.dropped == 0


def free_port() -> int:
    """A port that nobody has: ffmpeg does not say which it was given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def connected(url: str, program: Program) -> Any:
    """The response, as soon as somebody listens there."""
    while not program.ended.called:
        try:
            return await Agent(reactor).request(b"GET", url.encode())
        except ConnectionRefusedError:
            await deferLater(reactor, 0.01)
    raise AssertionError("ffmpeg did not listen")


async def read_all(reader: MultipartReader) -> list[bytes]:
    return [await part.read() async for part in reader]


@exchange("ffmpeg", "client", "HTTP/1.1", "MJPEG that ffmpeg serves")
@pytest.mark.parametrize("honest", [False, True], ids=["octet-stream", "mixed-replace"])
async def test_we_see_the_frames_of_ffmpeg(honest: bool, frames: list[bytes]) -> None:
    url = f"http://127.0.0.1:{free_port()}/film"
    kind = ("-content_type", "multipart/x-mixed-replace;boundary=ffmpeg")
    source = (*drawn("64x48"), "-frames:v", COUNT, "-f", "mpjpeg")
    program = ffmpeg(*source, *(kind if honest else ()), "-listen", 1, url)
    response = await connected(url, program)
    types = response.headers.getRawHeaders("Content-Type")
    assert types == [kind[1] if honest else "application/octet-stream"]
    # One that does not say what it sends has to be known to send it.
    asked = {} if honest else {"content_type": "multipart/x-mixed-replace"}
    got = await read_all(MultipartReader.from_response(response, **asked))
    await program.ended
    assert got == frames


# A browser ---------------------------------------------------------------------------

PAGE = b"""<!doctype html>
<img id="film" src="/early">
<script>
  const canvas = document.createElement("canvas").getContext("2d");
  let told = "";
  setInterval(() => {
    if (film.naturalWidth === 0) return;
    canvas.drawImage(film, 0, 0);
    const [red, green, blue] = canvas.getImageData(8, 8, 1, 1).data;
    const what = `${film.naturalWidth} ${red > 128} ${green > 128} ${blue > 128}`;
    if (what !== told) fetch(`/seen?what=${told = what}`);
  }, 20);
</script>
"""

COLOURS = {
    "red": "true false false",
    "lime": "false true false",
    "blue": "false false true",
}


@exchange("Chromium", "server", "HTTP/1.1", "MJPEG in an `<img>`")
async def test_a_browser_draws_each_frame_as_soon_as_it_is_sent(
    camera: tuple[str, Camera],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """That is what headers are sent early for: it draws at those of the next part."""
    url, resource = camera
    pictures = {}
    for name in COLOURS:
        path, colour = tmp_path / f"{name}.jpg", f"color={name}:size=32x32"
        await ffmpeg("-f", "lavfi", "-i", colour, "-frames:v", 1, path).ended
        pictures[name] = path.read_bytes()
    browser = visit(reactor, f"{url}/page", tmp_path_factory.mktemp("page"))
    try:
        viewer = await resource.viewers.get()
        for name, pixel in COLOURS.items():
            viewer.send(pictures[name])
            # Nothing more is sent until it was seen.
            assert await resource.seen.get() == f"32 {pixel}"
    finally:
        await browser.end()
    while not viewer.closed:
        await deferLater(reactor, 0.01)
