"""Origin: whoever calls back in the middle of things; test_pool has all the rest."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from tests.web.far import KEY, Asked, Far
from txmultipart.web.origin import Negotiating, Speaks, Waiting


class Hasty(Far):
    """Cancels who asked as soon as a connection is asked for."""

    asked: Any = None

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        connecting = super().connect(protocolFactory)
        if self.asked is not None:
            self.asked.cancel()
        return connecting


@pytest.mark.parametrize("speaks", [b"h2", b"http/1.1"])
def test_cancelled_from_within_connect(speaks: bytes) -> None:
    far = Hasty(speaks=speaks)
    origin = far.pool._origin(KEY, h2c=False)
    failures: list[Any] = []
    found: Deferred[Any] = Deferred(lambda _: origin._gave_up(origin._queue, entry))
    found.addErrback(failures.append)
    entry = Waiting(far, found)
    origin._queue.append(entry)
    far.asked = found
    origin.serve()
    assert failures[0].check(CancelledError)
    if speaks == b"h2":
        assert origin.lines[0].usable
    else:
        assert far.end.transport.disconnecting
    far.close_http1()


def test_lost_while_others_are_served() -> None:
    """Whoever is served first breaks the connection: the others get the next one."""
    far = Far(slow=True)
    origin = far.pool._origin(KEY, h2c=False)
    lines: list[Any] = []

    def lose(line: Any) -> None:
        lines.append(line)
        if len(lines) == 1:
            far.ends[0].lose()

    for _ in range(3):
        origin.turn(far).addCallback(lose)
    far.connected()
    assert len(lines) == 1
    far.connected()
    assert len(lines) == 3
    far.close()


def test_asked_from_within_an_answer() -> None:
    far = Far()
    first = far.ask("first")
    more: list[Asked] = []
    first.done.addCallback(lambda _: more.append(far.ask("second")))
    far.end.greet({3: 1})
    far.end.answer(1, end=True)
    assert far.end.request_on("/second") == 3
    far.end.answer(3, end=True)
    assert more[0].response.code == 200
    far.close()


def test_what_it_speaks_is_remembered() -> None:
    far = Far()
    far.ask()
    (origin,) = far.pool._origins.values()
    assert origin.speaks is Speaks.HTTP2
    assert repr(Negotiating(origin, far)) == repr(far)
    far.end.greet()
    far.end.answer(1, end=True)
    far.close()
