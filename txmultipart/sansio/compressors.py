"""The compressed formats behind the content codings, one face for all of them.

Here is the only place that knows zlib, brotli and zstandard. The last two are
extras of the package and are imported when they are asked for.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Protocol

from txmultipart.limits import MiB
from txmultipart.sansio.coder import MAX_PIECE

#: RFC 9659 section 3: what is sent with the coding zstd needs no larger window,
#: and this much memory is what one stream can make us take.
MAX_ZSTD_WINDOW = 8 * MiB

# zstandard cannot be told to stop, so it gets this much at a time. A block takes
# 4 bytes at least and gives 128 KiB at most (RFC 8878 section 3.1.1.2), which
# makes 1 MiB.
_ZSTD_STEP = 32

# zlib's "wbits": 15 for the largest window, and 16 for gzip's header.
_GZIP, _WRAPPED, _RAW = 31, 15, -15

# The default of 11 is for files that are compressed once and read often: it
# takes fifty times as long.
_BROTLI_QUALITY = 5


class Decompressor(Protocol):
    """One compressed stream: a gzip member, a zstd frame, all of the others."""

    @property
    def ended(self) -> bool:
        """Whether the stream is complete."""
        ...

    @property
    def unused(self) -> bytes:
        """What stood behind the end of the stream in the data it came in."""
        ...

    def run(self, data: bytes) -> Iterator[bytes]:
        """All that can be made of ``data``, little by little."""
        ...


class Compressor(Protocol):
    """Makes a compressed stream."""

    def compress(self, data: bytes, /) -> bytes:
        """Take ``data``; some or all of it may be held back."""
        ...

    def flush(self) -> bytes:
        """What it takes to unpack all that was compressed by now."""
        ...

    def finish(self) -> bytes:
        """The rest of the stream."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """One compressed format. ``error`` is what its library raises for bad input."""

    decompressor: Callable[[], Decompressor]
    compressor: Callable[[], Compressor]
    error: type[Exception]
    #: Whether several streams in a row are one content.
    repeats: bool = False
    #: Whether zeros may stand behind the last stream.
    padded: bool = False


class UnknownCoding(LookupError):
    """There is no such coding, or what it needs is not installed."""


def find_format(coding: str) -> Format:
    """The format of a content coding, by its name in lower case."""
    if coding not in _FORMATS:
        raise UnknownCoding("the content coding is not known")
    return _FORMATS[coding]()


class _Zlib:
    """zlib's formats; which one, ``wbits`` says."""

    def __init__(self, wbits: int) -> None:
        self._stream = zlib.decompressobj(wbits)

    @property
    def ended(self) -> bool:
        return self._stream.eof

    @property
    def unused(self) -> bytes:
        return self._stream.unused_data

    def run(self, data: bytes) -> Iterator[bytes]:
        piece = b""
        while data or len(piece) == MAX_PIECE:
            piece = self._stream.decompress(data, MAX_PIECE)
            data = self._stream.unconsumed_tail
            yield piece


class _Deflate:
    """The coding deflate: zlib's format, or raw as some send it.

    RFC 9110 section 8.4.1.2 tells of the latter. The first byte tells them
    apart: its low half is 8 with a header (RFC 1950 section 2.2), and without
    one that would be a stored block with bits set that every encoder leaves 0.
    """

    unused = b""

    def __init__(self) -> None:
        self._stream: _Zlib | None = None

    @property
    def ended(self) -> bool:
        return self._stream is not None and self._stream.ended

    def run(self, data: bytes) -> Iterator[bytes]:
        if self._stream is None:
            self._stream = _Zlib(_WRAPPED if data[0] & 15 == 8 else _RAW)
        yield from self._stream.run(data)
        self.unused = self._stream.unused


class _Brotli:
    """Brotli (RFC 7932). The library refuses data behind the end by itself."""

    unused = b""

    def __init__(self, module: Any) -> None:
        self._stream = module.Decompressor()

    @property
    def ended(self) -> bool:
        return bool(self._stream.is_finished())

    def run(self, data: bytes) -> Iterator[bytes]:
        piece = self._stream.process(data, output_buffer_limit=MAX_PIECE)
        yield piece
        # It may say that it can take more while it could also give more. An empty
        # piece is the sign that it cannot: others are of any size it likes.
        while piece or not self._stream.can_accept_more_data():
            piece = self._stream.process(b"", output_buffer_limit=MAX_PIECE)
            yield piece


class _Compressor:
    """A compressor, whatever its library calls what it does."""

    def __init__(
        self,
        compress: Callable[[bytes], bytes],
        flush: Callable[[], bytes],
        finish: Callable[[], bytes],
    ) -> None:
        self.compress, self.flush, self.finish = compress, flush, finish


