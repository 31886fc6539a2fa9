"""Decisions: what becomes of a part, as soon as its headers are here.

``MultipartReader(..., decide=f)`` calls ``f(headers)`` for each part before
anybody sees it; ``f`` returns one of these, now or later, and the sender is
held meanwhile::

    def decide(headers):
        if headers.name != "photo":
            return SKIP
        if headers.content_type != "image/jpeg":
            return Reject(415, "a photo is a JPEG")
        return Accept(Limits(max_part_size=5 << 20))
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

from txmultipart.errors import MisuseError, PartRejected
from txmultipart.limits import Limits
from txmultipart.sansio.headers import PartHeaders


@dataclass(frozen=True, slots=True)
class Accept:
    """Hand the part out, with ``limits`` of its own for what is read of it.

    ``max_part_size`` can be smaller than that of the whole body, not larger.
    """

    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """Go on to the next part. The bytes of this one count against the limits."""


@dataclass(frozen=True, slots=True)
class Reject:
    """End the body with ``PartRejected``, to be answered with ``status``.

    ``message`` and ``code`` are for the sender to read.
    """

    status: int
    message: str = "a part was refused"
    code: str = "rejected"

    def __post_init__(self) -> None:
        if not 400 <= self.status <= 599:
            raise MisuseError("a part is rejected with a status of 400 to 599")

    def error(self, part: int) -> PartRejected:
        """What whoever reads is told; ``part`` is the number of the part."""
        return PartRejected(self.status, self.message, code=self.code, part=part)


#: The part is wanted, with the limits of the body.
ACCEPT = Accept()

#: The part is not wanted.
SKIP = Skip()

Decision = Accept | Skip | Reject

#: Says what becomes of a part with these headers, now or later.
Decide = Callable[[PartHeaders], Decision | Awaitable[Decision]]


def ask(decide: Decide, headers: PartHeaders) -> Deferred[Decision]:
    """What ``decide`` says; fails with what it raises, or ``MisuseError``."""
    answer: Deferred[Any] = maybeDeferred(decide, headers)
    return answer.addCallback(_checked)


def _checked(decision: object) -> Decision:
    if not isinstance(decision, Accept | Skip | Reject):
        kind = type(decision).__name__
        raise MisuseError(f"decide gave a {kind}, not an Accept, Skip or Reject")
    return decision
