"""CodedSink: its tables, its demand, and whoever calls it back from within."""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from tests.body.doubles import (
    Downstream,
    Outcome,
    RecordingSink,
    Upstream,
    cut,
    error_of,
    untimed,
    value_of,
)
from txmultipart.body.coded_sink import CodedSink, State, decoders
from txmultipart.body.sinks import MemorySink
from txmultipart.body.stream import ByteStream
from txmultipart.errors import LimitExceeded, MalformedMultipart, MisuseError
from txmultipart.interfaces import ISink
from txmultipart.limits import Limits
from txmultipart.sansio.headers import PartHeaders

OPEN, HELD, BROKEN, STOPPED, OVER = State


class Broken(Exception):
    """What a coder or a source in these tests breaks with."""


class Spell:
    """A coder that makes a piece of each byte, and a full stop of the end."""

    def __init__(self) -> None:
        self.made = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        for number in data:
            self.made += 1
            if number == ord("!"):
                raise Broken
            yield bytes([number])

    def flush(self) -> Iterator[bytes]:
        return iter(())

    def finish(self) -> Iterator[bytes]:
        yield b"."


class Rig:
    """A coded sink with a recorder at each end."""

    def __init__(self, state: State = OPEN, consumer: Any = None) -> None:
        self.upstream = Upstream()
        self.consumer: Any = Downstream() if consumer is None else consumer
        self.coder = Spell()
        self.sink = CodedSink(self.consumer, [self.coder])
        self.sink.registerProducer(self.upstream, True)
        self.outcomes: list[Outcome[None]] = []
        getattr(self, f"_to_{state.value}")()
        assert self.sink.state is state
        self.upstream.calls.clear()

    def _to_open(self) -> None:
        """It is so from the start."""

    def _to_held(self) -> None:
        self.pause()

    def _to_broken(self) -> None:
        self.sink.write(b"!")

    def _to_stopped(self) -> None:
        self.stop()

    def _to_over(self) -> None:
        self.sink.finish()

    # The inputs of the tables

    def write(self) -> None:
        self.sink.write(b"ab")

    def pause(self) -> None:
        self.sink.pauseProducing()

    def resume(self) -> None:
        self.sink.resumeProducing()

    def stop(self) -> None:
        self.sink.stopProducing()

    def finish(self) -> None:
        self.sink.unregisterProducer()
        self.outcomes.append(Outcome(self.sink.finish()))

    def fail(self) -> None:
        self.outcomes.append(Outcome(self.sink.fail(Failure(Broken()))))
        self.sink.unregisterProducer()

    @property
    def data(self) -> bytes:
        return b"".join(self.consumer.pieces)


# What comes of an input: the next state, what the consumer has, what upstream was told.
Line = dict[State, tuple[State, bytes, list[str]]]
SAME: Line = {state: (state, b"", []) for state in State}
TABLE: dict[str, Line] = {
    "write": SAME | {OPEN: (OPEN, b"ab", [])},
    "pause": SAME | {OPEN: (HELD, b"", ["pause"])},
    "resume": SAME | {HELD: (OPEN, b"", ["resume"])},
    "stop": SAME | {OPEN: (STOPPED, b"", ["stop"]), HELD: (STOPPED, b"", ["stop"])},
    "finish": {
        OPEN: (OVER, b".", []),
        HELD: (HELD, b"", []),
        BROKEN: (OVER, b"", []),
        STOPPED: (OVER, b"", []),
        OVER: (OVER, b".", []),
    },
    "fail": {state: (OVER, b"", []) for state in State},
}
for _line in TABLE.values():
    _line[OVER] = (OVER, b".", [])


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
@pytest.mark.parametrize("name", TABLE)
def test_the_table_is_true(name: str, state: State) -> None:
    rig = Rig(state)
    getattr(rig, name)()
    assert (rig.sink.state, rig.data, rig.upstream.calls) == TABLE[name][state]


OUTCOMES: dict[State, Any] = {
    OPEN: None,
    BROKEN: Broken,
    STOPPED: CancelledError,
    OVER: None,
}


@pytest.mark.parametrize("sink", [False, True], ids=["consumer", "sink"])
@pytest.mark.parametrize("state", OUTCOMES, ids=lambda state: state.value)
def test_what_finish_comes_to(state: State, sink: bool) -> None:
    rig = Rig(state, consumer=RecordingSink() if sink else None)
    rig.finish()
    (result,) = rig.outcomes[0].results
    assert getattr(result, "type", result) == OUTCOMES[state]
    if sink:
        undone = state is BROKEN
        end = ["fail", "unregister"] if undone else ["unregister", "finish"]
        assert rig.consumer.calls == ["register", *end]
    else:
        assert rig.consumer.unregistered == 1


