"""What a handler gave becomes an answer; what went wrong, one line of JSON."""

from __future__ import annotations

import errno
from collections.abc import Callable
from io import BytesIO
from typing import Any, cast

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import FileBodyProducer
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

import txmultipart
from tests.guard import LoggedErrors
from tests.web.wire import Wire, request_bytes
from txmultipart import (
    FormData,
    LimitExceeded,
    LiveWriter,
    MalformedMultipart,
    MisuseError,
    MixedReplaceWriter,
    MultipartWriter,
    NotMultipart,
    PayloadError,
    TruncatedMultipart,
    UploadAborted,
)
from txmultipart.web import answer as answering
from txmultipart.web.answer import answer, answer_error, answer_with, describe


class Asked(Resource):
    """Keeps its request, which a test then answers."""

    isLeaf = True
    request: Any

    def render(self, request: Any) -> int:
        self.request = request
        return NOT_DONE_YET


def asked() -> tuple[Wire, Any]:
    """A connection, and the request that waits on it for its answer."""
    resource = Asked()
    return Wire(resource).send(request_bytes()), resource.request


@implementer(IBodyProducer)
class Producer:
    """A body that a test writes and ends by hand."""

    def __init__(self, length: Any = UNKNOWN_LENGTH) -> None:
        self.length = length
        self.done: Deferred[None] = Deferred()
        self.consumer: Any = None
        self.told: list[str] = []

    def startProducing(self, consumer: Any) -> Deferred[None]:
        self.consumer = consumer
        return self.done

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class TestResults:
    """Bytes, a writer, nothing, and what is none of these."""

    @pytest.mark.parametrize("content", [b"", b"content"])
    def test_bytes(self, content: bytes) -> None:
        wire, request = asked()
        answer(request, content)
        assert wire.answer.status == 200
        assert wire.answer.body == content
        assert wire.answer.headers["content-length"] == str(len(content))
        assert not wire.is_closed()

    def test_nothing(self) -> None:
        wire, request = asked()
        answer(request, None)
        assert wire.answer.status == 204
        assert wire.answer.body == b""

    def test_a_writer_of_known_length(self) -> None:
        wire, request = asked()
        writer = MultipartWriter("mixed", "frontier")
        writer.append(b"content")
        answer(request, writer)
        found = wire.answer
        assert found.headers["content-type"] == "multipart/mixed; boundary=frontier"
        assert found.headers["content-length"] == str(len(found.body))
        assert found.body.startswith(b"--frontier\r\n")
        assert found.body.endswith(b"content\r\n--frontier--\r\n")

    def test_a_writer_of_unknown_length(self) -> None:
        wire, request = asked()
        form = FormData("frontier")
        form.add_file("f", iter([b"con", b"tent"]), filename="f")
        answer(request, form)
        assert wire.answer.headers["transfer-encoding"] == "chunked"
        assert wire.answer.body.endswith(b"content\r\n--frontier--\r\n")

    def test_a_type_that_is_set_already_stays(self) -> None:
        wire, request = asked()
        request.setHeader(b"Content-Type", b"text/plain")
        answer(request, FormData())
        assert wire.answer.headers["content-type"] == "text/plain"

    async def test_a_producer_of_somebody_else(self) -> None:
        wire, request = asked()
        finished = request.notifyFinish()
        answer(request, FileBodyProducer(BytesIO(b"content")))
        await finished
        assert wire.answer.body == b"content"
        assert wire.answer.headers["content-type"] == "text/html"

    @pytest.mark.parametrize("result", ["text", 1, object(), bytearray(b"x")])
    def test_something_else(self, result: object, logged_errors: LoggedErrors) -> None:
        wire, request = asked()
        answer(request, result)
        assert wire.answer.status == 500
        assert wire.answer.json()["error"] == "internal"
        (error,) = logged_errors.flush(MisuseError)
        assert type(result).__name__ in str(error)

    def test_nobody_is_there(self) -> None:
        for result in (b"content", None, FormData(), "text"):
            wire, request = asked()
            wire.lose()
            answer(request, result)
            assert wire.raw == b""

    def test_it_was_answered_already(self) -> None:
        wire, request = asked()
        request.finish()
        answer(request, b"content")
        assert wire.answer.body == b""


