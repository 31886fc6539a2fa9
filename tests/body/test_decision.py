"""Decisions: what becomes of a part as soon as its headers are here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python.failure import Failure

from tests.body.doubles import (
    FORM_TYPE,
    MIXED_TYPE,
    Outcome,
    Upstream,
    cut,
    error_of,
    multipart,
    next_of,
    untimed,
    value_of,
)
from txmultipart.body.decision import ACCEPT, SKIP, Accept, Decision, Reject, Skip
from txmultipart.body.handout import State
from txmultipart.body.part import BodyPart
from txmultipart.body.reader import MultipartReader
from txmultipart.errors import (
    LimitExceeded,
    MalformedMultipart,
    MisuseError,
    PartRejected,
    UploadAborted,
)
from txmultipart.limits import Limits
from txmultipart.sansio.headers import PartHeaders

WHOLE = multipart(("x", b"1"), ("y", b"22"), ("z", b"333"))
BEGIN = b'--b\r\nContent-Disposition: form-data; name="n"\r\n\r\n'


def whole(decide: Any, body: bytes = WHOLE, **options: Any) -> MultipartReader:
    """A reader of a body that is here."""
    reader = MultipartReader(FORM_TYPE, decide=decide, **options)
    reader.write(body)
    reader.unregisterProducer()
    return reader


class Later:
    """Decides when the test says so."""

    def __init__(self, body: bytes = b"") -> None:
        self.asked: list[str | None] = []
        self.answer: Deferred[Decision] = Deferred()
        self.upstream = Upstream()
        self.reader = MultipartReader(FORM_TYPE, decide=self.decide)
        self.reader.registerProducer(self.upstream, True)
        self.waiting = Outcome(self.reader.next_part())
        self.reader.write(body or BEGIN)
        assert self.reader.state is State.DECIDING

    def decide(self, headers: PartHeaders) -> Deferred[Decision]:
        self.asked.append(headers.name)
        return self.answer

    def ask_again(self) -> None:
        self.answer = Deferred()
        self.waiting = Outcome(self.reader.next_part())


async def soon(decision: Decision) -> Decision:
    return decision


WAYS: dict[str, Callable[[Decision], Any]] = {
    "now": lambda decision: decision,
    "by a Deferred": succeed,
    "by a coroutine": soon,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_only_what_is_accepted_is_handed_out(way: Callable[[Decision], Any]) -> None:
    asked: list[str | None] = []

    def decide(headers: PartHeaders) -> Any:
        asked.append(headers.name)
        return way(SKIP if headers.name == "y" else ACCEPT)

    names: list[str | None] = []
    reader = whole(decide)
    assert value_of(reader.for_each(lambda part: names.append(part.name))) == 2
    assert (asked, names) == (["x", "y", "z"], ["x", "z"])


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_part_that_is_rejected_ends_the_body(way: Callable[[Decision], Any]) -> None:
    refusal = Reject(415, "no z here", code="no-z")
    reader = whole(lambda headers: way(refusal if headers.name == "z" else ACCEPT))
    for name in "xy":
        assert next_of(reader).name == name
    for _ in range(2):
        error = error_of(reader.next_part())
        assert isinstance(error, PartRejected)
        told = (error.http_status, error.code, error.message, error.part, error.fault)
        assert told == (415, "no-z", "no z here", 3, "sender")
    assert reader.state is State.OVER


def test_the_sender_is_held_until_it_is_decided() -> None:
    later = Later()
    assert not later.upstream.running
    later.reader.write(b"data")
    assert later.upstream.calls[-1] == "pause"
    assert not later.waiting.fired
    later.answer.callback(ACCEPT)
    part = later.waiting.value
    assert isinstance(part, BodyPart)
    assert value_of(part.read_chunk()) == b"data"


def test_the_sender_goes_on_behind_a_part_that_is_skipped() -> None:
    later = Later()
    later.answer.callback(SKIP)
    assert later.upstream.running
    assert later.reader.state is State.SKIPPED
    later.answer = succeed(ACCEPT)
    later.reader.write(b"dropped\r\n" + BEGIN)
    assert isinstance(later.waiting.value, BodyPart)
    assert later.reader.number == 2


def test_the_sender_of_a_part_that_is_rejected_is_stopped() -> None:
    later = Later()
    later.answer.callback(Reject(403))
    assert isinstance(later.waiting.error, PartRejected)
    assert later.upstream.calls[-1] == "stop"


def test_whoever_asks_again_gets_what_was_accepted_meanwhile() -> None:
    later = Later()
    later.waiting.deferred.cancel()
    assert isinstance(later.waiting.error, CancelledError)
    later.answer.callback(ACCEPT)
    assert not later.upstream.running
    later.ask_again()
    assert isinstance(later.waiting.value, BodyPart)
    assert later.asked == ["n"]


def test_whoever_asks_again_waits_for_the_decision() -> None:
    later = Later()
    later.waiting.deferred.cancel()
    answer = later.answer
    later.ask_again()
    assert not later.waiting.fired
    answer.callback(ACCEPT)
    assert isinstance(later.waiting.value, BodyPart)


def test_whoever_asks_again_is_told_of_a_rejection_meanwhile() -> None:
    later = Later()
    later.waiting.deferred.cancel()
    later.answer.callback(Reject(403))
    later.ask_again()
    assert isinstance(later.waiting.error, PartRejected)


def test_a_peer_that_goes_away_ends_the_decision() -> None:
    later = Later()
    cancelled = Outcome(later.answer)
    later.reader.fail(Failure(UploadAborted(9)))
    assert cancelled.fired
    assert isinstance(later.waiting.error, UploadAborted)
    assert later.upstream.calls.count("stop") == 1


def test_a_decision_that_comes_when_it_is_cancelled_still_counts() -> None:
    later = Later()
    later.answer._canceller = lambda answer: answer.callback(ACCEPT)
    later.reader.fail(Failure(UploadAborted(9)))
    part: Any = later.waiting.value
    assert isinstance(error_of(part.read()), UploadAborted)


def test_what_is_wrong_behind_a_part_is_told_behind_it() -> None:
    later = Later(BEGIN + b"data\r\n--b\r\nno header\r\n\r\n")
    assert not later.waiting.fired
    later.answer.callback(ACCEPT)
    part: Any = later.waiting.value
    assert value_of(part.read()) == b"data"
    assert isinstance(error_of(later.reader.next_part()), MalformedMultipart)


def test_a_rejection_is_nearer_than_what_is_wrong_behind_it() -> None:
    later = Later(BEGIN + b"data\r\n--b\r\nno header\r\n\r\n")
    later.answer.callback(Reject(403))
    assert isinstance(later.waiting.error, PartRejected)


NO_DECISIONS: dict[str, tuple[Callable[[PartHeaders], Any], type[Exception]]] = {
    "raises": (lambda headers: 1 / 0, ZeroDivisionError),
    "fails": (lambda headers: fail(ZeroDivisionError()), ZeroDivisionError),
    "gives nothing": (lambda headers: None, MisuseError),
    "gives a class": (lambda headers: Accept, MisuseError),
}


@pytest.mark.parametrize(("decide", "kind"), NO_DECISIONS.values(), ids=NO_DECISIONS)
def test_what_is_no_decision_ends_the_body(decide: Any, kind: type[Exception]) -> None:
    assert isinstance(error_of(whole(decide).next_part()), kind)


@pytest.mark.parametrize("status", [200, 302, 399, 600])
def test_a_rejection_has_the_status_of_an_error(status: int) -> None:
    with pytest.raises(MisuseError, match="400 to 599"):
        Reject(status)


def test_skip_is_said_by_a_constant() -> None:
    assert Skip() == SKIP
    assert Accept() == ACCEPT


# Limits ------------------------------------------------------------------------------


def test_skipped_parts_count() -> None:
    for limits in (Limits(max_parts=2), Limits(max_part_size=2)):
        reader = whole(lambda headers: SKIP, limits=limits)
        assert isinstance(error_of(reader.next_part()), LimitExceeded)


def test_a_part_may_have_bounds_of_its_own() -> None:
    choice = {"y": Accept(Limits(max_field_size=1))}
    reader = whole(lambda headers: choice.get(headers.name or "", ACCEPT))
    assert value_of(next_of(reader).read()) == b"1"
    error = error_of(next_of(reader).read())
    assert isinstance(error, LimitExceeded)
    assert error.bound == 1
    assert value_of(next_of(reader).read()) == b"333"


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_and_never_wider_ones_than_the_body(name: str) -> None:
    body = Limits(max_part_size=7, max_field_size=7, max_ratio=7)
    for bound, expected in ((10**15, getattr(body, name)), (1, 1)):
        # The others are at their defaults, which are wider, too.
        asked = Limits(**{name: bound})
        part = next_of(whole(lambda headers, a=asked: Accept(a), limits=body))
        assert getattr(part.limits, name) == expected
        assert (part.limits.max_field_size, part.limits.max_ratio) <= (7, 7)


# Nested bodies -----------------------------------------------------------------------

INNER = multipart(("x", b"1"), ("y", b"22"), boundary="i")
HEAD = b"--b\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n"


def nested_names(outer: Any = None, **options: Any) -> Any:
    """The names that are left of the parts of a body in a body."""
    reader = MultipartReader(MIXED_TYPE, decide=outer)
    reader.write(HEAD + INNER + b"\r\n--b--\r\n")
    reader.unregisterProducer()
    names: list[Any] = []
    nested = next_of(reader).parts(**options)
    done = Outcome(nested.for_each(lambda part: names.append(part.name)))
    return done.value and names


def but_y(headers: PartHeaders) -> Decision:
    return SKIP if headers.name == "y" else ACCEPT


def test_what_is_nested_is_decided_about_too() -> None:
    assert nested_names() == ["x", "y"]
    assert nested_names(but_y) == ["x"]


def test_unless_another_is_given_there() -> None:
    assert nested_names(decide=but_y) == ["x"]
    assert nested_names(but_y, decide=lambda headers: ACCEPT) == ["x", "y"]


def test_and_however_deep() -> None:
    deep = HEAD.replace(b"--b", b"--i").replace(b"=i", b"=j")
    inmost = multipart(("y", b"1"), ("z", b"2"), boundary="j")
    reader = MultipartReader(MIXED_TYPE, decide=but_y)
    reader.write(HEAD + deep + inmost + b"\r\n--i--\r\n--b--\r\n")
    inner = next_of(next_of(reader).parts())
    assert next_of(inner.parts()).name == "z"


def test_a_nested_part_that_is_rejected_ends_the_nested_body_only() -> None:
    def decide(headers: PartHeaders) -> Decision:
        return Reject(415) if headers.name == "y" else ACCEPT

    reader = MultipartReader(MIXED_TYPE, decide=decide)
    last = b"\r\n--b\r\n\r\nlast\r\n--b--\r\n"
    reader.write(HEAD + INNER + last)
    reader.unregisterProducer()
    inner = next_of(reader).parts()
    assert next_of(inner).name == "x"
    error = error_of(inner.next_part())
    assert isinstance(error, PartRejected)
    assert (error.http_status, error.part) == (415, 2)
    assert value_of(next_of(reader).read()) == b"last"


def test_the_sender_is_held_while_it_is_decided_about_a_nested_part() -> None:
    answer, upstream = Deferred[Decision](), Upstream()
    reader = MultipartReader(MIXED_TYPE)
    reader.registerProducer(upstream, True)
    outer = Outcome(reader.next_part())
    reader.write(HEAD)
    assert isinstance(outer.value, BodyPart)
    asked = Outcome(outer.value.parts(decide=lambda headers: answer).next_part())
    assert upstream.running
    reader.write(INNER[:60])
    assert not asked.fired
    assert not upstream.running
    answer.callback(ACCEPT)
    assert isinstance(asked.value, BodyPart)
    assert asked.value.name == "x"


def test_progress_of_a_nested_body_is_of_that_body() -> None:
    told: list[Any] = []
    whole_body: list[Any] = []
    reader = MultipartReader(
        MIXED_TYPE, progress=lambda *call: whole_body.append(call[:2])
    )
    reader.write(HEAD + INNER + b"\r\n--b--\r\n")
    inner = next_of(reader).parts(progress=lambda *call: told.append(call[:2]))
    value_of(inner.for_each(lambda part: part.discard()))
    assert told[-1] == (len(INNER), None)
    assert value_of(reader.next_part()) is None
    reader.unregisterProducer()
    assert whole_body[-1] == (reader.received, None)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_part_larger_than_its_own_bound_ends_the_body(size: int) -> None:
    choice = {"y": Accept(Limits(max_part_size=1))}
    reader = MultipartReader(
        FORM_TYPE, decide=lambda headers: choice.get(headers.name or "", ACCEPT)
    )
    for piece in cut(WHOLE, [size]):
        reader.write(piece)
    reader.unregisterProducer()
    assert value_of(next_of(reader).read()) == b"1"
    part = next_of(reader)
    chunks: list[bytes] = []
    part.read_chunk().addCallback(chunks.append)
    assert chunks == [b"2"]
    for error in (error_of(part.read()), error_of(reader.next_part())):
        assert isinstance(error, LimitExceeded)
        told = (error.limit, error.bound, error.part, error.http_status)
        assert told == ("max_part_size", 1, 2, 413)


def test_a_sender_is_stopped_once_and_then_let_be() -> None:
    upstream, narrow = Upstream(), Accept(Limits(max_part_size=1))
    reader = MultipartReader(FORM_TYPE, decide=lambda headers: narrow)
    reader.registerProducer(upstream, True)
    part = Outcome(reader.next_part())
    reader.write(BEGIN)
    assert isinstance(part.value, BodyPart)
    read = Outcome(part.value.read())
    reader.write(b"22")
    reader.write(b"333")
    assert isinstance(read.error, LimitExceeded)
    assert isinstance(error_of(reader.next_part()), LimitExceeded)
    assert upstream.calls.count("stop") == 1
    assert upstream.calls[-1] == "stop"


@untimed
@given(
    st.lists(
        st.sampled_from(["feed", "ask", "cancel", "accept", "skip", "reject", "fail"]),
        max_size=30,
    )
)
def test_any_order_gives_one_outcome_each(steps: list[str]) -> None:
    pieces, outcomes, answers = cut(WHOLE, [9]), list[Outcome[Any]](), list[Any]()

    def decide(headers: PartHeaders) -> Deferred[Decision]:
        answer: Deferred[Decision] = Deferred()
        answers.append(answer)
        return answer

    reader = MultipartReader(FORM_TYPE, decide=decide)
    reader.registerProducer(Upstream(), True)
    decisions = {"accept": ACCEPT, "skip": SKIP, "reject": Reject(403)}
    for step in steps:
        if step == "feed" and pieces:
            reader.write(pieces.pop(0))
        elif step == "ask" and all(outcome.fired for outcome in outcomes):
            outcomes.append(Outcome(reader.next_part()))
        elif step == "cancel" and outcomes:
            outcomes[-1].deferred.cancel()
        elif step in decisions and answers and not answers[-1].called:
            answers[-1].callback(decisions[step])
        elif step == "fail":
            reader.fail(Failure(UploadAborted()))
    reader.fail(Failure(UploadAborted()))
    assert all(len(outcome.results) == 1 for outcome in outcomes)