@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
def test_a_failure_undoes_once(state: State) -> None:
    rig = Rig(state, consumer=RecordingSink())
    rig.fail()
    rig.fail()
    assert [outcome.value for outcome in rig.outcomes] == [None, None]
    assert rig.consumer.calls.count("fail") == (state is not OVER)
    assert rig.consumer.calls.count("unregister") == 1


def test_a_consumer_that_is_no_sink_is_only_let_go() -> None:
    rig = Rig()
    rig.fail()
    assert rig.consumer.unregistered == 1


def test_it_is_what_it_says() -> None:
    verifyObject(ISink, Rig().sink)


def test_a_consumer_that_refuses_leaves_no_producer() -> None:
    taken = MemorySink(1)
    taken.registerProducer(Upstream(), True)
    sink = CodedSink(taken, [])
    with pytest.raises(MisuseError, match="one producer"):
        sink.registerProducer(Upstream(), True)
    assert sink.producer is None


# Demand ------------------------------------------------------------------------------


def test_a_consumer_that_pauses_is_given_no_more_and_no_more_is_made() -> None:
    rig = Rig(consumer=Downstream(lambda number: rig.pause() if number == 2 else None))
    rig.sink.write(b"abcdef")
    assert rig.data == b"ab"
    assert rig.coder.made == 2
    assert rig.upstream.calls == ["pause"]
    rig.sink.write(b"gh")  # in spite of the pause
    assert rig.data == b"ab"
    rig.resume()
    assert rig.data == b"abcdefgh"
    assert rig.upstream.calls == ["pause", "resume"]
    assert rig.sink.size == 8


def test_the_sender_is_held_until_all_is_passed_on() -> None:
    rig = Rig(consumer=Downstream(lambda number: rig.pause()))
    rig.sink.write(b"abc")
    for _ in range(2):
        rig.resume()
        assert rig.upstream.calls == ["pause"]
    rig.consumer._on_write = lambda number: None
    rig.resume()
    assert rig.upstream.calls == ["pause", "resume"]


def test_the_end_waits_for_a_consumer_that_is_full() -> None:
    rig = Rig(HELD)
    rig.write()
    rig.finish()
    assert not rig.outcomes[0].fired
    rig.resume()
    assert rig.outcomes[0].value is None
    assert rig.data == b"ab."
    assert rig.consumer.unregistered == 1


@pytest.mark.parametrize("sink", [False, True], ids=["consumer", "sink"])
def test_a_consumer_may_stop_when_the_input_has_ended(sink: bool) -> None:
    rig = Rig(consumer=RecordingSink(OSError("full")) if sink else None)
    rig.pause()
    rig.finish()
    rig.stop()
    assert isinstance(rig.outcomes[0].error, OSError if sink else CancelledError)


def test_an_error_may_come_when_the_input_has_ended() -> None:
    rig = Rig(HELD, consumer=RecordingSink())
    rig.sink.write(b"a!")
    rig.finish()
    rig.resume()
    assert isinstance(rig.outcomes[0].error, Broken)
    assert rig.consumer.calls == ["register", "fail", "unregister"]


def test_an_error_without_a_producer_waits_for_the_end() -> None:
    sink = CodedSink(Downstream(), [Spell()])
    sink.write(b"a!b")
    assert isinstance(error_of(sink.finish()), Broken)


def test_a_pause_without_a_producer_holds_what_waits() -> None:
    sink = CodedSink(consumer := Downstream(), [Spell()])
    sink.pauseProducing()
    sink.write(b"a")
    sink.resumeProducing()
    assert consumer.data == b"a"


def test_the_producer_may_be_gone_when_the_consumer_resumes() -> None:
    rig = Rig(HELD)
    rig.sink.unregisterProducer()
    rig.resume()
    assert rig.upstream.calls == []


def test_what_is_made_when_the_sender_resumes_comes_in_order() -> None:
    rig = Rig(HELD)
    rig.upstream._reactions["resume"] = lambda: rig.sink.write(b"c")
    rig.sink.write(b"ab")
    rig.resume()
    assert rig.data == b"abc"


# In a stream -------------------------------------------------------------------------

Act = Callable[[Rig], object]


def both(first: Act, second: Act) -> Act:
    """One after the other."""

    def acts(rig: Rig) -> None:
        first(rig)
        second(rig)

    return acts


ACTS: dict[str, Act] = {
    "pause": Rig.pause,
    "pause and resume": both(Rig.pause, Rig.resume),
    "resume": Rig.resume,
    "stop": Rig.stop,
    "stop twice": both(Rig.stop, Rig.stop),
    "stop and raise": both(Rig.stop, lambda rig: _raise()),
    "raise": lambda rig: _raise(),
    "write": lambda rig: rig.sink.write(b"+"),
}
ENDS: dict[str, tuple[bytes, Any]] = {
    "stop": (b"12", CancelledError),
    "stop twice": (b"12", CancelledError),
    "stop and raise": (b"12", CancelledError),
    "raise": (b"12", Broken),
    "write": (b"123+45.", None),
}


