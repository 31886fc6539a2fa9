"""Exchange: every state with every input, what it fails with, and who keeps whom."""

from __future__ import annotations

import gc
import threading
from typing import Any, cast

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.task import Clock, deferLater
from twisted.python.failure import Failure
from twisted.web.client import (
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http_headers import Headers

from tests.web.far import Asked, Far
from tests.web.test_response import Taker
from tests.web.test_upload import Producer, Way
from txmultipart.body.producer import RawBody
from txmultipart.errors import MisuseError
from txmultipart.http2 import Listener, StreamReset
from txmultipart.web.exchange import STALL_TIME, Exchange, RequestNotProcessed, State
from txmultipart.web.http1 import BadHeaders, RequestNotSent, WrongBodyLength
from txmultipart.web.upload import Phase

CANCEL, INTERNAL_ERROR = None, 2


class Out:
    """What of a stream has gone out: all of it but ``kept`` bytes."""

    def __init__(self, way: Way) -> None:
        self.kept = 0
        self._way = way

    @property
    def sent(self) -> int:
        return len(self._way.body) - self.kept

    @property
    def closed(self) -> bool:
        return self._way.trailers is not None and not self.kept


class Stream(Way):
    """A stream that keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.outbound = Out(self)
        self.processed = True
        self.told: list[str] = []
        self.codes: list[int | None] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def cancel(self, error_code: int | None = None) -> None:
        self.told.append("cancel")
        self.codes.append(error_code)
        producer, self.producer = self.producer, None
        if producer is not None:
            producer.stopProducing()


class Client:
    """A connection with one stream."""

    def __init__(self) -> None:
        self.stream = Stream()
        self.opened: list[tuple[Any, bool]] = []
        self.refuses: Exception | None = None
        self.listener: Any = None

    def open(self, request: Any, listener: Listener, *, end: bool) -> Any:
        if self.refuses is not None:
            raise self.refuses
        self.opened.append((request, end))
        self.listener = listener
        return self.stream


class Request:
    """As Twisted's ``Agent`` makes them."""

    def __init__(self, body: Any = None, **headers: str) -> None:
        self.method = b"GET" if body is None else b"PUT"
        self.uri = b"/"
        self.absoluteURI = b"https://example.test/"
        self.headers = Headers({"Host": ["example.test"]})
        for name, value in headers.items():
            self.headers.setRawHeaders(name, [value])
        self.bodyProducer = body


class Case:
    """An exchange on a stream."""

    def __init__(
        self, body: Any = None, *, clock: Any = None, client: Any = None, **headers: str
    ) -> None:
        self.clock = clock or Clock()
        self.client: Any = Client() if client is None else client
        self.body = body
        self.exchange = Exchange(Request(body, **headers), self.clock)
        self.results: list[Any] = []
        self.begun = self.exchange.begin(cast(Any, self.client), secure=True)
        self.begun.addBoth(self.results.append)

    @property
    def stream(self) -> Stream:
        stream: Stream = self.client.stream
        return stream

    @property
    def result(self) -> Any:
        (result,) = self.results
        return result

    @property
    def error(self) -> Any:
        return self.result.value

    def answer(self, status: int = 200, length: int | None = None) -> Case:
        self.exchange.responded(status, [(b"x-one", b"1")], length)
        return self

    def deliver(self, *at_once: str) -> Taker:
        taker = Taker(*at_once)
        self.result.deliverBody(taker)
        return taker


def test_the_head_of_a_request() -> None:
    case = Case(Producer(length=7), Expect="nothing")
    ((head, end),) = case.client.opened
    assert (head.method, head.scheme, head.authority) == (
        b"PUT",
        b"https",
        b"example.test",
    )
    assert head.target == b"/"
    assert (b"content-length", b"7") in head.fields
    assert not end


def test_a_request_without_a_body() -> None:
    case = Case()
    assert case.client.opened[0][1]
    case.answer()
    assert case.result.code == 200
    assert case.result.headers.getRawHeaders("X-One") == ["1"]
    assert not case.exchange.body_begun


@pytest.mark.parametrize("error", [ValueError("a field"), StreamReset(1)])
def test_a_head_that_cannot_be_sent(error: Exception) -> None:
    client = Client()
    client.refuses = error
    case = Case(Producer(), client=client)
    assert isinstance(case.error, RequestGenerationFailed)
    assert case.error.reasons[0].value is error
    assert case.body.told == []


@pytest.mark.parametrize(
    ("length", "said"),
    [(None, "None is neither"), (-1, "-1 is neither"), ("7", "'7' is neither")],
)
def test_a_length_that_is_none(length: Any, said: str) -> None:
    body = Producer()
    body.length = length
    error = Case(body).error
    assert isinstance(error, RequestGenerationFailed)
    (reason,) = error.reasons
    assert reason.check(MisuseError)
    assert "IBodyProducer" in str(reason.value)
    assert "UNKNOWN_LENGTH" in str(reason.value)
    assert said in str(reason.value)


def test_a_body_that_is_no_producer() -> None:
    error = Case(b"bytes").error
    assert isinstance(error, RequestGenerationFailed)
    assert error.reasons[0].check(MisuseError)
    assert "bytes is none" in str(error.reasons[0].value)


@pytest.mark.parametrize("hosts", [[], ["one.test", "two.test"]])
def test_not_one_host(hosts: list[str]) -> None:
    request = Request()
    request.headers.setRawHeaders("Host", hosts)
    failures: list[Any] = []
    exchange = Exchange(request, Clock())
    exchange.begin(Client(), secure=False).addErrback(failures.append)  # type: ignore[arg-type]
    assert failures[0].check(RequestGenerationFailed)
    assert failures[0].value.reasons[0].check(BadHeaders)


# Responses ------------------------------------------------------------------------------


def test_the_body_waits_until_it_is_taken() -> None:
    case = Case().answer()
    assert case.stream.told == ["pause"]
    taker = case.deliver()
    assert case.stream.told == ["pause", "resume"]
    case.exchange.received(b"data")
    case.exchange.ended([(b"x-sum", b"4")])
    assert taker.data == b"data"
    assert isinstance(taker.reason, ResponseDone)
    assert case.result.trailers.hasHeader("X-Sum")


def test_a_response_without_a_body_need_not_be_taken() -> None:
    case = Case().answer(204, 0)
    assert case.stream.told == []
    case.exchange.ended([])
    assert isinstance(case.deliver().reason, ResponseDone)


def test_the_response_while_the_body_is_sent() -> None:
    case = Case(Producer()).answer()
    assert case.result.code == 200
    case.body.consumer.write(b"more")
    case.body.done.callback(None)
    assert case.stream.body == b"more"
    assert case.stream.trailers == []


def test_an_early_response_stops_the_body() -> None:
    case = Case(Producer()).answer(413)
    taker = case.deliver()
    case.exchange.refused_body()
    case.exchange.ended([])
    assert case.body.told == ["start", "stop"]
    assert isinstance(taker.reason, ResponseDone)
    assert "cancel" not in case.stream.told


def test_a_body_that_is_refused_before_it_exists() -> None:
    case = Case()
    case.exchange.refused_body()
    assert case.results == []
    case.answer()


def test_interim_responses() -> None:
    case = Case()
    case.exchange.informational(100, [])
    case.exchange.informational(103, [])
    assert case.results == []
    case.answer()


# Failures -------------------------------------------------------------------------------


def test_lost_before_a_response() -> None:
    case = Case()
    case.exchange.lost(Failure(ConnectionLost()))
    assert isinstance(case.error, ResponseNeverReceived)
    assert case.error.reasons[0].check(ConnectionLost)


@pytest.mark.parametrize("whole", [True, False])
def test_lost_with_a_body(whole: bool) -> None:
    case = Case(Producer())
    if whole:
        case.body.done.callback(None)
    case.exchange.lost(Failure(StreamReset(2)))
    kind = ResponseNeverReceived if whole else RequestTransmissionFailed
    assert type(case.error) is kind
    assert case.error.reasons[0].value.error_code == 2
    assert case.body.told == (["start"] if whole else ["start", "stop"])


def test_lost_while_the_stream_still_has_our_body() -> None:
    case = Case(Producer())
    case.body.consumer.write(b"data")
    case.stream.outbound.kept = 1
    case.body.done.callback(None)
    case.exchange.lost(Failure(StreamReset(2)))
    assert type(case.error) is RequestTransmissionFailed


def test_not_processed() -> None:
    case = Case(Producer())
    case.stream.processed = False
    case.exchange.lost(Failure(StreamReset(7)))
    assert isinstance(case.error, RequestNotProcessed)
    assert isinstance(case.error, RequestNotSent)
    assert "REFUSED_STREAM" in str(case.error)
    assert case.exchange.body_begun


def test_lost_in_the_middle_of_the_response() -> None:
    case = Case().answer()
    taker = case.deliver()
    case.exchange.received(b"some")
    case.exchange.lost(Failure(ConnectionDone()))
    assert taker.data == b"some"
    assert isinstance(taker.reason, ResponseFailed)
    assert taker.reason.response is case.result
    assert taker.reason.reasons[0].check(ConnectionDone)


def test_lost_before_anybody_takes_the_response() -> None:
    case = Case().answer()
    case.exchange.lost(Failure(ConnectionDone()))
    assert isinstance(case.deliver().reason, ResponseFailed)


def test_a_producer_that_fails() -> None:
    case = Case(Producer())
    case.body.done.errback(ZeroDivisionError())
    assert isinstance(case.error, RequestGenerationFailed)
    assert case.error.reasons[0].check(ZeroDivisionError)
    assert case.stream.codes == [INTERNAL_ERROR]


def test_a_producer_that_lies() -> None:
    case = Case(Producer(length=2))
    case.body.consumer.write(b"abc")
    assert case.error.reasons[0].check(WrongBodyLength)
    assert case.stream.body == b""


def test_a_producer_that_fails_at_once() -> None:
    case = Case(Producer(breaks="start"))
    assert case.error.reasons[0].check(ZeroDivisionError)
    assert case.exchange.state is State.OVER


def test_a_producer_that_fails_after_the_response() -> None:
    case = Case(Producer()).answer()
    taker = case.deliver()
    case.body.done.errback(ZeroDivisionError())
    assert case.stream.codes == [INTERNAL_ERROR]
    assert taker.reasons == []
    case.clock.advance(0)
    assert taker.reason.reasons[0].check(RequestGenerationFailed)


def test_cancelled() -> None:
    case = Case(Producer())
    case.begun.cancel()
    assert case.result.check(CancelledError)
    assert case.stream.codes == [CANCEL]
    assert case.body.told == ["start", "stop"]


def test_cancelled_while_it_waits_for_leave() -> None:
    case = Case(Producer(), Expect="100-continue")
    case.begun.cancel()
    assert case.body.told == []
    assert case.clock.getDelayedCalls() == []


# Giving up ------------------------------------------------------------------------------


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("name", ["loseConnection", "abortConnection"])
def test_the_response_is_given_up(name: str, early: bool) -> None:
    case = Case(Producer()).answer()
    taker = case.deliver(name) if early else case.deliver()
    if not early:
        getattr(taker.transport, name)()
    assert case.stream.codes == [CANCEL]
    assert case.body.told == ["start", "stop"]
    assert taker.reasons == []
    case.clock.advance(0)
    assert isinstance(taker.reason, ResponseFailed)
    getattr(taker.transport, name)()
    taker.transport.pauseProducing()
    taker.transport.resumeProducing()
    assert len(taker.reasons) == 1


def test_a_response_that_is_whole_cannot_be_given_up() -> None:
    case = Case().answer(200, 0)
    case.exchange.ended([])
    taker = case.deliver("loseConnection")
    assert isinstance(taker.reason, ResponseDone)
    assert case.stream.codes == []


def test_a_taker_that_breaks() -> None:
    case = Case().answer()
    taker = Taker(breaks=True)
    case.result.deliverBody(taker)
    case.exchange.received(b"data")
    case.clock.advance(0)
    assert taker.reason.reasons[0].check(ZeroDivisionError)
    assert case.stream.codes == [CANCEL]


# Responses that nobody has --------------------------------------------------------------


def lose(case: Case) -> None:
    """Nobody has the response any more."""
    case.results.clear()
    del case.begun
    gc.collect()


def test_a_response_that_nobody_has() -> None:
    case = Case().answer()
    lose(case)
    case.clock.advance(0)
    assert case.stream.codes == [CANCEL]
    assert case.exchange.state is State.OVER


def test_one_that_is_not_even_looked_at() -> None:
    client = Client()
    exchange = Exchange(Request(), clock := Clock())
    exchange.begin(client, secure=True)  # type: ignore[arg-type]
    exchange.responded(200, [], None)
    gc.collect()
    clock.advance(0)
    assert client.stream.codes == [CANCEL]


def test_our_body_is_sent_all_the_same() -> None:
    case = Case(Producer()).answer()
    lose(case)
    case.clock.advance(0)
    assert case.stream.codes == []
    assert case.stream.told[-1] == "resume"
    case.exchange.received(b"dropped")
    case.body.consumer.write(b"more")
    case.body.done.callback(None)
    assert case.stream.body == b"more"
    assert case.stream.codes == [CANCEL]


@pytest.mark.parametrize("status", [302, 401, 413, 500])
def test_our_body_is_not_sent_to_who_said_no(status: int) -> None:
    case = Case(Producer()).answer(status)
    lose(case)
    case.clock.advance(0)
    assert case.stream.codes == [CANCEL]
    assert case.body.told == ["start", "stop"]


def missed(*, kept: int) -> Case:
    """Nobody has the response, and of our body so many bytes are not out."""
    case = Case(Producer()).answer()
    case.body.consumer.write(b"data")
    case.stream.outbound.kept = kept
    lose(case)
    case.clock.advance(0)
    assert case.stream.codes == []
    return case


def test_our_body_is_not_sent_for_ever() -> None:
    case = missed(kept=4)
    case.clock.advance(STALL_TIME)
    assert case.stream.codes == [CANCEL]
    assert case.body.told == ["start", "stop"]
    assert case.clock.getDelayedCalls() == []


@pytest.mark.parametrize("slow", ["server", "producer"])
def test_our_body_may_be_slow(slow: str) -> None:
    case = missed(kept=4 if slow == "server" else 0)
    for left in (3, 2, 1):
        case.stream.outbound.kept = left if slow == "server" else 0
        case.clock.advance(STALL_TIME)
        assert case.stream.codes == []
    case.exchange.ended([])
    assert case.clock.getDelayedCalls() == []


def test_all_of_our_body_is_sent() -> None:
    case = missed(kept=4)
    case.body.done.callback(None)
    assert case.stream.codes == []
    case.stream.outbound.kept = 0
    case.clock.advance(STALL_TIME)
    assert case.stream.codes == [CANCEL]
    assert case.clock.getDelayedCalls() == []


def test_it_ends_before_it_is_missed() -> None:
    case = Case().answer()
    lose(case)
    case.exchange.ended([])
    case.clock.advance(0)
    assert case.stream.codes == []


def test_a_response_that_is_taken_is_kept() -> None:
    case = Case().answer()
    taker = case.deliver()
    lose(case)
    case.clock.advance(0)
    case.exchange.received(b"data")
    case.exchange.ended([])
    assert taker.data == b"data"
    assert isinstance(taker.reason, ResponseDone)


async def test_collected_in_a_thread() -> None:
    """The collector runs in whatever thread allocates: the stream is not touched there."""
    case = Case(clock=reactor).answer()
    threads: list[Any] = []
    cancel = case.stream.cancel

    def noting(*codes: Any) -> None:
        threads.append(threading.current_thread())
        cancel(*codes)

    case.client.stream.cancel = noting
    thread = threading.Thread(target=lambda: lose(case))
    thread.start()
    thread.join()
    await deferLater(reactor, 0)
    await deferLater(reactor, 0)
    assert threads == [threading.current_thread()]


# Expect: 100-continue -------------------------------------------------------------------


def test_leave_is_waited_for() -> None:
    case = Case(Producer(), Expect="100-Continue")
    assert case.body.told == []
    case.exchange.informational(102, [])
    assert case.body.told == []
    case.exchange.informational(100, [])
    assert case.body.told == ["start"]
    case.exchange.informational(100, [])
    case.answer()


@pytest.mark.parametrize(("status", "sent"), [(200, True), (417, False), (303, False)])
def test_an_answer_instead_of_leave(status: int, sent: bool) -> None:
    case = Case(Producer(), Expect="100-continue").answer(status)
    assert case.body.told == (["start"] if sent else [])
    assert case.clock.getDelayedCalls() == []
    assert case.result.code == status
    case.exchange.refused_body()
    case.exchange.ended([])


def test_a_body_at_hand_and_an_answer_instead_of_leave() -> None:
    case = Case(RawBody(b"abc"), Expect="100-continue").answer()
    assert case.stream.body == b"abc"
    assert case.stream.codes == []
    taker = case.deliver()
    case.exchange.received(b"data")
    case.exchange.ended([])
    assert taker.data == b"data"
    assert isinstance(taker.reason, ResponseDone)


# Every state with every input -----------------------------------------------------------

INPUTS: dict[str, Any] = {
    "informational": (100, []),
    "responded": (200, [], None),
    "received": (b"data",),
    "ended": ([],),
    "refused_body": (),
    "lost": (Failure(ConnectionLost()),),
    "give_up": (Failure(ConnectionDone()),),
    "pause": (),
    "resume": (),
}

AFTER = {
    (State.ASKED, "responded"): State.ANSWERED,
    (State.ASKED, "ended"): State.OVER,
    (State.ASKED, "lost"): State.OVER,
    (State.ANSWERED, "ended"): State.OVER,
    (State.ANSWERED, "lost"): State.OVER,
    (State.ANSWERED, "give_up"): State.OVER,
}


@pytest.mark.parametrize("name", list(INPUTS))
@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("body", [True, False])
def test_every_state_with_every_input(state: State, name: str, body: bool) -> None:
    case = Case(Producer() if body else None)
    if state is not State.ASKED:
        case.answer()
        taker = case.deliver()
    if state is State.OVER:
        case.exchange.lost(Failure(StreamReset(2)))
    for _ in range(2):
        getattr(case.exchange, name)(*INPUTS[name])
    assert case.exchange.state is AFTER.get((state, name), state)
    case.clock.advance(0)
    if state is not State.ASKED:
        over = case.exchange.state is State.OVER
        assert len(taker.reasons) == (1 if over else 0)


def test_a_body_that_is_sent_by_another() -> None:
    """Whoever gets 401 asks again, with the same body, while it is still sent."""
    body = Producer()
    first = Case(body).answer(401)
    taker = first.deliver()
    second = Case(body)
    assert body.told == ["start", "stop", "start"]
    assert first.stream.codes == [CANCEL]
    first.clock.advance(0)
    assert taker.reason.reasons[0].check(RequestNotSent)
    body.done.callback(None)
    second.answer()
    assert second.result.code == 200
    assert second.exchange._upload.phase is Phase.SENT  # type: ignore[union-attr]


def test_cancelled_from_within_the_producer() -> None:
    body = Producer()

    class Canceller(Client):
        def open(self, request: Any, listener: Any, *, end: bool) -> Any:
            return super().open(request, listener, end=end)

    case = Case(body, client=Canceller())
    waiting: Deferred[Any] = case.begun
    body.pauseProducing = waiting.cancel  # type: ignore[method-assign]
    case.stream.producer.pauseProducing()
    assert case.result.check(CancelledError)


# On a real stream -----------------------------------------------------------------------


def little_room() -> tuple[Far, Asked]:
    """The second request has sent 400 bytes of the 1000 that its body has."""
    far = Far()
    far.ask()
    far.end.greet({4: 400}).answer(1, end=True)
    asked = far.ask("", b"PUT", RawBody(b"x" * 1000))
    assert len(far.end.open_requests[3].body) == 400
    return far, asked


def test_a_body_that_waits_for_room_is_sent_although_nobody_has_the_response() -> None:
    far, asked = little_room()
    far.end.answer(3, 200)
    del asked.response, asked.done
    gc.collect()
    far.advance(0)
    far.end.update(600, 3)
    request = far.end.open_requests[3]
    assert len(request.body) == 1000
    assert request.ended
    assert request.reset is None
    far.advance(STALL_TIME)
    assert far.end.open_requests[3].reset == 8
    far.close()


def test_a_reset_while_our_body_waits_for_room() -> None:
    far, asked = little_room()
    far.end.reset(3, 2)
    far.advance(0)
    assert type(asked.error) is RequestTransmissionFailed
    far.close()
