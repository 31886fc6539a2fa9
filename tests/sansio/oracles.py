"""Other parsers of multipart/form-data, each as one function from bytes to fields.

Each raises ``ValueError`` for a body that it refuses, and skips the tests where its
package is not installed.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.sansio.runs import whole

#: Name, filename and content of each part.
Fields = list[tuple[str | None, str | None, bytes]]
Oracle = Callable[[bytes, bytes], Fields]


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


# Imported at once: the guard looks at whatever is made while the tests run.
MODULES = {
    "multipart": _module("multipart"),
    "python_multipart": _module("python_multipart.multipart"),
    "werkzeug": _module("werkzeug.sansio.multipart"),
    "aiohttp": _module("aiohttp"),
}


def _installed(name: str) -> Any:
    return MODULES[name] or pytest.skip(f"{name} is not installed")


def ours(body: bytes, boundary: bytes) -> Fields:
    """What we make of it."""
    outcome = whole(body, boundary)
    if outcome.problem is not None:
        raise ValueError(outcome.code)
    return [(head.name, head.filename, content) for head, content in outcome.parts]


def multipart(body: bytes, boundary: bytes) -> Fields:
    """The package ``multipart``.

    ``python-multipart`` installs a package of the same name that steps aside for it.
    """
    module = _installed("multipart")
    fields: list[Any] = []
    try:
        with module.PushMultipartParser(boundary) as parser:
            for event in parser.parse(body):
                if isinstance(event, module.MultipartSegment):
                    fields.append([event.name, event.filename, b""])
                elif event:
                    fields[-1][2] += event
    except module.MultipartError as error:
        raise ValueError from error
    return [tuple(field) for field in fields]


class _Collector:
    """The callbacks of ``python-multipart``."""

    def __init__(self) -> None:
        self.module = _installed("python_multipart")
        self.parts: list[tuple[dict[bytes, bytes], bytearray]] = []
        self.name = self.value = b""

    def callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": lambda: self.parts.append(({}, bytearray())),
            "on_header_field": self.on_header_field,
            "on_header_value": self.on_header_value,
            "on_header_end": self.on_header_end,
            "on_part_data": lambda data, a, b: self.parts[-1][1].extend(data[a:b]),
        }

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self.name += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self.value += data[start:end]

    def on_header_end(self) -> None:
        self.parts[-1][0][self.name.lower()] = self.value
        self.name = self.value = b""

    def fields(self) -> Fields:
        fields: Fields = []
        for headers, content in self.parts:
            value = headers.get(b"content-disposition")
            _, options = self.module.parse_options_header(value)
            name, filename = (
                _text(options.get(b"name")),
                _text(options.get(b"filename")),
            )
            fields.append((name, filename, bytes(content)))
        return fields


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def python_multipart(body: bytes, boundary: bytes) -> Fields:
    """The package ``python-multipart``."""
    collector = _Collector()
    module = collector.module
    parser = module.MultipartParser(boundary, collector.callbacks())
    try:
        parser.write(body)
        parser.finalize()
    except module.FormParserError as error:
        raise ValueError from error
    return collector.fields()


def werkzeug(body: bytes, boundary: bytes) -> Fields:
    """The decoder of ``werkzeug``."""
    module = _installed("werkzeug")
    decoder = module.MultipartDecoder(boundary)
    decoder.receive_data(body)
    decoder.receive_data(None)
    fields: list[Any] = []
    while True:
        event = decoder.next_event()
        if isinstance(event, module.Field | module.File):
            fields.append([event.name, getattr(event, "filename", None), b""])
        elif isinstance(event, module.Data):
            fields[-1][2] += event.data
        elif isinstance(event, module.Epilogue):
            return [tuple(field) for field in fields]


def aiohttp(body: bytes, boundary: bytes) -> Fields:
    """The reader of the package ``aiohttp``, which is for any multipart."""
    module = _installed("aiohttp")
    return asyncio.run(_read_with_aiohttp(module, body, boundary))


async def _read_with_aiohttp(module: Any, body: bytes, boundary: bytes) -> Fields:
    protocol = importlib.import_module("aiohttp.base_protocol").BaseProtocol
    loop = asyncio.get_running_loop()
    stream = module.StreamReader(protocol(loop), 1 << 30, loop=loop)
    stream.feed_data(body)
    stream.feed_eof()
    kind = f'multipart/form-data; boundary="{boundary.decode()}"'
    fields: Fields = []
    try:
        async for part in module.MultipartReader({"Content-Type": kind}, stream):
            fields.append((part.name, part.filename, bytes(await part.read())))
    except (ValueError, module.http_exceptions.BadHttpMessage) as error:
        raise ValueError from error
    return fields


#: What agrees with us on strict bodies, and is not asked about others: it is no
#: parser of forms alone.
GENERAL: dict[str, Oracle] = {"aiohttp": aiohttp}

ORACLES: dict[str, Oracle] = {
    "multipart": multipart,
    "python-multipart": python_multipart,
    "werkzeug": werkzeug,
}