def _raise() -> None:
    raise Broken


@pytest.mark.parametrize("name", ACTS)
def test_a_consumer_may_do_anything_from_within_its_write(name: str) -> None:
    rig = Rig(consumer=Downstream(lambda number: number == 2 and ACTS[name](rig)))
    rig.sink.write(b"123")
    rig.sink.write(b"45")
    rig.finish()
    rig.resume()
    data, outcome = ENDS.get(name, (b"12345.", None))
    assert rig.data == data
    (result,) = rig.outcomes[0].results
    assert getattr(result, "type", result) == outcome
    assert rig.consumer.unregistered == 1


def test_an_error_leaves_the_rest_of_a_stream_unread() -> None:
    stream, sink = ByteStream(), RecordingSink()
    written = Outcome(stream.write_to(CodedSink(sink, [Spell()])))
    stream.write(b"ab")
    stream.write(b"c!")
    assert isinstance(written.error, Broken)
    assert sink.pieces == [b"a", b"b", b"c"]
    stream.write(b"rest")
    assert value_of(stream.read_chunk()) == b"rest"


def test_a_source_that_breaks_undoes_what_was_decoded() -> None:
    stream, sink = ByteStream(), RecordingSink()
    written = Outcome(stream.write_to(CodedSink(sink, [Spell()])))
    stream.write(b"ab")
    stream.fail(Failure(Broken()))
    assert isinstance(written.error, Broken)
    assert sink.calls == ["register", "fail", "unregister"]


@untimed
@given(
    st.lists(st.sampled_from(["write", "pause", "resume", "stop", "bad"]), max_size=20)
)
def test_any_order_comes_to_one_outcome(names: list[str]) -> None:
    rig = Rig()
    for name in names:
        rig.sink.write(b"!") if name == "bad" else getattr(rig, name)()
    rig.finish()
    rig.resume()
    assert len(rig.outcomes[0].results) == 1
    assert rig.consumer.unregistered == 1
    if rig.outcomes[0].results == [None]:
        assert rig.data == b"ab" * names.count("write") + b"."


# Which codings -----------------------------------------------------------------------

TEXT = b"some text, and again some text"


def headers(**values: str) -> PartHeaders:
    return PartHeaders((f"Content-{name}", value) for name, value in values.items())


def decoded(data: bytes, found: list[Any], size: int = 1) -> bytes:
    sink = MemorySink(1 << 20)
    coded = CodedSink(sink, found)
    for piece in cut(data, [size]):
        coded.write(piece)
    value_of(coded.finish())
    return sink.getvalue()


def test_nothing_declared_is_nothing_to_be_done() -> None:
    assert decoders(headers(Type="text/plain"), Limits()) == []
    assert decoded(TEXT, []) == TEXT


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_transfer_coding_comes_off_first(size: int) -> None:
    both = PartHeaders(
        [("Content-Encoding", "gzip"), ("Content-Transfer-Encoding", "Base64")]
    )
    data = b64encode(gzip.compress(TEXT))
    assert decoded(data, decoders(both, Limits()), size) == TEXT


def test_several_content_codings_come_off_in_reverse() -> None:
    several = PartHeaders([("Content-Encoding", "gzip"), ("content-encoding", "gzip")])
    data = gzip.compress(gzip.compress(TEXT))
    assert decoded(data, decoders(several, Limits())) == TEXT


def test_the_transfer_coding_may_be_left_on() -> None:
    base64 = PartHeaders([("Content-Transfer-Encoding", "base64")])
    assert decoders(base64, Limits(), transfer=False) == []


@pytest.mark.parametrize(
    "value", ["x-nothing", "base64, base64"], ids=["unknown", "a list"]
)
def test_a_coding_that_nobody_knows(value: str) -> None:
    with pytest.raises(MalformedMultipart) as caught:
        decoders(PartHeaders([("Content-Transfer-Encoding", value)]), Limits())
    assert (caught.value.code, caught.value.http_status) == ("unknown-coding", 415)


def test_a_bomb_is_stopped_at_its_ratio() -> None:
    limits = Limits(max_ratio=10)
    bomb = gzip.compress(bytes(8 << 20))
    coded = CodedSink(
        sink := MemorySink(100 << 20),
        decoders(PartHeaders([("Content-Encoding", "gzip")]), limits),
    )
    coded.write(bomb)
    assert isinstance(error_of(coded.finish()), LimitExceeded)
    assert coded.size <= 1 << 20
    del sink
