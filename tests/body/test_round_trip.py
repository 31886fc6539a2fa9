"""What a writer sends is what a reader gives, however it is cut and however it is read."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, execute, succeed
from twisted.web.iweb import UNKNOWN_LENGTH

from tests.body.doubles import Outcome, Upstream, cut, next_of, untimed, value_of
from txmultipart.body import batch_sink, file_sink, sources
from txmultipart.body.live import LivePayload
from txmultipart.body.part import BodyPart
from txmultipart.body.producer import RawBody
from txmultipart.body.reader import MultipartReader
from txmultipart.body.sinks import HashSink, MemorySink, TeeSink
from txmultipart.body.writer import FormData, MultipartWriter


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for files, whose threads work at once."""
    with (
        tempfile.TemporaryDirectory() as name,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(sources, "deferToThread", execute)
        for module in (batch_sink, file_sink):
            patch.setattr(module, "deferToThread", execute)
        yield Path(name)


# What is sent ------------------------------------------------------------------------


def in_few(content: bytes, *sizes: int) -> list[bytes]:
    """``content`` in pieces, whose sizes are larger for a large one."""
    scale = len(content) // 200 + 1
    return cut(bytes(content), [scale * size for size in sizes or (3, 1, 7)])


def as_path(content: bytes, home: Path) -> Path:
    path = home / f"sent{len(list(home.iterdir()))}"
    path.write_bytes(content)
    return path


def as_part(content: bytes, home: Path) -> BodyPart:
    reader = MultipartReader("multipart/mixed; boundary=received")
    reader.write(b"--received\r\n\r\n" + content + b"\r\n--received--")
    return next_of(reader)


def as_nested(content: bytes, home: Path) -> MultipartWriter:
    writer = MultipartWriter(boundary="inner")
    writer.append(content)
    return writer


def as_live(content: bytes, home: Path) -> LivePayload:
    payload = LivePayload()
    for piece in in_few(content):
        payload.write(piece)
    payload.finish()
    return payload


class Pieces:
    """Content piece by piece, now or later."""

    def __init__(self, content: bytes) -> None:
        self._pieces = iter(in_few(content))

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return await succeed(piece)
        raise StopAsyncIteration


Send = Callable[[bytes, Path], object]
SENT: dict[str, Send] = {
    "bytes": lambda content, home: content,
    "text": lambda content, home: content.decode("latin-1"),
    "path": as_path,
    "file": lambda content, home: io.BytesIO(content),
    "list": lambda content, home: in_few(content),
    "generator": lambda content, home: (piece for piece in in_few(content)),
    "Deferreds": lambda content, home: map(succeed, in_few(content)),
    "async iterable": lambda content, home: Pieces(content),
    "received part": as_part,
    "nested writer": as_nested,
    "live": as_live,
    "raw body": lambda content, home: RawBody(content),
}


def expected(kind: str, content: bytes) -> bytes:
    return content.decode("latin-1").encode() if kind == "text" else content


# How it is read ----------------------------------------------------------------------


async def by_iterating(part: BodyPart, home: Path) -> bytes:
    return b"".join([chunk async for chunk in part])


async def by_chunks(part: BodyPart, home: Path) -> bytes:
    content = b""
    while chunk := await part.read_chunk():
        content += chunk
    return content


async def by_lines(part: BodyPart, home: Path) -> bytes:
    lines = []
    while line := await part.readline():
        lines.append(line)
    content = b"".join(lines)
    assert all(line.find(b"\n") == len(line) - 1 for line in lines[:-1])
    return content


async def by_all_ways(part: BodyPart, home: Path) -> bytes:
    content = b""
    for read in (part.readline, part.read_chunk):
        if not (piece := await read()):
            return content  # reading on would be misuse
        content += piece
    async for chunk in part:
        return content + chunk + await part.read()
    return content


async def by_writing(part: BodyPart, home: Path) -> bytes:
    sink, digest = MemorySink(1 << 20), HashSink()
    size = await part.write_to(TeeSink(sink, digest))
    assert size == digest.size
    return sink.getvalue()


async def by_saving(part: BodyPart, home: Path) -> bytes:
    path = home / f"saved{len(list(home.iterdir()))}"
    size = await part.save(path)
    content = path.read_bytes()
    assert size == len(content)
    return content


async def by_counting(part: BodyPart, home: Path) -> int:
    return await part.discard()


async def half(part: BodyPart, home: Path) -> None:
    await part.read_chunk()


async def not_at_all(part: BodyPart, home: Path) -> None:
    """The next part is asked for at once."""


Read = Callable[[BodyPart, Path], Awaitable[Any]]
READ: dict[str, Read] = {
    "read": lambda part, home: part.read(),
    "iterate": by_iterating,
    "read_chunk": by_chunks,
    "readline": by_lines,
    "all ways": by_all_ways,
    "write_to": by_writing,
    "save": by_saving,
    "discard": by_counting,
    "half": half,
    "skip": not_at_all,
}


async def unwrap(kind: str, part: BodyPart, home: Path, read: Read) -> Any:
    if kind != "nested writer":
        return await read(part, home)
    inner = await anext(part.parts())
    return await read(inner, home)


# There and back ----------------------------------------------------------------------


def feed(reader: MultipartReader, pieces: list[bytes]) -> None:
    """Have a source write ``pieces``, one for each time that it may."""

    def write_on() -> None:
        while pieces and upstream.running:
            reader.write(pieces.pop(0))
        if not pieces and not ended:
            ended.append(True)
            reader.unregisterProducer()

    ended: list[bool] = []
    upstream = Upstream(resume=write_on)
    reader.registerProducer(upstream, True)


class Large(bytes):
    """More than is written at once; Hypothesis need not print all of it."""

    def __repr__(self) -> str:
        return f"Large({len(self)})"


lines = st.lists(st.sampled_from([b"\r", b"\n", b"--b", b"-", b"a", b"\r\n--"]))
contents = (
    st.binary(max_size=40) | lines.map(b"".join) | st.just(Large(b"x\r\n" * 12_000))
)
parts = st.lists(
    st.tuples(st.sampled_from(sorted(SENT)), contents, st.sampled_from(sorted(READ))),
    max_size=5,
)
Drawn = list[tuple[str, bytes, str]]


def written(drawn: Drawn, home: Path, form: bool) -> MultipartWriter:
    writer = FormData() if form else MultipartWriter("mixed")
    for number, (kind, content, _) in enumerate(drawn):
        sent = SENT[kind](content, home)
        if isinstance(writer, FormData):
            writer.add_field(f"field{number}", sent)
        else:
            writer.append(sent)
    return writer


async def check(reader: MultipartReader, drawn: Drawn, home: Path) -> None:
    count = 0
    async for part in reader:
        kind, content, way = drawn[count]
        count += 1
        got = await unwrap(kind, part, home, READ[way])
        whole = expected(kind, content)
        assert got in (whole, len(whole), None)
    assert count == len(drawn)


@untimed
@given(parts, st.lists(st.integers(1, 50), max_size=4), st.booleans())
def test_there_and_back(drawn: Drawn, sizes: list[int], form: bool) -> None:
    with folder() as home:
        writer = written(drawn, home, form)
        length = writer.length
        body = value_of(writer.as_bytes())
        assert length in (len(body), UNKNOWN_LENGTH)
        reader = MultipartReader(writer.content_type)
        feed(reader, in_few(body, *sizes))
        done = Outcome(Deferred.fromCoroutine(check(reader, drawn, home)))
        assert done.value is None


@untimed
@given(parts, st.booleans())
def test_from_a_writer_right_into_a_reader(drawn: Drawn, form: bool) -> None:
    with folder() as home:
        writer = written(drawn, home, form)
        reader = MultipartReader(writer.content_type)
        reader.registerProducer(writer, True)
        done = Outcome(Deferred.fromCoroutine(check(reader, drawn, home)))
        sent = writer.startProducing(cast(Any, reader))
        sent.addCallback(lambda _: reader.unregisterProducer())
        assert done.value is None
        assert value_of(sent) is None


@untimed
@given(parts)
def test_a_relay_passes_every_part_on(drawn: Drawn) -> None:
    """Out of one body into another, each part read only as it is sent."""
    with folder() as home:
        original = written(drawn, home, form=True)
        received = MultipartReader(original.content_type)
        feed(received, in_few(value_of(original.as_bytes()), 11))

        async def relay() -> list[bytes]:
            sent = []
            async for part in received:
                writer = FormData()
                writer.add_field(part.name or "", part)
                reader = MultipartReader(writer.content_type)
                reader.write(await writer.as_bytes())
                sent.append(await next_of(reader).read())
            return sent

        passed = Outcome(Deferred.fromCoroutine(relay())).value
        for (kind, content, _), got in zip(drawn, passed, strict=True):
            assert got == expected(kind, content) or kind == "nested writer"


# Codings -----------------------------------------------------------------------------

contents = st.binary(max_size=3000) | st.binary(max_size=9).map(lambda data: data * 999)
applied = st.fixed_dictionaries(
    {},
    optional={
        "Content-Encoding": st.sampled_from(
            ["identity", "gzip", "deflate", "br", "zstd", "deflate, gzip"]
        ),
        "Content-Transfer-Encoding": st.sampled_from(
            ["7bit", "8bit", "binary", "base64", "quoted-printable"]
        ),
    },
)


@untimed
@given(contents, applied, st.lists(st.integers(1, 300), max_size=4))
def test_what_a_writer_codes_a_reader_decodes(
    content: bytes, headers: dict[str, str], sizes: list[int]
) -> None:
    writer = MultipartWriter()
    writer.append(content, headers)
    reader = MultipartReader(writer.content_type)
    asked = Outcome(reader.next_part())
    for piece in cut(value_of(writer.as_bytes()), sizes):
        reader.write(piece)
    reader.unregisterProducer()
    part = asked.value
    assert part is not None
    assert value_of(part.read(decode=True)) == content
