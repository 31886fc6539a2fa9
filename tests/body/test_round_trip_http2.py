"""What a writer sends is what a reader gives, in DATA frames of HTTP/2 cut anyhow."""

from __future__ import annotations

from itertools import cycle
from pathlib import Path
from typing import Any

from hyperframe.frame import DataFrame
from hypothesis import given
from hypothesis import strategies as st
from twisted.web.resource import Resource

from tests.body.doubles import cut, untimed, value_of
from tests.body.test_round_trip import Drawn, check, folder, parts, written
from tests.http2.client import MAX_FRAME, Client
from txmultipart import MultipartReader, MultipartResource

#: The window of a stream and of the connection before anything is said (RFC 9113
#: section 6.9.2).
WINDOW = 65_535


class Checking(MultipartResource):
    """Reads a body as it was drawn, and compares."""

    isLeaf = True

    def __init__(self, drawn: Drawn, home: Path) -> None:
        super().__init__()
        self._check = (drawn, home)
        self.problem: BaseException | None = None

    async def render_multipart(self, request: Any, reader: MultipartReader) -> bytes:
        try:
            await check(reader, *self._check)
        except AssertionError as error:
            self.problem = error  # which is not for the log
        return b"%d" % reader.number


class Upload:
    """One body on one stream, sent as far as the windows allow."""

    def __init__(self, client: Client, path: str, content_type: str) -> None:
        self.client = client
        kind = ("content-type", content_type)
        self.stream_id = client.request("POST", path, kind, end=False)
        self.frames: list[DataFrame] = []
        self._sent = 0

    def cut(self, body: bytes, sizes: list[int], pads: list[int]) -> None:
        """``body`` in frames of these sizes and paddings; an empty one ends it."""
        # Not thousands of frames: one of a byte is all right, and so many are a flood.
        scale = len(body) // 2000 + 1
        pieces = cut(body, [min(scale * size, MAX_FRAME - 256) for size in sizes])
        if not sizes:
            pieces = cut(body, [MAX_FRAME - 256])
        self.frames = [DataFrame(self.stream_id, piece) for piece in (*pieces, b"")]
        for number, frame in enumerate(self.frames):
            if pads and (pad := pads[number % len(pads)]):
                frame.flags.add("PADDED")
                frame.pad_length = pad
        frame.flags.add("END_STREAM")

    def send(self, others: int = 0, wire_cuts: list[int] | None = None) -> int:
        """One frame, its bytes cut anyhow; ``others`` is what went on other streams.

        Gives what it took of the windows.
        """
        frame = self.frames.pop(0)
        size = int(frame.flow_controlled_length)
        while self._room(others) < size:
            before = self.client.credit[0]
            self.client.settle()  # credit comes when bytes were taken
            assert self.client.credit[0] > before, "nothing is taken any more"
        self._sent += size
        for piece in cut(frame.serialize(), wire_cuts or []):
            self.client.raw(piece)
        return size

    def _room(self, others: int) -> int:
        credit, first = self.client.credit, self.client.settings.get(4, WINDOW)
        stream = credit[self.stream_id] + first - self._sent
        return min(stream, credit[0] + WINDOW - self._sent - others)


def checked(client: Client, upload: Upload, resource: Checking, count: int) -> None:
    """It came as it was sent."""
    client.settle()
    if resource.problem is not None:
        raise resource.problem
    answer = client.answers[upload.stream_id]
    assert (answer.status, answer.ended) == (200, True)
    assert answer.body == b"%d" % count
    assert client.code is None


sizes = st.lists(st.integers(1, 400), max_size=4)
paddings = st.lists(st.integers(0, 255), max_size=3)


@untimed
@given(parts, sizes, paddings, sizes, st.booleans())
def test_there_and_back(
    drawn: Drawn, cuts: list[int], pads: list[int], wire_cuts: list[int], form: bool
) -> None:
    with folder() as home:
        writer = written(drawn, home, form)
        body = value_of(writer.as_bytes())
        resource = Checking(drawn, home)
        upload = Upload(client := Client(resource), "/", writer.content_type)
        upload.cut(body, cuts, pads)
        scale = len(body) // 2000 + 1
        while upload.frames:
            upload.send(wire_cuts=[scale * size for size in wire_cuts])
        checked(client, upload, resource, len(drawn))


@untimed
@given(parts, parts, sizes, st.lists(st.booleans(), min_size=1, max_size=9))
def test_two_bodies_on_one_connection(
    one: Drawn, two: Drawn, cuts: list[int], order: list[bool]
) -> None:
    """Frame by frame, in any order: neither has a byte of the other."""
    with folder() as home:
        resources = [Checking(drawn, home) for drawn in (one, two)]
        root = Resource()
        for name, resource in zip((b"one", b"two"), resources, strict=True):
            root.putChild(name, resource)
        client, uploads, sent = Client(root), [], [0, 0]
        for path, drawn in (("/one", one), ("/two", two)):
            writer = written(drawn, home, True)
            uploads.append(upload := Upload(client, path, writer.content_type))
            upload.cut(value_of(writer.as_bytes()), cuts, [])
        turns = cycle(order)
        while uploads[0].frames or uploads[1].frames:
            index = int(next(turns))
            index = index if uploads[index].frames else 1 - index
            sent[index] += uploads[index].send(others=sent[1 - index])
        for upload, resource, drawn in zip(uploads, resources, (one, two), strict=True):
            checked(client, upload, resource, len(drawn))
