"""Handout and Intake: the table of a reader, every state with every input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.body.doubles import FORM_TYPE, Outcome, Upstream
from txmultipart.body.decision import ACCEPT, SKIP, Accept, Decision, Reject
from txmultipart.body.handout import Handout, State
from txmultipart.body.intake import Intake
from txmultipart.body.part import BodyPart
from txmultipart.body.reader import MultipartReader
from txmultipart.errors import (
    MalformedMultipart,
    MisuseError,
    PartRejected,
    TruncatedMultipart,
    UploadAborted,
)
from txmultipart.limits import Limits
from txmultipart.sansio.headers import PartHeaders
from txmultipart.sansio.parser import MultipartParser

BETWEEN, DECIDING, OPEN, SKIPPED, OVER = State
BEGIN = b'--b\r\nContent-Disposition: form-data; name="n"\r\n\r\n'


class Rig:
    """A reader that asks about each part, in a state, with somebody who waits."""

    def __init__(self, state: State) -> None:
        self.upstream = Upstream()
        self.answer: Deferred[Decision] = Deferred()
        self.reader = MultipartReader(FORM_TYPE, decide=lambda headers: self.answer)
        self.reader.registerProducer(self.upstream, True)
        self.part: Any = None
        self.waiting: Outcome[Any] = Outcome(self.reader.next_part())
        self.in_part = False
        getattr(self, f"_to_{state.value}")()
        assert self.reader.state is state

    def _to_between(self) -> None:
        """It is so from the start."""

    def _to_deciding(self) -> None:
        self.reader.write(BEGIN)
        self.in_part = True

    def _to_open(self) -> None:
        self._to_deciding()
        self._decide(ACCEPT)
        self.part = self.waiting.value
        self.waiting = Outcome(self.part.read())

    def _to_skipped(self) -> None:
        self._to_deciding()
        self._decide(SKIP)

    def _to_over(self) -> None:
        self.reader.write(b"--b--\r\n")
        self.reader.unregisterProducer()

    def _decide(self, decision: Decision) -> None:
        answer, self.answer = self.answer, Deferred()
        answer.callback(decision)

    # The inputs

    def next_part(self) -> None:
        self.waiting.deferred.cancel()
        self.waiting = Outcome(self.reader.next_part())

    def begin(self) -> None:
        self.reader.write(b"\r\n" * self.in_part + BEGIN)

    def data(self) -> None:
        if self.in_part:
            self.reader.write(b"data")

    def end(self) -> None:
        if self.in_part:
            self.reader.write(b"\r\n--b\r\n")

    def accept(self) -> None:
        self._decide(ACCEPT)

    def skip(self) -> None:
        self._decide(SKIP)

    def reject(self) -> None:
        self._decide(Reject(403))

    def bad(self) -> None:
        self.reader.write(b"\r\n--b\r\nno header\r\n\r\n")

    def eof(self) -> None:
        self.reader.unregisterProducer()

    def fail(self) -> None:
        self.reader.fail(Failure(UploadAborted()))


def line(**changes: State) -> dict[State, State]:
    """The next state for each; those that are not named stay as they are."""
    return {state: changes.get(state.value, state) for state in State}


TABLE: dict[str, dict[State, State]] = {
    "next_part": line(open=SKIPPED),
    # A part that begins is the end of the one before.
    "begin": line(between=DECIDING, open=BETWEEN, skipped=DECIDING),
    "data": line(),
    "end": line(open=BETWEEN, skipped=BETWEEN),
    "accept": line(deciding=OPEN),
    "skip": line(deciding=SKIPPED),
    "reject": line(deciding=OVER),
    "bad": line(between=OVER, open=OVER, skipped=OVER),
    "eof": line(between=OVER, open=OVER, skipped=OVER),
    "fail": line(between=OVER, deciding=OVER, open=OVER, skipped=OVER),
}
#: What whoever waits is told when the state becomes OVER.
ERRORS: dict[str, type[Exception]] = {
    "reject": PartRejected,
    "bad": MalformedMultipart,
    "eof": TruncatedMultipart,
    "fail": UploadAborted,
}


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize("name", TABLE)
def test_the_table_is_true(name: str, state: State) -> None:
    rig = Rig(state)
    getattr(rig, name)()
    expected = TABLE[name][state]
    if name == "bad" and state is OPEN:
        expected = BETWEEN  # the part came whole; the error is for whoever asks next
        rig.waiting = Outcome(rig.reader.next_part())
        assert rig.reader.state is OVER
        expected = OVER
    assert rig.reader.state is expected
    if expected is OVER and state is not OVER:
        assert isinstance(rig.waiting.error, ERRORS[name])
    wants = expected in (BETWEEN, OPEN, SKIPPED) and not rig.waiting.fired
    assert rig.upstream.running == wants or expected is OVER


def test_a_part_that_is_skipped_is_stale() -> None:
    rig = Rig(OPEN)
    rig.waiting.deferred.cancel()
    rig.reader.next_part()
    with pytest.raises(MisuseError, match="was skipped"):
        rig.part.read()


HALVES: dict[str, Callable[[Any], object]] = {
    "what is wanted": lambda half: half._wants_more,
    "what is current": lambda half: half._current,
    "how it is handed out": lambda half: half._hand_out(),
}


@pytest.mark.parametrize("use", HALVES.values(), ids=HALVES)
def test_half_a_reader_is_none(use: Callable[[Any], object]) -> None:
    with pytest.raises(NotImplementedError):
        use(Intake(MultipartParser("b")))


def test_and_so_is_one_that_makes_no_parts() -> None:
    handout = Handout(MultipartParser("b"), Limits())
    asked: Outcome[BodyPart | None] = Outcome(handout.next_part())
    with pytest.raises(NotImplementedError):
        handout._make_part(PartHeaders(), Limits())
    assert not asked.fired


# Whoever is called calls back --------------------------------------------------------


def close(reader: MultipartReader) -> Deferred[Any]:
    """Close it, and ask for more all the same."""
    reader.close()
    return reader.next_part()


ACTS: dict[str, Callable[[MultipartReader], Deferred[Any]]] = {
    "the next part": MultipartReader.next_part,
    "closing": close,
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
@pytest.mark.parametrize("size", [2, 3, 4, 10])
def test_who_is_given_bytes_may_leave_the_part_at_once(
    act: Callable[[MultipartReader], Deferred[Any]], size: int
) -> None:
    """Also with the bytes that pass its bound, which is then nobody's error."""
    limits = Limits(max_part_size=3)
    reader = MultipartReader(FORM_TYPE, decide=lambda headers: Accept(limits))
    got: list[bytes] = []

    def given(chunk: bytes) -> None:
        got.append(chunk)
        after.append(Outcome(act(reader)))

    after: list[Outcome[Any]] = []
    asked: Deferred[Any] = reader.next_part()
    asked.addCallback(lambda part: part.read_chunk().addCallback(given))
    reader.write(BEGIN)
    reader.write(b"x" * size + b"\r\n" + BEGIN + b"next")
    assert got == [b"x" * min(size, 3)]
    (outcome,) = after
    if act is ACTS["closing"]:
        assert isinstance(outcome.error, MisuseError)
    else:
        assert isinstance(outcome.value, BodyPart)