class TestProducers:
    """A body that is produced while it is sent."""

    def test_it_goes_at_the_pace_of_the_connection(self) -> None:
        wire, request = asked()
        producer = Producer()
        answer(request, producer)
        wire.transport.producer.pauseProducing()
        wire.transport.producer.resumeProducing()
        producer.consumer.write(b"content")
        producer.done.callback(None)
        assert producer.told == ["pause", "resume"]
        assert wire.answer.body == b"content"
        assert not wire.is_closed()

    def test_it_breaks_off(self, logged_errors: LoggedErrors) -> None:
        wire, request = asked()
        producer = Producer(length=10)
        answer(request, producer)
        producer.consumer.write(b"conte")
        producer.done.errback(ZeroDivisionError())
        assert wire.is_closed()
        assert wire.raw.endswith(b"\r\n\r\nconte")
        assert len(logged_errors.flush(ZeroDivisionError)) == 1
        wire.lose()

    def test_it_breaks_before_the_first_byte(self, logged_errors: LoggedErrors) -> None:
        wire, request = asked()
        producer = Producer(length=10)
        answer(request, producer)
        producer.done.errback(ZeroDivisionError())
        assert wire.answer.status == 500
        assert wire.answer.json()["error"] == "internal"
        assert not wire.is_closed()
        assert len(logged_errors.flush(ZeroDivisionError)) == 1

    def test_it_does_not_even_start(self, logged_errors: LoggedErrors) -> None:
        form = FormData()
        form.add_file("f", iter([b"content"]), filename="f")
        first, request = asked()
        answer(request, form)
        assert first.answer.status == 200
        second, request = asked()
        answer(request, form)
        assert second.answer.json()["error"] == "internal"
        assert len(logged_errors.flush(PayloadError)) == 1

    def test_the_peer_goes_away(self) -> None:
        wire, request = asked()
        producer = Producer()
        answer(request, producer)
        wire.lose()
        assert producer.told == ["stop"]

    def test_the_peer_goes_away_and_it_breaks(
        self, logged_errors: LoggedErrors
    ) -> None:
        wire, request = asked()
        producer = Producer()
        answer(request, producer)
        wire.lose()
        producer.done.errback(ZeroDivisionError())
        assert len(logged_errors.flush(ZeroDivisionError)) == 1

    @pytest.mark.parametrize("drained", [False, True])
    def test_a_transport_that_is_full_already_is_not_filled(
        self, drained: bool
    ) -> None:
        wire, request = asked()
        request.write(b"first")
        wire.channel.pauseProducing()  # the transport is full
        if drained:
            wire.channel.resumeProducing()
        writer = MultipartWriter("mixed", "frontier")
        writer.append([b"x" * 1_000_000] * 10)
        before = len(wire.raw)
        answer(request, writer)
        assert (len(wire.raw) > before) is drained
        if not drained:
            wire.channel.resumeProducing()
        assert wire.raw.count(b"x") >= 10_000_000

    async def test_nor_by_a_producer_that_cannot_be_paused_before_it_starts(
        self,
    ) -> None:
        wire, request = asked()
        finished = request.notifyFinish()
        request.write(b"first")
        wire.channel.pauseProducing()
        answer(request, FileBodyProducer(BytesIO(b"content")))
        await deferLater(reactor, 0)
        assert b"content" not in wire.raw
        wire.channel.resumeProducing()
        await finished
        assert b"content" in wire.raw

    def test_one_that_is_registered_by_hand_is_told_if_it_can_bear_it(self) -> None:
        wire, request = asked()
        request.write(b"first")
        wire.channel.pauseProducing()
        request.registerProducer(FileBodyProducer(BytesIO(b"content")), True)
        request.unregisterProducer()

    def test_a_parameter_of_a_type_may_hold_any_text(self) -> None:
        wire, request = asked()
        answer(request, MultipartWriter("mixed", "b", params={"title": "ž"}))
        assert 'title="ž"'.encode() in wire.raw