def _zlib_compressor(wbits: int) -> Compressor:
    stream = zlib.compressobj(wbits=wbits)
    sync = partial(stream.flush, zlib.Z_SYNC_FLUSH)
    return _Compressor(stream.compress, sync, stream.flush)


def _brotli_compressor(module: Any) -> Compressor:
    stream = module.Compressor(quality=_BROTLI_QUALITY)
    return _Compressor(stream.process, stream.flush, stream.finish)


def _zstandard_compressor(module: Any) -> Compressor:
    stream = module.ZstdCompressor(write_checksum=True).compressobj()
    block = partial(stream.flush, module.COMPRESSOBJ_FLUSH_BLOCK)
    return _Compressor(stream.compress, block, stream.flush)


def _standard_zstd_compressor(module: Any) -> Compressor:
    kind = module.ZstdCompressor
    stream = kind(options={module.CompressionParameter.checksum_flag: 1})
    block = partial(stream.flush, kind.FLUSH_BLOCK)
    return _Compressor(stream.compress, block, stream.flush)


class _Zstandard:
    """A zstd frame (RFC 8878), with the package zstandard."""

    def __init__(self, module: Any) -> None:
        context = module.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW)
        self._stream = context.decompressobj(write_size=MAX_PIECE // 4)
        self.unused = b""

    @property
    def ended(self) -> bool:
        return bool(self._stream.eof)

    def run(self, data: bytes) -> Iterator[bytes]:
        """Pieces are joined: data that did not shrink comes out as it goes in."""
        pieces: list[bytes] = []
        for start in range(0, len(data), _ZSTD_STEP):
            end = start + _ZSTD_STEP
            pieces.append(self._stream.decompress(data[start:end]))
            if self._stream.eof:
                self.unused = self._stream.unused_data + data[end:]
                break
            if len(pieces[-1]) > _ZSTD_STEP:
                yield b"".join(pieces)
                pieces.clear()
        yield b"".join(pieces)


class _StandardZstd:
    """A zstd frame, with the module that Python has from 3.14 on."""

    def __init__(self, module: Any) -> None:
        window = module.DecompressionParameter.window_log_max
        options = {window: MAX_ZSTD_WINDOW.bit_length() - 1}
        self._stream = module.ZstdDecompressor(options=options)

    @property
    def ended(self) -> bool:
        return bool(self._stream.eof)

    @property
    def unused(self) -> bytes:
        unused: bytes = self._stream.unused_data
        return unused

    def run(self, data: bytes) -> Iterator[bytes]:
        yield self._stream.decompress(data, MAX_PIECE)
        while not (self._stream.eof or self._stream.needs_input):
            yield self._stream.decompress(b"", MAX_PIECE)


def _gzip() -> Format:
    # RFC 1952 section 2.2: members simply follow each other. It knows no padding,
    # but tapes and block devices bring it, and gzip(1) and Python's gzip read it.
    return Format(
        lambda: _Zlib(_GZIP),
        lambda: _zlib_compressor(_GZIP),
        zlib.error,
        repeats=True,
        padded=True,
    )


def _deflate() -> Format:
    return Format(_Deflate, lambda: _zlib_compressor(_WRAPPED), zlib.error)


def _brotli() -> Format:
    found = filter(_unpacks_in_pieces, map(_find, ("brotli", "brotlicffi")))
    module = next(found, None)
    if module is None:
        raise UnknownCoding("the content coding br needs txmultipart[br]")
    return Format(
        lambda: _Brotli(module), lambda: _brotli_compressor(module), module.error
    )


def _unpacks_in_pieces(module: Any) -> bool:
    """Whether it can stop amid a bomb; brotli and brotlicffi learned it with 1.2."""
    decompressor = getattr(module, "Decompressor", None)
    return hasattr(decompressor, "can_accept_more_data")


def _zstd() -> Format:
    if module := _find("compression.zstd"):
        return Format(
            lambda: _StandardZstd(module),
            lambda: _standard_zstd_compressor(module),
            module.ZstdError,
            repeats=True,
        )
    if module := _find("zstandard"):
        return Format(
            lambda: _Zstandard(module),
            lambda: _zstandard_compressor(module),
            module.ZstdError,
            repeats=True,
        )
    raise UnknownCoding("the content coding zstd needs txmultipart[zstd]")


def _find(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


_FORMATS = {
    "gzip": _gzip,
    # RFC 9110 section 8.4.1.3: the same under an older name.
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
