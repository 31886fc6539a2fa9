"""Origin: whoever calls back in the middle of things; test_pool has all the rest."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectError

from tests.web.far import KEY, URL, Asked, End, Far
from tests.web.test_upload import Producer
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


def test_others_are_cancelled_when_the_connection_fails() -> None:
    far = Far(slow=True)
    kinds: list[Any] = []
    asked = [far.agent.request(b"GET", URL) for _ in range(3)]

    def cancel_others(failure: Any) -> None:
        kinds.append(failure.type)
        for one in asked:
            one.cancel()

    for one in asked:
        one.addErrback(cancel_others)
    far.failed(ConnectError())
    assert sorted(kind.__name__ for kind in kinds) == [
        "CancelledError",
        "CancelledError",
        "ConnectError",
    ]
    assert far.waiting == []
    far.close()


def test_others_are_cancelled_when_it_speaks_http1() -> None:
    far = Far(slow=True, speaks=b"http/1.1")
    body = Producer()
    first = far.ask("first", b"PUT", body)
    others = [far.ask("other") for _ in range(2)]

    def start(consumer: Any) -> Deferred[None]:
        for one in others:
            one.cancel()
        return Deferred()

    body.startProducing = start  # type: ignore[method-assign]
    far.connected()
    assert [type(one.error) for one in others] == [CancelledError] * 2
    assert far.waiting == []
    assert first.is_open
    far.close_asked([first])


def test_an_endpoint_that_raises() -> None:
    far = Far()
    connect = far.connect

    def breaks(protocolFactory: Any) -> Deferred[Any]:
        raise ZeroDivisionError

    far.connect = breaks  # type: ignore[method-assign]
    assert isinstance(far.ask().error, ZeroDivisionError)
    far.connect = connect  # type: ignore[method-assign]
    asked = far.ask()
    far.end.answer(1, end=True)
    assert asked.response.code == 200
    far.close()


def test_a_connection_of_http1_that_nobody_wants_any_more() -> None:
    far = Far(max_connections_per_origin=2, slow=True)
    far.ask("1")
    first = far.connected()
    first.greet({3: 1})
    second = far.ask("2")
    first.answer(first.request_on("/1"), end=True)
    first.answer(first.request_on("/2"), end=True)
    assert second.response.code == 200
    far.speaks = b"http/1.1"
    assert far.connected().transport.disconnecting
    far.close_http1()


def test_a_line_that_is_lost_before_it_is_found() -> None:
    far = Far(slow=True)
    asked = far.ask()
    factory, connecting = far.waiting.pop()
    end = End(factory, far._transport(factory), far.clock)
    end.shake_hands()
    end.lose()
    connecting.callback(end.protocol)
    assert far.pool._origins[KEY].lines == []
    far.connected().answer(1, end=True)
    assert asked.response.code == 200
    far.close()