SENDERS_FAULT = {
    "malformed": (MalformedMultipart("x", code="bad-x", offset=5, part=2), 400),
    "truncated": (TruncatedMultipart("x"), 400),
    "not-multipart": (NotMultipart("x"), 415),
    "too-large": (LimitExceeded("max_part_size", 10), 413),
    "headers-too-large": (LimitExceeded("max_header_line", 10), 431),
    "aborted": (UploadAborted(5), 400),
}

DISKS_FAULT = {
    "full": (errno.ENOSPC, 507, "disk-full"),
    "quota": (errno.EDQUOT, 507, "disk-full"),
}

OUR_FAULT = {
    "a file of ours": OSError(errno.ENOENT, "secret", "/secret/path"),
    "bug": ZeroDivisionError("secret"),
    "misuse": MisuseError("secret"),
    "payload": PayloadError("secret"),
    "disk": OSError(errno.EIO, "secret"),
    "nameless": OSError("secret"),
    "cancelled": CancelledError("secret"),
}


class TestErrors:
    """Whose fault it is decides who is told."""

    @pytest.mark.parametrize(
        ("error", "status"), SENDERS_FAULT.values(), ids=SENDERS_FAULT.keys()
    )
    def test_the_sender_is_told_what_it_did(self, error: Any, status: int) -> None:
        wire, request = asked()
        answer_error(request, Failure(error))
        assert wire.answer.status == status
        told = wire.answer.json()
        assert told["error"] == error.code
        assert told["message"]
        assert not wire.is_closed()

    def test_the_place_is_told(self) -> None:
        error = MalformedMultipart("a message", code="bad-x", offset=5, part=2)
        assert describe(Failure(error)) == (
            400,
            {"error": "bad-x", "message": "a message", "offset": 5, "part": 2},
        )

    def test_the_limit_is_told(self) -> None:
        _, problem = describe(Failure(LimitExceeded("max_parts", 3)))
        assert (problem["limit"], problem["bound"]) == ("max_parts", 3)

    @pytest.mark.parametrize(
        ("number", "status", "code"), DISKS_FAULT.values(), ids=DISKS_FAULT.keys()
    )
    def test_the_disk_refused(self, number: int, status: int, code: str) -> None:
        wire, request = asked()
        error = OSError(number, "secret", "/secret/path")
        answer_error(request, Failure(error))
        assert wire.answer.status == status
        assert wire.answer.json()["error"] == code
        assert b"secret" not in wire.raw

    @pytest.mark.parametrize("error", OUR_FAULT.values(), ids=OUR_FAULT.keys())
    def test_our_fault_is_logged_and_not_told(
        self, error: Exception, logged_errors: LoggedErrors
    ) -> None:
        wire, request = asked()
        answer_error(request, Failure(error))
        assert wire.answer.status == 500
        assert wire.answer.json()["error"] == "internal"
        assert b"secret" not in wire.raw
        assert logged_errors.flush() == [error]

    def test_part_of_the_answer_is_out_already(
        self, logged_errors: LoggedErrors
    ) -> None:
        wire, request = asked()
        request.setHeader(b"Content-Length", b"100")
        request.write(b"content")
        before = wire.raw
        answer_error(request, Failure(ZeroDivisionError()))
        assert wire.raw == before
        assert wire.is_closed()
        assert len(logged_errors.flush(ZeroDivisionError)) == 1
        wire.lose()

    @pytest.mark.parametrize("error", [UploadAborted(5), CancelledError()])
    def test_nobody_is_there_and_nothing_is_logged(
        self, error: Exception, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        logged: list[Any] = []
        log = Logger(observer=cast(Any, logged.append))
        monkeypatch.setattr(answering, "_log", log)
        wire, request = asked()
        wire.lose()
        answer_error(request, Failure(error))
        assert (wire.raw, logged) == (b"", [])

    def test_nobody_is_there_and_a_bug_is_logged(
        self, logged_errors: LoggedErrors
    ) -> None:
        wire, request = asked()
        wire.lose()
        answer_error(request, Failure(ZeroDivisionError()))
        assert len(logged_errors.flush(ZeroDivisionError)) == 1


def test_a_result_may_be_waited_for() -> None:
    wire, request = asked()
    for deferred in (succeed(b"content"), fail(UploadAborted())):
        deferred.addCallbacks(
            lambda result: answer(request, result),
            lambda failure: answer_error(request, failure),
        )
    assert wire.answer.body == b"content"


class Plain(Resource):
    """An ordinary resource that answers with what a test says."""

    isLeaf = True

    def __init__(self, result: Any) -> None:
        super().__init__()
        self.result = result

    def render_GET(self, request: Any) -> int:
        return answer_with(request, self.result)


async def later(result: object) -> object:
    return result


def frontier() -> MultipartWriter:
    writer = MultipartWriter("mixed", "frontier")
    writer.append(b"content")
    return writer


WAYS: dict[str, Callable[[object], Any]] = {
    "now": lambda result: result,
    "a Deferred": succeed,
    "a coroutine": later,
}
each_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


class TestOrdinaryResources:
    """Any resource may answer with a writer."""

    @each_way
    def test_a_writer(self, way: Callable[[object], Any]) -> None:
        found = Wire(Plain(way(frontier()))).send(request_bytes()).answer
        assert found.headers["content-type"] == "multipart/mixed; boundary=frontier"
        assert found.headers["content-length"] == str(len(found.body))
        assert found.body.endswith(b"content\r\n--frontier--\r\n")

    @each_way
    def test_an_error(
        self, way: Callable[[object], Any], logged_errors: LoggedErrors
    ) -> None:
        found = Wire(Plain(way("text"))).send(request_bytes()).answer
        assert found.status == 500
        assert len(logged_errors.flush(MisuseError)) == 1

    def test_the_fault_of_the_sender(self) -> None:
        found = Wire(Plain(fail(NotMultipart("x")))).send(request_bytes()).answer
        assert (found.status, found.json()["error"]) == (415, "not-multipart")

    def test_what_is_waited_for_is_cancelled_when_the_peer_goes(self) -> None:
        waiting: Deferred[bytes] = Deferred()
        wire = Wire(Plain(waiting)).send(request_bytes())
        wire.lose()
        assert waiting.called

    def test_only_the_head(self) -> None:
        head = request_bytes("HEAD")
        for result, length in ((frontier(), True), (MixedReplaceWriter(), False)):
            wire = Wire(Plain(result)).send(head + request_bytes())
            first = wire.raw.partition(b"\r\n\r\n")[0]
            assert first.startswith(b"HTTP/1.1 200 OK\r\n")
            assert (b"Content-Length: " in first) is length
            assert b"Content-Type: multipart/" in first
            # The connection is free for the next: nothing of the body was sent.
            assert wire.raw.partition(b"\r\n\r\n")[2].startswith(b"HTTP/1.1 200 OK\r\n")
            wire.lose()

    def test_the_head_of_one_that_has_nothing_to_say_yet(self) -> None:
        wire = Wire(Plain(LiveWriter("related", "b"))).send(request_bytes())
        head, _, body = wire.raw.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert body == b"5\r\n--b\r\n\r\n"
        wire.lose()

    def test_it_is_exported(self) -> None:
        assert txmultipart.answer_with is answer_with
