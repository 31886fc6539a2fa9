"""BodyFlow: a channel's transport as the producer of a body."""

from __future__ import annotations

import pytest
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.web.wire import Wire, head
from txmultipart import MisuseError
from txmultipart.errors import ContentNotHere
from txmultipart.web.flow import BodyFlow, Drain, NoContent


class Flow(BodyFlow):
    """The flow of a body that is under way on a stock site."""

    def __init__(self, length: int | None = 10, *, expects: bool = False) -> None:
        self.wire = Wire(Resource(), Site, timeout=10)
        self.wire.send(head("PUT", "/", "Content-Length: 10"))
        self.wire.transport.calls.clear()
        super().__init__(self.wire.channel, length, expects=expects)

    @property
    def calls(self) -> list[str]:
        """What the transport was told."""
        return self.wire.transport.calls


def test_it_pauses_and_resumes() -> None:
    flow = Flow()
    flow.pauseProducing()
    assert flow.wire.channel.timeOut is None
    flow.resumeProducing()
    assert flow.wire.channel.timeOut == 10
    assert flow.calls == ["pause", "resume"]
    flow.wire.lose()


def test_a_pause_is_said_again() -> None:
    flow = Flow()
    flow.pauseProducing()
    flow.pauseProducing()
    flow.resumeProducing()
    assert flow.calls == ["pause", "pause", "resume"]
    assert flow.wire.channel.timeOut == 10
    flow.wire.lose()


def test_there_is_nothing_to_resume_unless_it_was_paused() -> None:
    flow = Flow()
    flow.resumeProducing()
    assert flow.calls == []
    flow.wire.lose()


def test_to_stop_is_to_pause() -> None:
    flow = Flow()
    flow.stopProducing()
    assert flow.calls == ["pause"]
    flow.wire.lose()


def test_after_the_end_it_keeps_its_hands_off() -> None:
    flow = Flow()
    flow.end()
    flow.pauseProducing()
    flow.resumeProducing()
    flow.give_up()
    assert flow.calls == []
    flow.wire.lose()


def test_the_end_lets_go_of_a_pause() -> None:
    flow = Flow()
    flow.pauseProducing()
    flow.end()
    flow.end()
    assert flow.calls == ["pause", "resume"]
    flow.wire.lose()


@pytest.mark.parametrize(
    ("length", "expects", "received", "may"),
    [
        (10, False, 0, True),
        (11, False, 0, False),
        (11, False, 1, True),
        (10, True, 0, False),
        (None, False, 0, False),
    ],
)
def test_what_may_be_drained(
    length: int | None, expects: bool, received: int, may: bool
) -> None:
    flow = Flow(length, expects=expects)
    flow.received = received
    assert flow.may_drain(10) is may
    flow.wire.lose()


def test_leave_to_send_is_given_once() -> None:
    flow = Flow(expects=True)
    for _ in range(2):
        flow.pauseProducing()
        flow.resumeProducing()
    assert flow.wire.raw.count(b"100 Continue") == 1
    flow.wire.lose()


def test_lingering_ends() -> None:
    flow = Flow()
    flow.linger(5)
    flow.wire.clock.advance(5)
    assert flow.calls == ["lose"]
    flow.end()
    flow.wire.lose()


def test_lingering_ends_with_the_body() -> None:
    flow = Flow()
    flow.linger(5)
    flow.end()
    flow.wire.clock.advance(5)
    assert flow.calls == []
    flow.wire.lose()


def test_a_drain_has_a_bottom() -> None:
    gave_up: list[bool] = []
    drain = Drain(10, lambda: gave_up.append(True))
    drain.write(b"01234")
    drain.write(b"56789")
    assert gave_up == []
    drain.write(b"x")
    assert gave_up == [True]


@pytest.mark.parametrize("name", ["read", "seek", "getvalue"])
def test_there_is_no_content(name: str) -> None:
    content = NoContent()
    with pytest.raises(ContentNotHere, match="get_body") as caught:
        getattr(content, name)
    assert isinstance(caught.value, MisuseError)
    assert caught.value.code == "content-not-here"
    content.close()
