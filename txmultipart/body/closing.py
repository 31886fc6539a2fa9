"""Closing: a body that can be given up before its end, by hand or by ``async with``."""

from __future__ import annotations

from types import TracebackType
from typing import Self


class Closing:
    """Is closed at the end of an ``async with`` block, however that is left."""

    def close(self) -> None:
        """Give the body up; may be called at any time, more than once."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
