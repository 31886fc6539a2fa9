"""What every coder is: bytes in, pieces of bounded size out, one call at a time.

A coder decodes or encodes. Its promise, whichever it is: what comes out, joined,
is a function of the bytes alone (and of where it was flushed, if it was), never of
how they were cut, and so are the error and its offset.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from txmultipart.errors import MisuseError, MultipartError
from txmultipart.limits import KiB
from txmultipart.sansio.octets import octets

#: The most that a coder gives at once. A bomb that unpacks to gigabytes can be
#: stopped after any piece.
MAX_PIECE = 64 * KiB


class Coder(Protocol):
    """Turns bytes into other bytes, as they come.

    All methods do their work while they are iterated over, and give pieces of
    1 to ``MAX_PIECE`` bytes. Each iterator must be taken to its end before the
    next call; otherwise that call raises ``MisuseError``. After an error every
    call raises the same error again.
    """

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take ``data`` and give what it makes; some of it may be held back.

        What is not ``bytes`` but holds them is copied. Raises ``MisuseError`` at the
        call for what holds none, which changes nothing.
        """
        ...

    def flush(self) -> Iterator[bytes]:
        """Give what can be given of what is held back; more may be fed then.

        What an encoder makes may depend on where it was flushed, and gets longer
        by that; what it decodes to does not. Decoders hold back nothing that can
        be given.
        """
        ...

    def finish(self) -> Iterator[bytes]:
        """Take the end of the input and give all that was held back."""
        ...


def cut(data: bytes, size: int = MAX_PIECE, first: int = 0) -> Iterator[bytes]:
    """``data`` in pieces of at most ``size`` bytes, the first of at most ``first``.

    Data that is small enough is given as the object it is, empty data not at all.
    """
    end = first or size
    if 0 < len(data) <= end:
        yield data
        return
    start = 0
    while start < len(data):
        yield data[start:end]
        start, end = end, end + size


class StepwiseCoder:
    """The order of calls; what is done with the bytes is left to subclasses.

    They write ``_feed``, which gets at most ``block`` bytes at a time, ``_flush``
    and ``_finish``. All give pieces, which may be empty but not too large.
    """

    block = MAX_PIECE

    def __init__(self) -> None:
        #: Bytes fed before the block that is being worked on.
        self.offset = 0
        self._idle = True
        self._failure: MultipartError | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take ``data`` and give what it makes, as ``Coder`` says."""
        if type(data) is not bytes:
            data = octets(data, "a coder takes bytes")
        self._begin()
        return self._run(self._feed_all(data), idle=True)

    def flush(self) -> Iterator[bytes]:
        """Give what can be given by now, as ``Coder`` says."""
        self._begin()
        return self._run(self._flush(), idle=True)

    def finish(self) -> Iterator[bytes]:
        """Give what was held back, as ``Coder`` says; nothing may be fed then."""
        self._begin()
        return self._run(self._finish(), idle=False)

    def _begin(self) -> None:
        if self._failure is not None:
            raise self._failure
        if not self._idle:
            message = "a coder has ended, or has pieces left that nobody took"
            raise MisuseError(message, code="coder-busy")
        # At once, not in the generator: one that is never started must be noticed.
        self._idle = False

    def _run(self, pieces: Iterator[bytes], *, idle: bool) -> Iterator[bytes]:
        try:
            yield from filter(None, pieces)
        except MultipartError as error:
            self._failure = error
            raise
        self._idle = idle

    def _feed_all(self, data: bytes) -> Iterator[bytes]:
        for block in self._blocks(data):
            yield from self._feed(block)
            self.offset += len(block)

    def _blocks(self, data: bytes) -> Iterator[bytes]:
        return cut(data, self.block)

    def _feed(self, data: bytes) -> Iterator[bytes]:
        raise NotImplementedError

    def _flush(self) -> Iterator[bytes]:
        return iter(())

    def _finish(self) -> Iterator[bytes]:
        return iter(())


class IdentityCoder(StepwiseCoder):
    """Gives what it gets: ``7bit``, ``8bit``, ``binary`` and ``identity``.

    The first three differ in what they say of the data, not in what they do to
    it (RFC 2045 section 6.2), and no byte is refused for breaking that word.
    """

    def _feed(self, data: bytes) -> Iterator[bytes]:
        yield data
