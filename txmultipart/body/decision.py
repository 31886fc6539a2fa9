"""Decisions: what becomes of a part, as soon as its headers are here.

``MultipartReader(..., decide=f)`` calls ``f(headers)`` for each part before
anybody sees it, also for the parts of a nested multipart unless its ``parts`` is
given another; ``f`` returns one of these, now or later, and the sender is held
meanwhile::

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

    They can only narrow: of each bound the smaller counts, that of the body or
    this one. So whoever names one bound, and leaves the others at their defaults,
    widens none. Those that count for all parts together (``max_body_size``,
    ``max_memory``, ``max_parts``, ``max_total_header_bytes``) stay the body's;
    ``max_parts`` bounds the pairs of a ``form()``, too.
    """

    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """Go on to the next part. The bytes of this one count against the limits."""


@dataclass(frozen=True, slots=True)
class Reject:
    """End the body with ``PartRejected``, to be answered with ``status``.

    Of a nested body that is the end, and not of the one around it, unless whoever
    reads lets the error pass.

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
        raise MisuseError(f"decide gave {kind}, not an Accept, Skip or Reject")
    return decision
