"""ByteRangesWriter: the ranges, in order, and nothing else of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import execute
from twisted.web.resource import Resource

from tests.body.doubles import error_of, value_of
from tests.web.wire import Wire, request_bytes
from txmultipart.body import (
    BodyPart,
    ContentRange,
    byteranges_writer,
    parse_content_range,
    sources,
)
from txmultipart.body.byteranges_writer import ByteRangesWriter, range_payload
from txmultipart.body.producer import RawBody
from txmultipart.body.reader import MultipartReader
from txmultipart.errors import MisuseError, PayloadError
from txmultipart.web.answer import answer

CONTENT = bytes(range(256)) * 4


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file, whose reading threads work at once."""
    monkeypatch.setattr(sources, "deferToThread", execute)
    path = tmp_path / "a.png"
    path.write_bytes(CONTENT)
    return path


def test_what_is_written(path: Path) -> None:
    writer = ByteRangesWriter(path, [(0, 0), (1022, 1023)], boundary="b")
    assert writer.content_type == "multipart/byteranges; boundary=b"
    whole = (
        b"--b\r\nContent-Type: image/png\r\nContent-Range: bytes 0-0/1024\r\n\r\n"
        b"\x00\r\n"
        b"--b\r\nContent-Type: image/png\r\nContent-Range: bytes 1022-1023/1024\r\n\r\n"
        b"\xfe\xff\r\n"
        b"--b--\r\n"
    )
    assert writer.length == len(whole)
    assert writer.replayable
    for _ in range(2):
        assert value_of(writer.as_bytes()) == whole


async def test_a_reader_puts_them_together(path: Path) -> None:
    ranges = [(100, 299), (0, 1023), (5, 5)]
    writer = ByteRangesWriter(str(path), ranges, content_type="a/b")
    reader = MultipartReader(writer.content_type)
    reader.write(await writer.as_bytes())
    reader.unregisterProducer()
    seen = []
    async for part in reader:
        seen.append(place := place_of(part))
        assert await part.read() == CONTENT[place.first : place.last + 1]
        assert part.content_type == "a/b"
    assert seen == [ContentRange(first, last, 1024) for first, last in ranges]


def test_no_byte_outside_a_range_is_read(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files: list[Any] = []

    class Watched(byteranges_writer._FileRange):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            files.append(self)
            self.count = 0

        def read(self, size: int) -> bytes:
            data = super().read(size)
            self.count += len(data)
            return data

    monkeypatch.setattr(byteranges_writer, "_FileRange", Watched)
    monkeypatch.setattr(sources, "LARGEST", 16)
    value_of(ByteRangesWriter(path, [(3, 102), (500, 500)]).as_bytes())
    assert [file.count for file in files] == [100, 1]
    assert all(file._file.closed for file in files)


def place_of(part: BodyPart) -> ContentRange:
    value = part.headers.get("Content-Range")
    assert value is not None
    return parse_content_range(value)


WRONG = [[(-1, 3)], [(4, 3)], [(0, 1024)], [(0, 0), (1024, 1024)]]


@pytest.mark.parametrize("ranges", WRONG)
def test_a_range_is_within_the_file(path: Path, ranges: list[tuple[int, int]]) -> None:
    with pytest.raises(MisuseError, match="not within the file"):
        ByteRangesWriter(path, ranges)


def test_there_has_to_be_a_range(path: Path) -> None:
    with pytest.raises(MisuseError, match="no range"):
        ByteRangesWriter(path, [])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ByteRangesWriter(tmp_path / "none", [(0, 0)])


def test_a_file_that_became_shorter_is_told(path: Path) -> None:
    writer = ByteRangesWriter(path, [(0, 0), (500, 600)])
    path.write_bytes(CONTENT[:550])
    error = error_of(writer.as_bytes())
    assert isinstance(error, PayloadError)
    assert (error.code, error.part) == ("wrong-length", 2)


def test_one_range_is_a_payload_of_its_own(path: Path) -> None:
    body = RawBody(range_payload(path, 2, 3))
    assert (body.length, body.replayable) == (3, True)


class Ranges(Resource):
    """Answers with two ranges of a file."""

    isLeaf = True

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path

    def render_GET(self, request: Any) -> int:
        request.setResponseCode(206)
        answer(request, ByteRangesWriter(self.path, [(0, 1), (9, 9)], boundary="b"))
        return 1


def test_a_resource_may_answer_with_it(path: Path) -> None:
    result = Wire(Ranges(path)).send(request_bytes()).answer
    assert result.status == 206
    assert result.headers["content-type"] == "multipart/byteranges; boundary=b"
    assert int(result.headers["content-length"]) == len(result.body)
    assert result.body.count(b"--b\r\n") == 2
