"""Upload: every state with every input, and the same errors as on HTTP/1.1."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer, IPushProducer
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.client import FileBodyProducer, RequestGenerationFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txmultipart.web.http1 import BadHeaders, RequestNotSent, WrongBodyLength
from txmultipart.web.upload import CONTINUE_TIME, Phase, Upload

FINAL = [Phase.SENT, Phase.STOPPED, Phase.FAILED]


class Way:
    """A stream that keeps what comes."""

    def __init__(self) -> None:
        self.body = b""
        self.producer: Any = None
        self.trailers: Any = None
        self.gone = False
        self.bad_trailers = False

    def write(self, data: bytes) -> None:
        self.body += data

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming
        assert self.producer is None
        if self.gone:
            producer.stopProducing()
        else:
            self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def end(self, trailers: Any = ()) -> None:
        if self.bad_trailers:
            raise ValueError("not to be sent")
        self.trailers = list(trailers)


@implementer(IBodyProducer)
class Producer:
    """Produces what the test says, when it says so."""

    def __init__(self, length: Any = UNKNOWN_LENGTH, breaks: str = "") -> None:
        self.length = length
        self.told: list[str] = []
        self.breaks = breaks
        self.consumer: Any = None
        self.done: Deferred[None] = Deferred()

    def _tell(self, name: str) -> None:
        self.told.append(name)
        if name == self.breaks:
            raise ZeroDivisionError(name)

    def startProducing(self, consumer: Any) -> Deferred[None]:
        self.consumer = consumer
        self._tell("start")
        return self.done

    def pauseProducing(self) -> None:
        self._tell("pause")

    def resumeProducing(self) -> None:
        self._tell("resume")

    def stopProducing(self) -> None:
        self._tell("stop")


class Case:
    """An upload, and what it told."""

    def __init__(self, producer: Any = None, **options: Any) -> None:
        self.producer: Any = producer or Producer(**options)
        self.way = Way()
        self.sent = 0
        self.then: Any = lambda: None
        self.failures: list[Any] = []
        self.upload = Upload(
            self.producer,
            self.way,
            sent=self._sent,
            failed=lambda failure: self.failures.append(failure.value),
        )

    def _sent(self) -> None:
        self.sent += 1
        self.then()

    def in_phase(self, phase: Phase) -> Case:
        if phase is not Phase.WAITING:
            self.upload.begin()
        if phase is Phase.SENT:
            self.producer.done.callback(None)
        elif phase is Phase.STOPPED:
            self.upload.stop()
        elif phase is Phase.FAILED:
            self.producer.done.errback(ZeroDivisionError())
        assert self.upload.phase is phase
        return self


def test_it_is_what_it_says() -> None:
    verifyObject(IConsumer, Case().upload)
    verifyObject(IPushProducer, Case().upload)


def test_a_whole_body() -> None:
    case = Case()
    case.upload.begin()
    assert case.way.producer is case.upload
    case.producer.consumer.write(b"one")
    case.producer.consumer.write(b"two")
    assert case.way.body == b"onetwo"
    case.producer.done.callback(None)
    assert (case.sent, case.failures) == (1, [])
    assert case.way.producer is None
    assert case.way.trailers == []
    assert case.upload.begun


def test_trailers() -> None:
    case = Case()
    case.upload.begin()
    case.producer.trailers = Headers({"X-Sum": ["1", "2"]})
    case.producer.done.callback(None)
    assert [name.lower() for name, _ in case.way.trailers] == [b"x-sum", b"x-sum"]


def test_trailers_that_cannot_be_sent() -> None:
    case = Case()
    case.way.bad_trailers = True
    case.upload.begin()
    case.producer.done.callback(None)
    assert case.upload.phase is Phase.FAILED
    assert isinstance(case.failures[0], ValueError)
    assert case.sent == 0


@pytest.mark.parametrize("phase", list(Phase))
def test_begin(phase: Phase) -> None:
    case = Case().in_phase(phase)
    told = list(case.producer.told)
    case.upload.begin()
    if phase is Phase.WAITING:
        assert case.upload.phase is Phase.SENDING
        assert case.producer.told == ["start"]
    else:
        assert case.upload.phase is phase
        assert case.producer.told == told


@pytest.mark.parametrize("phase", list(Phase))
def test_stop(phase: Phase) -> None:
    case = Case().in_phase(phase)
    told = list(case.producer.told)
    case.upload.stop()
    case.upload.stopProducing()
    if phase is Phase.SENDING:
        assert case.producer.told == [*told, "stop"]
        assert case.way.producer is None
    else:
        assert case.producer.told == told
    if phase in FINAL:
        assert case.upload.phase is phase
    else:
        assert case.upload.phase is Phase.STOPPED
    assert case.upload.is_over


@pytest.mark.parametrize("phase", list(Phase))
def test_pause_and_resume(phase: Phase) -> None:
    case = Case().in_phase(phase)
    told = list(case.producer.told)
    for call in ("resume", "pause", "pause", "resume", "resume"):
        getattr(case.upload, f"{call}Producing")()
    more = ["pause", "resume"] if phase is Phase.SENDING else []
    assert case.producer.told == told + more


@pytest.mark.parametrize("phase", FINAL)
def test_bytes_that_come_too_late(phase: Phase) -> None:
    case = Case().in_phase(phase)
    case.upload.write(b"late")
    assert case.way.body == b""


@pytest.mark.parametrize("phase", [Phase.STOPPED])
@pytest.mark.parametrize("fails", [True, False])
def test_a_producer_that_ends_too_late(phase: Phase, fails: bool) -> None:
    case = Case().in_phase(phase)
    if fails:
        case.producer.done.errback(ZeroDivisionError())
    else:
        case.producer.done.callback(None)
    assert case.upload.phase is phase
    assert (case.sent, case.failures) == (0, [])


def keep_writes(case: Case) -> list[Any]:
    """Begin, on a stream that looks at what it is given only later."""
    written: list[Any] = []
    case.way.write = written.append  # type: ignore[method-assign,assignment]
    case.upload.begin()
    return written


@pytest.mark.parametrize("data", ["text", 5, None])
def test_what_is_no_bytes(data: Any) -> None:
    case = Case()
    written = keep_writes(case)
    with pytest.raises(TypeError):
        case.producer.consumer.write(data)
    assert written == []
    assert case.upload.phase is Phase.SENDING


def test_a_producer_that_writes_text_at_once() -> None:
    case = Case(wrong(Producer(), "text", ends=False))  # type: ignore[arg-type]
    assert keep_writes(case) == []
    assert case.upload.phase is Phase.FAILED
    assert isinstance(case.failures[0], TypeError)


@pytest.mark.parametrize("seen", [True, False])
def test_a_buffer_is_not_kept(seen: bool) -> None:
    case = Case()
    written = keep_writes(case)
    buffer = bytearray(b"one")
    case.producer.consumer.write(memoryview(buffer) if seen else buffer)
    buffer[:] = b"two"
    assert written == [b"one"]


def test_too_many_bytes() -> None:
    case = Case(length=3)
    case.upload.begin()
    case.producer.consumer.write(b"ab")
    case.producer.consumer.write(b"cd")
    assert case.way.body == b"ab"
    assert case.producer.told == ["start", "stop"]
    assert isinstance(case.failures[0], WrongBodyLength)
    case.producer.consumer.write(b"e")
    case.producer.done.callback(None)
    assert len(case.failures) == 1


def test_too_few_bytes() -> None:
    case = Case(length=3)
    case.upload.begin()
    case.producer.consumer.write(b"ab")
    case.producer.done.callback(None)
    assert isinstance(case.failures[0], WrongBodyLength)
    assert case.way.trailers is None


def test_a_body_of_nothing() -> None:
    case = Case(length=0)
    case.upload.begin()
    case.producer.done.callback(None)
    assert case.sent == 1


@pytest.mark.parametrize("when", ["start", "pause", "resume"])
def test_a_producer_that_raises(when: str) -> None:
    case = Case(breaks=when)
    case.upload.begin()
    case.upload.pauseProducing()
    case.upload.resumeProducing()
    assert case.upload.phase is Phase.FAILED
    assert str(case.failures[0]) == when
    assert len(case.failures) == 1
    assert ("stop" in case.producer.told) == (when != "start")


def test_a_producer_that_raises_when_it_is_stopped() -> None:
    case = Case(breaks="stop")
    case.upload.begin()
    case.upload.stop()
    assert case.failures == []


def test_a_producer_that_is_stopped_while_it_fails_to_pause() -> None:
    case = Case(breaks="pause")
    case.upload.begin()

    def stop() -> None:
        case.upload.stop()
        raise ZeroDivisionError

    case.producer.pauseProducing = stop
    case.upload.pauseProducing()
    assert case.upload.phase is Phase.STOPPED
    assert case.failures == []


def test_the_stream_is_gone_already() -> None:
    case = Case()
    case.way.gone = True
    case.upload.begin()
    assert case.upload.phase is Phase.STOPPED
    assert "start" not in case.producer.told


def test_the_consumer_takes_a_registration() -> None:
    case = Case()
    case.upload.begin()
    case.upload.registerProducer(case.producer, True)
    case.upload.unregisterProducer()
    assert case.way.producer is case.upload


# Expect: 100-continue -------------------------------------------------------------------


def test_it_waits_for_leave() -> None:
    clock, case = Clock(), Case()
    case.upload.wait(clock)
    assert case.producer.told == []
    case.upload.begin()
    assert case.producer.told == ["start"]
    assert clock.getDelayedCalls() == []


def test_it_does_not_wait_for_ever() -> None:
    clock, case = Clock(), Case()
    case.upload.wait(clock)
    clock.advance(CONTINUE_TIME)
    assert case.producer.told == ["start"]


def test_it_may_be_refused() -> None:
    clock, case = Clock(), Case()
    case.upload.wait(clock)
    case.upload.stop()
    assert clock.getDelayedCalls() == []
    assert case.producer.told == []
    assert not case.upload.begun


# Taking over ----------------------------------------------------------------------------


def test_a_body_that_is_asked_for_again_while_it_is_sent() -> None:
    producer = Producer()
    first, second = Case(producer), Case(producer)
    first.upload.begin()
    first.upload.yields = first.upload.stop
    second.upload.begin()
    assert producer.told == ["start", "stop", "start"]
    assert first.upload.phase is Phase.STOPPED
    assert second.upload.phase is Phase.SENDING


def test_not_while_the_first_is_not_answered() -> None:
    producer = Producer()
    first, second = Case(producer), Case(producer)
    first.upload.begin()
    second.upload.begin()
    assert producer.told == ["start", "start"]
    assert first.upload.phase is Phase.SENDING


def test_another_body_with_the_same_number() -> None:
    first = Case()
    first.upload.begin()
    first.upload.yields = lambda: pytest.fail("another's")
    second = Case()
    second.upload.begin()
    assert first.upload.phase is Phase.SENDING


# As on HTTP/1.1 -------------------------------------------------------------------------


def stock(producer: Any) -> Any:
    """What a request of HTTP/1.1 with this body fails with."""
    from twisted.web._newclient import HTTP11ClientProtocol, Request

    protocol = HTTP11ClientProtocol()
    protocol.makeConnection(StringTransport())
    failures: list[Any] = []
    headers = Headers({"Host": ["example.test"]})
    done = protocol.request(Request(b"PUT", b"/", headers, producer))
    done.addErrback(lambda failure: failures.append(failure.value))
    return failures


def wrong(producer: Producer, body: bytes, *, ends: bool) -> Producer:
    """Have it write that and end, as soon as it is started."""

    def start(consumer: Any) -> Deferred[None]:
        consumer.write(body)
        return succeed(None) if ends else Deferred()

    producer.startProducing = start  # type: ignore[method-assign]
    return producer


@pytest.mark.parametrize("body", [b"ab", b"abcd"])
def test_the_errors_are_those_of_http1(body: bytes) -> None:
    ends = len(body) < 3
    (theirs,) = stock(wrong(Producer(length=3), body, ends=ends))
    case = Case(wrong(Producer(length=3), body, ends=ends))
    case.upload.begin()
    assert isinstance(theirs, RequestGenerationFailed)
    assert type(theirs.reasons[0].value) is type(case.failures[0])
    assert str(theirs.reasons[0].value) == str(case.failures[0])


def test_so_is_the_one_for_a_missing_host() -> None:
    from twisted.web._newclient import HTTP11ClientProtocol, Request

    protocol = HTTP11ClientProtocol()
    protocol.makeConnection(StringTransport())
    failures: list[Any] = []
    done = protocol.request(Request(b"GET", b"/", Headers(), None))
    done.addErrback(lambda failure: failures.append(failure.value))
    assert isinstance(failures[0].reasons[0].value, BadHeaders)
    # And a request on a connection that is used already.
    protocol.request(Request(b"GET", b"/", Headers(), None)).addErrback(
        lambda failure: failures.append(failure.value)
    )
    assert isinstance(failures[1], RequestNotSent)


async def test_the_stock_producer() -> None:
    case = Case(FileBodyProducer(BytesIO(b"x" * 200_000)))
    whole: Deferred[None] = Deferred()
    case.then = lambda: whole.callback(None)
    case.upload.begin()
    case.upload.pauseProducing()
    case.upload.resumeProducing()
    await whole
    assert case.way.body == b"x" * 200_000
    case.upload.pauseProducing()
    case.upload.stop()


async def test_the_stock_producer_is_stopped() -> None:
    file = BytesIO(b"x" * 200_000)
    case = Case(FileBodyProducer(file))
    case.upload.begin()
    case.upload.pauseProducing()
    case.upload.stop()
    assert file.closed
