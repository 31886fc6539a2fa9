"""Other multipart parsers, each driven the same way: chunks in, what it found out.

A driver takes the boundary and the chunks of one body and returns, for each part,
its name, its filename and how many bytes it has, so that none can leave out work.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

Parts = list[tuple[str | None, str | None, int]]
Driver = Callable[[bytes, Iterable[bytes]], Parts]


def txmultipart() -> Driver:
    """This package."""
    from txmultipart.sansio import MultipartParser, PartBegin, PartData

    def drive(boundary: bytes, chunks: Iterable[bytes]) -> Parts:
        parser = MultipartParser(boundary)
        parts: Parts = []
        headers, size = None, 0
        for chunk in chunks:
            for event in parser.receive_data(chunk):
                kind = type(event)
                if kind is PartData:
                    size += len(event.data)
                elif kind is PartBegin:
                    headers, size = event.headers, 0
                elif headers is not None:
                    parts.append((headers.name, headers.filename, size))
                    headers = None
        parser.receive_eof()
        return parts

    return drive


def multipart() -> Driver:
    """PyPI ``multipart``."""
    from multipart import MultipartSegment, PushMultipartParser

    def drive(boundary: bytes, chunks: Iterable[bytes]) -> Parts:
        parts: Parts = []
        with PushMultipartParser(boundary) as parser:
            segment, size = None, 0
            for chunk in chunks:
                for item in parser.parse(chunk):
                    if isinstance(item, MultipartSegment):
                        segment, size = item, 0
                    elif item:
                        size += len(item)
                    else:
                        parts.append((segment.name, segment.filename, size))
        return parts

    return drive


def python_multipart() -> Driver:
    """PyPI ``python-multipart``."""
    from python_multipart.multipart import MultipartParser, parse_options_header

    def drive(boundary: bytes, chunks: Iterable[bytes]) -> Parts:
        parts: Parts = []
        field, value, disposition, size = bytearray(), bytearray(), b"", 0

        def begin() -> None:
            nonlocal size
            size = 0

        def header_end() -> None:
            nonlocal disposition
            if bytes(field).lower() == b"content-disposition":
                disposition = bytes(value)
            field.clear()
            value.clear()

        def data(chunk: bytes, start: int, end: int) -> None:
            nonlocal size
            size += len(chunk[start:end])  # a slice, since a user needs the bytes

        def part_end() -> None:
            _, params = parse_options_header(disposition)
            name, filename = params.get(b"name"), params.get(b"filename")
            parts.append((_text(name), _text(filename), size))

        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": begin,
                "on_part_data": data,
                "on_part_end": part_end,
                "on_header_field": lambda chunk, a, b: field.extend(chunk[a:b]),
                "on_header_value": lambda chunk, a, b: value.extend(chunk[a:b]),
                "on_header_end": header_end,
            },
        )
        for chunk in chunks:
            parser.write(chunk)
        parser.finalize()
        return parts

    return drive


def werkzeug() -> Driver:
    """PyPI ``werkzeug``, its parser without I/O."""
    from werkzeug.sansio.multipart import Data, Field, File, MultipartDecoder, NeedData

    def drive(boundary: bytes, chunks: Iterable[bytes]) -> Parts:
        parts: Parts = []
        decoder = MultipartDecoder(boundary, max_parts=10_000)
        name = filename = None
        size = 0
        for chunk in [*chunks, None]:
            decoder.receive_data(chunk)
            while not isinstance(event := decoder.next_event(), NeedData):
                if isinstance(event, Data):
                    size += len(event.data)
                    if not event.more_data:
                        parts.append((name, filename, size))
                elif isinstance(event, Field | File):
                    name, size = event.name, 0
                    filename = getattr(event, "filename", None)
                elif chunk is None:
                    break
        return parts

    return drive


def aiohttp() -> Driver:
    """PyPI ``aiohttp``: its reader on its stream, both fed as its server does it."""
    from aiohttp import MultipartReader, StreamReader
    from aiohttp.base_protocol import BaseProtocol

    def drive(boundary: bytes, chunks: Iterable[bytes]) -> Parts:
        async def read() -> Parts:
            loop = asyncio.get_running_loop()
            stream = StreamReader(BaseProtocol(loop), 1 << 40, loop=loop)
            for chunk in chunks:
                stream.feed_data(chunk)
            stream.feed_eof()
            kind = f'multipart/form-data; boundary="{boundary.decode()}"'
            parts: Parts = []
            async for part in MultipartReader({"Content-Type": kind}, stream):
                size = 0
                while data := await part.read_chunk(1 << 16):
                    size += len(data)
                parts.append((part.name, part.filename, size))
            return parts

        return _loop().run_until_complete(read())

    return drive


def streaming_form_data() -> Driver:
    """PyPI ``streaming-form-data``, which is written in Cython; every part by one target."""
    from streaming_form_data import StreamingFormDataParser
    from streaming_form_data.targets import BaseTarget

    def drive(boundary: bytes, chunks: Iterable[bytes]) -> Parts:
        class Sizes(BaseTarget):
            def __init__(self, name: str) -> None:
                super().__init__()
                self.name = name

            def on_start(self) -> None:
                self.size = 0

            def on_data_received(self, data: bytes) -> None:
                self.size += len(data)

            def on_finish(self) -> None:
                parts.append((self.name, self.multipart_filename, self.size))

        parts: Parts = []
        kind = f"multipart/form-data; boundary={boundary.decode()}"
        parser = StreamingFormDataParser({"Content-Type": kind})
        # It wants to be told every name beforehand.
        for name in _names:
            parser.register(name, Sizes(name))
        for chunk in chunks:
            parser.data_received(chunk)
        return parts

    return drive


_names: list[str] = []


def expect_names(names: list[str]) -> None:
    """For ``streaming_form_data``: what the next body's parts are called."""
    _names[:] = list(dict.fromkeys(names))


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


_one_loop: asyncio.AbstractEventLoop | None = None


def _loop() -> asyncio.AbstractEventLoop:
    global _one_loop
    _one_loop = _one_loop or asyncio.new_event_loop()
    return _one_loop


PEERS: dict[str, Callable[[], Driver]] = {
    "multipart": multipart,
    "python-multipart": python_multipart,
    "werkzeug": werkzeug,
    "aiohttp": aiohttp,
    "streaming-form-data": streaming_form_data,
}
