"""Every writer, payload and source there is, and a consumer that does anything at any moment.

What there is, is found by looking: a class that is added later and has no case here, or
in ``test_producer``, fails a test. ``test_producer`` has the same for every kind of
content.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

from tests.body.doubles import MIXED_TYPE, Outcome
from tests.body.test_producer import (
    ACTS,
    CONTENT,
    KINDS,
    PIECES,
    Act,
    Case,
    Kit,
    Run,
    in_a_writer,
)
from txmultipart import body as bodies
from txmultipart.body.byteranges_writer import ByteRangesWriter
from txmultipart.body.coming_parts import ComingParts
from txmultipart.body.live_writer import LiveWriter
from txmultipart.body.mixed_replace import MixedReplaceWriter
from txmultipart.body.payload import DelegatingPayload, Payload
from txmultipart.body.producer import BodyProducer, RawBody
from txmultipart.body.reader import MultipartReader
from txmultipart.body.related_writer import RelatedWriter
from txmultipart.body.relayed import RelayedParts
from txmultipart.body.writer import FormData, MultipartWriter
from txmultipart.errors import PayloadError
from txmultipart.interfaces import IPayload, Source


def modules() -> Iterator[Any]:
    """Every module about bodies; what is built of them elsewhere is tested there."""
    for found in pkgutil.iter_modules(bodies.__path__, "txmultipart.body."):
        yield importlib.import_module(found.name)


def classes() -> set[type]:
    """Every class that is defined in one of them."""
    return {
        kind
        for module in modules()
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__
    }


# Cases -------------------------------------------------------------------------------


def raw(kit: Kit) -> BodyProducer:
    return RawBody(kit.path)


def mixed(kit: Kit) -> BodyProducer:
    return in_a_writer(kit.generator(kit.later))


def form(kit: Kit) -> BodyProducer:
    body = FormData("b")
    body.add_field("text", "ž")
    body.add_file("file", kit.path)
    body.add_file("live", kit.live(), filename="l")
    body.add_field("coded", kit.generator(), headers={"Content-Encoding": "gzip"})
    return body


def related(kit: Kit) -> BodyProducer:
    body = RelatedWriter(boundary="b")
    body.append(kit.path, content_id="file")
    body.append(kit.async_generator(), content_id="generator")
    body.set_root(kit.part(), {"Content-ID": "<root>"})
    return body


def byteranges(kit: Kit) -> BodyProducer:
    last = len(CONTENT) - 1
    ranges = [(0, 0), (5, last), (last, last)]
    return ByteRangesWriter(kit.path, ranges, boundary="b")


def frames(kit: Kit, *, early: bool = True) -> BodyProducer:
    body = MixedReplaceWriter("b", early_headers=early, max_waiting=9)
    first, *others, last = PIECES
    body.send(first)
    for piece in others:
        kit.later(piece).addCallback(body.send)
    # With the last, whether the end is known in time depends on nothing.
    kit.later(last).addCallback(body.finish)
    return body


def sized_frames(kit: Kit) -> BodyProducer:
    return frames(kit, early=False)


def relayed(kit: Kit) -> BodyProducer:
    reader = MultipartReader(MIXED_TYPE)
    for piece in (b"--b\r\n\r\n", *PIECES, b"\r\n--b\r\n\r\nlast\r\n--b--"):
        kit.later(piece).addCallback(reader.write)
    body = RelayedParts(reader, boundary="b")
    body.append(kit.path)
    return body


def coming(kit: Kit) -> BodyProducer:
    async def parts() -> AsyncIterator[object]:
        for piece in PIECES:
            yield await kit.later(piece)

    body = ComingParts(parts(), boundary="b")
    body.append(kit.path)
    return body


def said(kit: Kit) -> BodyProducer:
    body = LiveWriter(boundary="b")
    for piece in PIECES:
        kit.later(piece).addCallback(body.append)
    kit.later(b"").addCallback(lambda _: body.finish())
    return body


Make = Callable[[Kit], BodyProducer]
#: Each writer as whatever it can be used for.
WRITERS: dict[type[BodyProducer], list[Make]] = {
    RawBody: [raw],
    MultipartWriter: [mixed],
    FormData: [form],
    RelatedWriter: [related],
    ComingParts: [coming],
    LiveWriter: [said],
    ByteRangesWriter: [byteranges],
    MixedReplaceWriter: [frames, sized_frames],
    RelayedParts: [relayed],
}
MAKES: dict[str, Make] = {
    f"{kind.__name__}, {make.__name__}": make
    for kind, makes in WRITERS.items()
    for make in makes
}
#: Those with something in them that is told when it is stopped before it is sent.
MADE_MEANWHILE = {n for n in MAKES if n.endswith((", form", "frames"))}
each_writer = pytest.mark.parametrize("name", MAKES)
each_act = pytest.mark.parametrize(("act", "expected"), ACTS.values(), ids=ACTS)


class WriterCase(Case):
    """One writer, made and sent again and again."""

    def __init__(self, make: Make, path: Path) -> None:
        self._make_body, self._path = make, path
        with self.run() as plain:
            assert plain.send() is None
        self.whole = plain.consumer.data
        self.writes = len(plain.consumer.pieces)

    @contextmanager
    def run(self) -> Iterator[Run]:
        """A run of its own."""
        with pytest.MonkeyPatch.context() as patch:
            kit = Kit(self._path, patch)
            yield Run(kit, self._make_body(kit))


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], WriterCase]:
    path = tmp_path_factory.mktemp("writer") / "content"
    path.write_bytes(CONTENT)
    return cache(lambda name: WriterCase(MAKES[name], path))


Cases = Callable[[str], WriterCase]


@each_writer
@each_act
def test_from_within_any_write(act: Act, expected: Any, name: str, case: Cases) -> None:
    assert case(name).writes >= len(PIECES)
    for at in range(1, case(name).writes + 1):
        with case(name).run() as run:
            run.act, run.at = act, at
            case(name).check(run, run.send(), expected)


@each_writer
@pytest.mark.parametrize("what", [act for act in ACTS if "raise" not in act])
def test_between_any_two_steps_and_before_the_first(
    what: str, name: str, case: Cases
) -> None:
    act, expected = ACTS[what]
    for turns in range(8):
        with case(name).run() as run:
            outcome = Outcome(run.body.startProducing(run.consumer))
            for _ in range(min(turns, len(run.kit.threads.jobs))):
                run.kit.threads.run_one()
            over = outcome.fired
            act(run.body)
            run.kit.settle(run.body)
            case(name).check(run, run.end(outcome), None if over else expected)
    with case(name).run() as run:
        if "cancel" not in what:  # there is nothing yet that could be cancelled
            act(run.body)
        if "stop" in what and name in MADE_MEANWHILE:
            with pytest.raises(PayloadError, match="only once"):
                run.send()
            run.kit.threads.run()
        else:
            case(name).check(run, run.send(), None)


@each_writer
def test_a_consumer_that_vanishes_closes_everything(name: str, case: Cases) -> None:
    for turns in range(10):
        with case(name).run() as run:
            outcome = Outcome(run.body.startProducing(run.consumer))
            for _ in range(min(turns, len(run.kit.threads.jobs))):
                run.kit.threads.run_one()
            over = outcome.fired
            run.body.stopProducing()
            run.kit.threads.run()
            run.kit.check_closed()
            assert outcome.fired is over


@each_writer
def test_a_body_that_is_never_sent_leaves_nothing_open(name: str, case: Cases) -> None:
    with case(name).run() as run:
        run.kit.threads.run()
        run.kit.check_closed()


# What there is -----------------------------------------------------------------------


def test_every_writer_has_a_case() -> None:
    found = {kind for kind in classes() if issubclass(kind, BodyProducer)}
    assert found == {*WRITERS, BodyProducer}


def test_and_is_made_in_it(tmp_path: Path) -> None:
    (tmp_path / "content").write_bytes(CONTENT)
    for kind, makes in WRITERS.items():
        for make in makes:
            with pytest.MonkeyPatch.context() as patch:
                assert type(make(Kit(tmp_path / "content", patch))) is kind


#: Made by nobody; subclasses are.
BASES = {DelegatingPayload}
#: What stands for something else in annotations.
PROTOCOLS = {Source}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> set[CodeType]:
    """The code of ours that runs when every kind of content and every writer is sent."""
    codes: set[CodeType] = set()

    def note(frame: FrameType, event: str, arg: object) -> None:
        codes.add(frame.f_code)

    path = tmp_path_factory.mktemp("ran") / "content"
    path.write_bytes(CONTENT)
    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for kind in KINDS:
            Case(kind, in_a_writer, path)
        for make in MAKES.values():
            WriterCase(make, path)
    finally:
        sys.setprofile(before)
    return codes


def test_every_payload_was_made(ran: set[CodeType]) -> None:
    factories = {
        thing
        for module in modules()
        for name, thing in vars(module).items()
        if inspect.isfunction(thing)
        and name.endswith("_payload")
        and thing.__module__ == module.__name__
    }
    assert len(factories) >= 9
    assert {f.__name__ for f in factories if f.__code__ not in ran} == set()
    payloads = {kind for kind in classes() if issubclass(kind, Payload)} - BASES
    own = {kind for kind in payloads if "__init__" in vars(kind)}
    assert Payload in own
    assert {k.__name__ for k in own if k.__init__.__code__ not in ran} == set()


def test_every_source_was_read_and_closed(ran: set[CodeType]) -> None:
    sources = {
        kind
        for kind in classes() - PROTOCOLS
        if kind.__name__.endswith("Source") and hasattr(kind, "read")
    }
    assert len(sources) >= 10
    for method in ("read", "close"):
        own = {kind for kind in sources if method in vars(kind)}
        missing = {k.__name__ for k in own if vars(k)[method].__code__ not in ran}
        assert missing == set()


def test_nothing_else_can_be_a_part() -> None:
    """Whoever provides ``IPayload`` is found by its class."""
    providers = {kind for kind in classes() if IPayload.implementedBy(kind)}
    assert all(issubclass(kind, Payload) for kind in providers)
