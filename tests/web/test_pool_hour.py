"""An hour of a connection on which little happens: whether anybody is still there."""

from __future__ import annotations

import pytest
from twisted.internet.error import ConnectionLost
from twisted.web.client import (
    RequestTransmissionFailed,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)

from tests.web.far import Far
from tests.web.test_response import Taker
from txmultipart.body.producer import RawBody
from txmultipart.http2 import ClientOptions

HOUR = 3600

#: One word from us in 30 seconds of silence, and 20 for the answer.
ASKING = ClientOptions(ping_interval=30, ping_time=20)


def pass_time(far: Far, seconds: int) -> int:
    """The server answers all PINGs; how many there were."""
    count = 0
    for _ in range(seconds):
        far.advance(1)
        end = far.ends[-1].read()
        count += len(end.pings)
        end.pong_all()
    return count


def test_an_hour_of_silence_in_a_response() -> None:
    far = Far(http2=ASKING)
    asked = far.ask()
    far.end.greet().answer(1)
    taker = Taker()
    asked.response.deliverBody(taker)
    assert pass_time(far, HOUR) == HOUR // 30
    far.end.data(1, b"at last", end=True)
    assert taker.data == b"at last"
    assert isinstance(taker.reason, ResponseDone)
    far.close()


def test_an_hour_in_which_an_upload_has_no_window() -> None:
    far = Far(http2=ASKING)
    asked = far.ask("", b"PUT", RawBody(bytes(70_000)))
    far.end.greet()
    assert pass_time(far, HOUR) == HOUR // 30
    far.end.update(10_000).update(10_000, 1)
    far.advance(0)
    assert len(far.end.open_requests[1].body) == 70_000
    far.end.answer(1, end=True)
    assert asked.response.code == 200
    far.close()


def test_an_hour_without_a_question() -> None:
    """Nobody is asked whether it is there if nobody has said that it matters."""
    far = Far()
    asked = far.ask()
    far.end.greet()
    assert pass_time(far, HOUR) == 0
    far.end.answer(1, end=True)
    assert asked.response.code == 200
    far.close()


@pytest.mark.parametrize("kept", [2 * HOUR, 240])
def test_an_hour_without_a_request(kept: int) -> None:
    far = Far(http2=ASKING)
    far.pool.cachedConnectionTimeout = kept
    far.ask()
    far.end.greet().answer(1, end=True)
    assert pass_time(far, HOUR) <= 1  # that of the farewell
    again = far.ask()
    if kept > HOUR:
        assert len(far.ends) == 1
        far.end.answer(3, end=True)
    else:
        assert far.ends[0].farewell == 0
        far.ends[1].answer(1, end=True)
    assert again.response.code == 200
    far.close()


def test_an_hour_of_requests_with_long_pauses() -> None:
    far = Far(http2=ASKING)
    far.pool.cachedConnectionTimeout = 240
    far.ask()
    far.end.greet().answer(1, end=True)
    for number in range(3, 3 + 2 * 18, 2):
        assert pass_time(far, 200) == 0
        asked = far.ask()
        far.end.answer(number, end=True)
        assert asked.response.code == 200
    far.close()


def test_who_dies_after_forty_minutes() -> None:
    """All that is under way fails as it stands; the next request goes elsewhere."""
    far = Far(http2=ASKING)
    half, unanswered = far.ask("half"), far.ask("unanswered", b"POST")
    sending = far.ask("sending", b"PUT", RawBody(iter([bytes(50_000)] * 4)))
    dead = far.end.greet().answer(1)
    taker = Taker()
    half.response.deliverBody(taker)
    dead.data(1, b"some")
    assert pass_time(far, 40 * 60) == 40 * 2
    far.advance(30)
    assert len(dead.read().pings) == 1
    far.advance(19)
    assert unanswered.is_open
    far.advance(1)
    assert isinstance(taker.reason, ResponseFailed)
    assert taker.reason.reasons[0].check(ConnectionLost)
    assert unanswered.failure.check(ResponseNeverReceived)
    assert sending.failure.check(RequestTransmissionFailed)
    for asked in (unanswered, sending):
        assert isinstance(asked.reason, ConnectionLost)
    assert dead.transport.aborting
    again = far.ask("again")
    far.ends[1].answer(1, end=True)
    assert again.response.code == 200
    dead.lose()
    far.close()


def test_who_dies_while_nothing_is_under_way() -> None:
    """That is found out by the next request, within the time for an answer."""
    far = Far(http2=ASKING)
    far.ask()
    far.end.greet().answer(1, end=True)
    far.advance(200)
    asked = far.ask("", b"POST")
    far.advance(30)
    far.advance(20)
    assert asked.failure.check(ResponseNeverReceived)
    assert isinstance(asked.reason, ConnectionLost)
    far.close()
