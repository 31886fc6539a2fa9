"""Content codings, several on top of each other (RFC 9110 section 8.4), and bombs.

A bomb is stopped by a ratio: all bytes decoded so far, by any of the codings, to
the encoded bytes that they were made of. The codings share one budget, as
gzip inside gzip would otherwise have the square of the ratio.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence

from txmultipart.errors import LimitExceeded, MalformedMultipart, TruncatedMultipart
from txmultipart.limits import KiB, Limits, MiB
from txmultipart.sansio.coder import StepwiseCoder, cut
from txmultipart.sansio.compressors import Compressor, Format

#: Decoded bytes that may come of any input: a short one may well shrink a lot.
FREE = 1 * MiB

#: Encoded bytes that are decoded under one budget, counted from the beginning.
#: In such steps the ratio and the offsets of errors do not depend on cuts.
STEP = 4 * KiB


class _Budget:
    """How much may have been decoded by now."""

    def __init__(self, ratio: int) -> None:
        self.ratio = ratio
        self.offset = 0
        self.bound = FREE

    def enter(self, offset: int) -> None:
        """The encoded bytes at ``offset`` are next."""
        self.offset = offset - offset % STEP
        self.bound = max(FREE, self.ratio * (self.offset + STEP))


class _Layer:
    """Undoes one coding."""

    def __init__(self, form: Format, budget: _Budget) -> None:
        self._form = form
        self._budget = budget
        self._stream = form.decompressor()
        self._decoded = 0
        self._padding = False

    def decode(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """What ``pieces`` were made of; bytes beyond the budget are not given."""
        for piece in pieces:
            # zlib copies what it has not looked at yet whenever it stops.
            for block in cut(piece, STEP):
                for decoded in self._decompress(block):
                    yield from self._spend(decoded)

    def check_end(self, offset: int) -> None:
        """The input ended: it must not do so amid a stream, or before the first."""
        if not self._stream.ended:
            message = "the input ended before its content coding did"
            raise TruncatedMultipart(message, offset=offset)

    def _decompress(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                data = yield from self._decompress_one(data)
        except self._form.error as error:
            raise self._bad() from error

    def _decompress_one(self, data: bytes) -> Generator[bytes, None, bytes]:
        """Decompress up to the end of a stream and return what stands behind it."""
        if self._stream.ended:
            if self._is_padding(data):
                return b""
            self._stream = self._form.decompressor()
        yield from self._stream.run(data)
        return self._stream.unused

    def _is_padding(self, data: bytes) -> bool:
        """Whether ``data``, behind a whole stream, is to be ignored; it may be bad."""
        self._padding = self._padding or (self._form.padded and data[0] == 0)
        if self._padding and not data.strip(b"\0"):
            return True
        if self._padding or not self._form.repeats:
            raise self._bad()
        return False

    def _spend(self, decoded: bytes) -> Iterator[bytes]:
        room = self._budget.bound - self._decoded
        self._decoded += len(decoded)
        yield from cut(decoded[:room])
        if len(decoded) > room:
            offset = self._budget.offset
            raise LimitExceeded("max_ratio", self._budget.ratio, offset=offset)

    def _bad(self) -> MalformedMultipart:
        # One text for both: whether data behind the end is noticed by the library
        # or by us may depend on cuts.
        return MalformedMultipart(
            "a content coding is damaged, or data follows its end",
            code="bad-coding",
            offset=self._budget.offset,
        )


class ContentDecoder(StepwiseCoder):
    """Undoes content codings; ``forms`` are in the order in which they were applied.

    Everything in the input must belong to a complete stream, so empty input is
    truncated too. The libraries do not say where they found a stream damaged:
    the offset of such an error, and of a passed ratio, is that of the ``STEP``
    it was found in. How much of a damaged stream comes out before the error is
    theirs to say as well; before a passed ratio it is exactly what is allowed.
    """

    def __init__(self, forms: Sequence[Format], limits: Limits) -> None:
        super().__init__()
        self._budget = _Budget(limits.max_ratio)
        self._layers = [_Layer(form, self._budget) for form in reversed(forms)]

    def _blocks(self, data: bytes) -> Iterator[bytes]:
        return cut(data, STEP, STEP - self.offset % STEP)

    def _feed(self, data: bytes) -> Iterator[bytes]:
        self._budget.enter(self.offset)
        pieces = iter((data,))
        for layer in self._layers:
            pieces = layer.decode(pieces)
        return pieces

    def _finish(self) -> Iterator[bytes]:
        for layer in self._layers:
            layer.check_end(self.offset)
        return iter(())


class ContentEncoder(StepwiseCoder):
    """Applies content codings in the order of ``forms``.

    The input goes to the libraries in blocks: brotli chooses its method by the
    size of the first one if that is large.
    """

    def __init__(self, forms: Sequence[Format]) -> None:
        super().__init__()
        self._compressors = [form.compressor() for form in forms]

    def _feed(self, data: bytes) -> Iterator[bytes]:
        return self._encode(iter((data,)), self._compressors)

    def _flush(self) -> Iterator[bytes]:
        return self._end_each(lambda compressor: compressor.flush())

    def _finish(self) -> Iterator[bytes]:
        return self._end_each(lambda compressor: compressor.finish())

    def _end_each(self, end: Callable[[Compressor], bytes]) -> Iterator[bytes]:
        """What each compressor holds back, through those after it."""
        for index, compressor in enumerate(self._compressors, 1):
            yield from self._encode(cut(end(compressor)), self._compressors[index:])

    def _encode(
        self, pieces: Iterator[bytes], compressors: Sequence[Compressor]
    ) -> Iterator[bytes]:
        for compressor in compressors:
            pieces = _compress(compressor, pieces)
        return pieces


def _compress(compressor: Compressor, pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        yield from cut(compressor.compress(piece))
