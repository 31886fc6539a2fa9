"""Incoming: what can be done with a body or a part that is being received."""

from __future__ import annotations

import os
from io import BytesIO
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IProtocol

from txmultipart.body.file_sink import FileSink
from txmultipart.body.pieces import Pieces
from txmultipart.body.protocol_sink import ProtocolSink
from txmultipart.body.sinks import DiscardSink, MemorySink
from txmultipart.body.stream import ByteStream, State
from txmultipart.errors import LimitExceeded
from txmultipart.limits import Limits

_DEFAULT_LIMITS = Limits()


class Incoming(ByteStream):
    """Bytes from a peer: read at once, line by line, into a file, or not at all.

    What ``read`` and ``readline`` may hold is bounded by one field of ``limits``.
    """

    #: Its name.
    _read_limit = "max_field_size"

    def __init__(self, limits: Limits = _DEFAULT_LIMITS) -> None:
        super().__init__()
        self.limits = limits

    @property
    def _bound(self) -> int:
        bound: int = getattr(self.limits, self._read_limit)
        return bound

    def read(self) -> Deferred[bytes]:
        """All that is left. Fails with ``LimitExceeded`` if that is too much."""
        sink = MemorySink(self._bound, limit=self._read_limit)
        done: Deferred[Any] = self.write_to(sink)
        return done.addCallback(lambda _: sink.getvalue())

    def readline(self) -> Deferred[bytes]:
        """The next line with its line feed; the last may lack it; ``b""`` at the end.

        Fails with ``LimitExceeded`` for one that is too long, and with what broke the
        source. What there was of the line can be read then.
        """
        self._check_free()
        return Deferred.fromCoroutine(self._readline())

    async def _readline(self) -> bytes:
        line, whole = Pieces(), False
        try:
            while not whole and (chunk := await self.read_chunk()):
                piece = self._up_to_newline(chunk)
                whole = piece.endswith(b"\n")
                line.append(piece)
                if line.size > self._bound:
                    raise LimitExceeded(
                        self._read_limit, self._bound, offset=self.taken
                    )
        except BaseException:
            self._give_back(line.joined())
            raise
        return line.joined()

    def _up_to_newline(self, chunk: bytes) -> bytes:
        # All lines of a chunk are cut at once: cutting off one after the other would
        # copy the rest of it for each.
        first, *others = BytesIO(chunk).readlines()
        for line in reversed(others):
            self._give_back(line)
        return first

    def _give_back(self, data: bytes) -> None:
        if data:
            self._kept.appendleft(data)
            self.taken -= len(data)

    def save(self, path: str | os.PathLike[str]) -> Deferred[int]:
        """Write all that is left to a new file; fires with its size when it is safe.

        The file appears under its name only when it is whole. Fails with
        ``FileExistsError`` if there is one already; see ``FileSink`` for other
        policies.
        """
        return self.write_to(FileSink(path))

    def deliverBody(self, protocol: IProtocol) -> None:
        """Give all that is left to ``protocol``, as ``IResponse.deliverBody`` does.

        Its transport is a push producer, and it is told ``ResponseDone`` at the
        end, or what broke the source.
        """
        self.write_to(ProtocolSink(protocol)).addErrback(lambda _: None)

    def discard(self) -> Deferred[int]:
        """Drop what is left; fires with the number of bytes dropped.

        It does not fail: whoever reads on is told what is wrong. Raises
        ``MisuseError`` while somebody else reads, and for a part that was skipped.
        """
        self._check_free()
        if self.state is State.OVER:
            return succeed(0)
        sink = DiscardSink()
        done: Deferred[Any] = self.write_to(sink)
        return done.addBoth(lambda _: succeed(sink.size))
