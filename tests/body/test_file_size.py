"""How much a file has to give, also where its size says nothing."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from mmap import PAGESIZE
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from twisted.python.filepath import FilePath
from twisted.web.iweb import UNKNOWN_LENGTH

from tests.body.doubles import Downstream
from txmultipart.body import file_size
from txmultipart.body.file_size import size_at
from txmultipart.body.payloads import payload_of
from txmultipart.body.producer import RawBody
from txmultipart.body.writer import FormData

#: What Linux makes up while it is read, and does not change by itself. They differ in
#: the sizes that they claim, and in whether one can go to their ends.
MADE_UP = [
    "/proc/version",
    "/proc/sys/kernel/hostname",
    "/proc/self/environ",
    "/sys/class/net/lo/mtu",
    "/sys/kernel/mm/transparent_hugepage/enabled",
]


@pytest.fixture(params=MADE_UP)
def made_up(request: pytest.FixtureRequest) -> Path:
    path = Path(request.param)
    try:
        path.read_bytes()
    except OSError:
        pytest.skip(f"there is no {path}")
    return path


class Opened:
    """Opens files, and closes them afterwards."""

    def __init__(self) -> None:
        self.files: list[BinaryIO] = []

    def __call__(self, path: Path) -> BinaryIO:
        self.files.append(path.open("rb"))
        return self.files[-1]


@pytest.fixture
def opened() -> Iterator[Opened]:
    opener = Opened()
    yield opener
    for file in opener.files:
        file.close()


Way = Callable[[Path, Opened], Any]

WAYS: dict[str, Way] = {
    "path": lambda path, opened: path,
    "FilePath": lambda path, opened: FilePath(str(path)),
    "open file": lambda path, opened: opened(path),
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())


async def sent(content: object) -> bytes:
    consumer = Downstream()
    await RawBody(content).startProducing(cast(Any, consumer))
    return consumer.data


@each_way
async def test_what_is_made_up_is_sent_whole(
    made_up: Path, way: Way, opened: Opened
) -> None:
    payload = payload_of(way(made_up, opened))
    assert payload.length == UNKNOWN_LENGTH
    for _ in range(2):
        assert payload.replayable
        assert await sent(payload) == made_up.read_bytes()


async def test_in_a_form_too(made_up: Path) -> None:
    form = FormData()
    form.add_file("file", made_up)
    assert form.length == UNKNOWN_LENGTH
    assert b"\r\n\r\n" + made_up.read_bytes() + b"\r\n" in await form.as_bytes()


async def test_what_is_made_up_is_sent_from_where_it_stands(
    made_up: Path, opened: Opened
) -> None:
    file = opened(made_up)
    file.read(1)
    payload = payload_of(file)
    assert payload.length == UNKNOWN_LENGTH
    for _ in range(2):
        assert await sent(payload) == made_up.read_bytes()[1:]


@each_way
async def test_an_empty_file_is_known_to_be_empty(
    tmp_path: Path, way: Way, opened: Opened
) -> None:
    path = tmp_path / "empty"
    path.touch()
    payload = payload_of(way(path, opened))
    assert (payload.length, payload.replayable) == (0, True)
    assert await sent(payload) == b""
    form = FormData()
    form.add_file("file", way(path, opened))
    assert form.length == len(await form.as_bytes())


@each_way
async def test_one_that_cannot_be_read_says_so_when_it_is_sent(
    way: Way, opened: Opened
) -> None:
    path = Path("/proc/self/mem")
    if not path.exists():
        pytest.skip(f"there is no {path}")
    payload = payload_of(way(path, opened))
    assert payload.length == UNKNOWN_LENGTH
    with pytest.raises(OSError):  # noqa: PT011
        await sent(payload)


def test_one_that_has_gone_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    found = path.stat()
    path.unlink()
    assert size_at(str(path), found) == UNKNOWN_LENGTH


def test_one_that_has_become_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    found = path.stat()
    path.unlink()
    os.mkfifo(path)
    assert size_at(str(path), found) == UNKNOWN_LENGTH


async def test_an_open_pipe_is_sent_once() -> None:
    ends = os.pipe()
    os.write(ends[1], b"content")
    os.close(ends[1])
    with open(ends[0], "rb") as file:
        payload = payload_of(file)
        assert (payload.length, payload.replayable) == (UNKNOWN_LENGTH, False)
        assert await sent(payload) == b"content"


@pytest.mark.parametrize("name", ["null", "zero"])
@pytest.mark.parametrize("way", [WAYS["path"], WAYS["open file"]])
def test_a_device_has_no_size_and_is_sent_once(
    name: str, way: Way, opened: Opened
) -> None:
    payload = payload_of(way(Path("/dev") / name, opened))
    assert (payload.length, payload.replayable) == (UNKNOWN_LENGTH, False)


@pytest.mark.parametrize("way", [WAYS["path"], WAYS["open file"]])
async def test_a_hole_of_one_page_may_be_made_up(
    tmp_path: Path, way: Way, opened: Opened
) -> None:
    path = tmp_path / "hole"
    path.touch()
    os.truncate(path, PAGESIZE)
    if path.stat().st_blocks:
        pytest.skip("this disk has no holes")
    payload = payload_of(way(path, opened))
    assert payload.length == UNKNOWN_LENGTH
    assert await sent(payload) == bytes(PAGESIZE)
    os.truncate(path, PAGESIZE + 1)
    assert payload_of(way(path, opened)).length == PAGESIZE + 1


@pytest.mark.parametrize("size", [1, PAGESIZE])
@each_way
def test_other_sizes_are_true(
    tmp_path: Path, way: Way, opened: Opened, size: int
) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(size))
    if not path.stat().st_blocks:
        pytest.skip("this disk has room for that beside its blocks")
    assert payload_of(way(path, opened)).length == size


def test_what_was_written_and_not_yet_stored_counts(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+b") as file:
        file.write(b"content")
        file.seek(3)
        assert payload_of(file).length == 4


def test_where_the_system_makes_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_size, "_read_at", None)
    path = tmp_path / "empty"
    path.touch()
    assert payload_of(path).length == 0


class Memory(io.RawIOBase):
    """A file of no system."""

    def __init__(self, data: bytes, *, has_end: bool = True) -> None:
        super().__init__()
        self._data = io.BytesIO(data)
        self._has_end = has_end

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(buffer)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END and not self._has_end:
            raise io.UnsupportedOperation("it goes on")
        return self._data.seek(offset, whence)

    def tell(self) -> int:
        return self._data.tell()


@pytest.mark.parametrize(("has_end", "length"), [(True, 6), (False, UNKNOWN_LENGTH)])
@pytest.mark.parametrize("wrap", [io.BufferedReader, lambda raw: raw])
async def test_a_file_of_no_system(
    wrap: Callable[[Any], Any], has_end: bool, length: object
) -> None:
    file = wrap(Memory(b"content", has_end=has_end))
    file.seek(1)
    payload = payload_of(file)
    assert (payload.length, payload.replayable) == (length, True)
    for _ in range(2):
        assert await sent(payload) == b"ontent"