class Refusing(BodyPart):
    """A part that cannot be made."""

    def __init__(self, *args: Any) -> None:
        raise KeyError("of the user's own")


class RefusingReader(MultipartReader):
    """A reader of parts that cannot be made."""

    part_class = Refusing


@pytest.mark.parametrize("deciding", [False, True])
def test_a_part_that_cannot_be_made_breaks_the_body(deciding: bool) -> None:
    options: dict[str, Any] = {"decide": lambda headers: ACCEPT} if deciding else {}
    reader, upstream = RefusingReader(FORM_TYPE, **options), Upstream()
    reader.registerProducer(upstream, True)
    waiting: Outcome[Any] = Outcome(reader.next_part())
    reader.write(BEGIN)
    assert isinstance(waiting.error, KeyError)
    assert isinstance(Outcome(reader.next_part()).error, KeyError)
    assert upstream.calls[-1] == "stop"


@pytest.mark.parametrize("wrong", ["text", None, 5])
def test_a_body_is_bytes(wrong: Any) -> None:
    reader = MultipartReader(FORM_TYPE)
    with pytest.raises(MisuseError, match=f"bytes, not {type(wrong).__name__}"):
        reader.write(wrong)
    reader.write(BEGIN)
    assert isinstance(Outcome(reader.next_part()).value, BodyPart)


def test_a_reader_and_its_parts_say_what_they_are() -> None:
    rig = Rig(OPEN)
    name = "<MultipartReader of multipart/form-data, part 1, open>"
    assert repr(rig.reader) == name
    assert repr(rig.part) == "<BodyPart name='n' without a type, flowing>"
