"""ProgressLine: one line of a terminal that tells how far a body has come."""

from __future__ import annotations

from typing import Any


class ProgressLine:
    """Shows progress on ``stream``; whoever writes something else there ends it before."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._begun = self._closed = False

    def show(self, count: int, total: int | None, current: object) -> None:
        """``count`` bytes of ``total`` are sent; see ``ProgressCallback``."""
        if self._closed:
            return
        share = f"{count * 100 // total:3d} %" if total else "     "
        self._write(f"\r{share}  {count / 1e6:,.1f} MB")
        self._begun = True
        if count == total:
            self._end()

    def close(self) -> None:
        """End the line, if one has begun, and show nothing more."""
        self._closed = True
        self._end()

    def _end(self) -> None:
        if self._begun:
            self._begun = False
            self._write("\n")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
