"""Stand-ins for what surrounds a body: producers, consumers, threads; and outcomes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Generic, TypeVar

from hypothesis import settings
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.python.failure import Failure
from zope.interface import implementer

from txmultipart.body.part import BodyPart
from txmultipart.body.reader import MultipartReader
from txmultipart.body.sinks import Sink
from txmultipart.interfaces import ISink

T = TypeVar("T")
#: For tests with drawn data: how long one takes is nobody's business.
untimed = settings(deadline=None)

#: Something that a double does when it is called; it is given the double's number of calls.
Reaction = Callable[[int], object]


class Outcome(Generic[T]):
    """What a Deferred came to. It raises if it came to something twice."""

    def __init__(self, deferred: Deferred[T]) -> None:
        self.deferred = deferred
        self.results: list[Any] = []
        deferred.addBoth(self.results.append)

    @property
    def fired(self) -> bool:
        """Whether there is an outcome."""
        return bool(self.results)

    @property
    def value(self) -> T:
        """The one good result; raises what it failed with instead."""
        (result,) = self.results
        if isinstance(result, Failure):
            result.raiseException()
        value: T = result
        return value

    @property
    def error(self) -> BaseException:
        """What it failed with."""
        (result,) = self.results
        assert isinstance(result, Failure), f"it did not fail: {result!r}"
        assert result.value is not None
        return result.value


def value_of(deferred: Deferred[T]) -> T:
    """The result of a Deferred that has one already."""
    return Outcome(deferred).value


def error_of(deferred: Deferred[Any]) -> BaseException:
    """The error of a Deferred that has failed already."""
    return Outcome(deferred).error


def next_of(reader: MultipartReader) -> BodyPart:
    """The next part of a reader, which has it already."""
    part = value_of(reader.next_part())
    assert part is not None
    return part


@implementer(IPushProducer)
class Upstream:
    """A push producer that records what it is told, and can react to it."""

    def __init__(self, **reactions: Callable[[], object]) -> None:
        self.calls: list[str] = []
        #: Whether it may produce, as far as it was told.
        self.running = True
        self._reactions = reactions

    def _called(self, name: str) -> None:
        self.calls.append(name)
        self.running = name == "resume"
        self._reactions.get(name, lambda: None)()

    def pauseProducing(self) -> None:
        self._called("pause")

    def resumeProducing(self) -> None:
        self._called("resume")

    def stopProducing(self) -> None:
        self._called("stop")


@implementer(IConsumer)
class Downstream:
    """A consumer that keeps what it is given, checks it, and can react to it."""

    def __init__(
        self,
        on_write: Reaction = lambda number: None,
        on_register: Callable[[], object] = lambda: None,
    ) -> None:
        self.pieces: list[bytes] = []
        self.producer: Any = None
        self.registered = 0
        self.unregistered = 0
        self._on_write = on_write
        self._on_register = on_register

    @property
    def data(self) -> bytes:
        """All that was written."""
        return b"".join(self.pieces)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming
        self.producer = producer
        self.registered += 1
        self._on_register()

    def unregisterProducer(self) -> None:
        self.unregistered += 1
        self.producer = None

    def write(self, data: bytes) -> None:
        assert data, "an empty write ends a chunked body"
        assert isinstance(data, bytes)
        assert not self.unregistered, "bytes after the end"
        self.pieces.append(data)
        self._on_write(len(self.pieces))


@implementer(ISink)
class RecordingSink(Sink):
    """A sink that records its life; ``answer`` is what its end comes to."""

    def __init__(self, answer: Exception | None = None) -> None:
        self.calls: list[str] = []
        self.pieces: list[bytes] = []
        self.failure: Failure | None = None
        self._answer = answer

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        super().registerProducer(producer, streaming)
        self.calls.append("register")

    def unregisterProducer(self) -> None:
        super().unregisterProducer()
        self.calls.append("unregister")

    def write(self, data: bytes) -> None:
        assert self.calls == ["register"], "bytes before the start or after the end"
        self.pieces.append(data)

    def finish(self) -> Deferred[None]:
        self.calls.append("finish")
        return succeed(None) if self._answer is None else fail(self._answer)

    def fail(self, failure: Failure) -> Deferred[None]:
        self.calls.append("fail")
        self.failure = failure
        return succeed(None)


class FaultyOS:
    """Takes the place of the module ``os``: fails at call ``nth`` of ``function``.

    It counts the calls, and knows which file descriptors are open.
    """

    def __init__(self, function: str = "", error: int = 0, nth: int = 1) -> None:
        self.counts: Counter[str] = Counter()
        self.open_files: set[int] = set()
        self._fault = (function, nth)
        self._error = error

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return partial(self._call, name, real) if callable(real) else real

    def _call(self, name: str, real: Callable[..., Any], *args: Any) -> Any:
        self.counts[name] += 1
        faulty = (name, self.counts[name]) == self._fault
        if name == "close":  # which closes also when it fails
            self.open_files.discard(*args)
        if not faulty or name == "close":
            result = real(*args)
        if faulty:
            raise OSError(self._error, os.strerror(self._error))
        if name == "open":
            self.open_files.add(result)
        return result


class Threads:
    """Takes the place of ``deferToThread``: a job runs when the test says so."""

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []

    def __call__(
        self, function: Callable[..., T], *args: Any, **kwargs: Any
    ) -> Deferred[T]:
        done: Deferred[T] = Deferred()

        def job() -> None:
            try:
                result: Any = function(*args, **kwargs)
            except Exception:
                result = Failure()
            if not done.called:
                done.callback(result)

        self.jobs.append(job)
        return done

    def run_one(self) -> None:
        """Run the job that has waited longest."""
        self.jobs.pop(0)()

    def run(self) -> None:
        """Run jobs until there are none."""
        while self.jobs:
            self.run_one()


def cut(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    """``data`` in pieces of these sizes, over and over; none is empty."""
    sizes = [size for size in sizes if size > 0] or [len(data) or 1]
    pieces: list[bytes] = []
    while data:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(data[:size])
        data = data[size:]
    return pieces


def multipart(
    *parts: tuple[str, bytes], boundary: str = "b", kind: str = "form-data"
) -> bytes:
    """A body of parts, each given as its name and its content."""
    blocks = [
        f'--{boundary}\r\nContent-Disposition: {kind}; name="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in parts
    ]
    return b"".join(blocks) + f"--{boundary}--\r\n".encode()


FORM_TYPE = "multipart/form-data; boundary=b"
MIXED_TYPE = "multipart/mixed; boundary=b"
