"""Delivery: bodies of stock requests and of responses, and a real server and client."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
import treq
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTCP
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    HTTPConnectionPool,
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseDone,
    ResponseFailed,
    ResponseNeverReceived,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from twisted.web.test.requesthelper import DummyChannel

from tests.body.doubles import (
    FORM_TYPE,
    MIXED_TYPE,
    Downstream,
    Outcome,
    RecordingSink,
    Upstream,
    error_of,
    multipart,
    next_of,
    value_of,
)
from txmultipart.body.delivery import (
    BodyReader,
    ResponseBody,
    deliver_response,
    get_body,
    stored_body,
)
from txmultipart.body.file_sink import FileSink
from txmultipart.body.reader import MultipartReader
from txmultipart.body.sinks import MemorySink
from txmultipart.body.writer import FormData, MultipartWriter
from txmultipart.errors import (
    LimitExceeded,
    MalformedMultipart,
    MisuseError,
    NotMultipart,
    PayloadError,
    UploadAborted,
)
from txmultipart.limits import Limits

WHOLE = multipart(("x", b"1"), ("y", b"22"))


def request_with(body: bytes, content_type: str | None = FORM_TYPE) -> Any:
    """A stock request whose body is here."""
    request = Request(DummyChannel(), False)
    request.content = io.BytesIO(body)
    if content_type is not None:
        request.requestHeaders.setRawHeaders("Content-Type", [content_type])
    return request


# Requests ----------------------------------------------------------------------------


async def test_a_stored_body_is_read_from_its_start() -> None:
    content = io.BytesIO(b"abc")
    content.seek(2)
    body = stored_body(content)
    assert body.length == 3
    assert await body.read() == b"abc"


async def test_a_stored_body_comes_in_blocks() -> None:
    body = stored_body(io.BytesIO(b"x" * 200_000))
    sizes = [len(chunk) async for chunk in body]
    assert sizes == [65536, 65536, 65536, 3392]


def test_every_call_gives_the_same_body() -> None:
    request = request_with(b"abc")
    assert get_body(request) is get_body(request)


def test_what_else_is_called_body_is_not_taken_for_one() -> None:
    request = request_with(b"abc")
    request.body = b"something of somebody else's"
    assert isinstance(get_body(request), BodyReader)


async def test_a_raw_body_has_the_bound_of_its_own() -> None:
    body = BodyReader(Limits(max_field_size=1, max_memory=2))
    body.write(b"abc")
    with pytest.raises(LimitExceeded, match="max_memory"):
        await body.read()


async def test_a_pulled_body_may_be_given_up() -> None:
    written = stored_body(io.BytesIO(b"abc")).write_to(consumer := Downstream())
    consumer.producer.stopProducing()
    with pytest.raises(CancelledError):
        await written


def test_a_stored_body_that_is_stopped_has_nothing_to_close() -> None:
    body = stored_body(content := io.BytesIO(b"abc"))
    body.close()
    assert not content.closed


async def test_a_stored_body_whose_file_is_closed_was_aborted() -> None:
    """Twisted closes it when the connection is lost."""
    body = stored_body(content := io.BytesIO(b"x" * 200_000))
    assert len(await body.read_chunk()) == 65536
    content.close()
    with pytest.raises(UploadAborted) as caught:
        await body.write_to(Downstream())
    assert caught.value.received % 65536 == 0
    assert caught.value.received > 0


async def test_a_stored_body_whose_file_was_closed_before() -> None:
    content = io.BytesIO(b"abc")
    content.close()
    body = stored_body(content)
    assert body.length is None
    with pytest.raises(UploadAborted):
        await body.read()


async def test_a_reader_of_a_stock_request() -> None:
    reader = MultipartReader.from_request(request_with(WHOLE))
    assert [(part.name, await part.read()) async for part in reader] == [
        ("x", b"1"),
        ("y", b"22"),
    ]


async def test_options_are_for_the_reader() -> None:
    limits = Limits(max_parts=1)
    reader = MultipartReader.from_request(request_with(WHOLE), limits=limits)
    with pytest.raises(LimitExceeded, match="max_parts"):
        await reader.for_each(lambda part: None)


@pytest.mark.parametrize("content_type", [None, "text/plain"])
def test_a_request_that_is_no_multipart_keeps_its_body(
    content_type: str | None,
) -> None:
    request = request_with(b"abc", content_type)
    with pytest.raises(NotMultipart):
        MultipartReader.from_request(request)
    assert request.content.read() == b"abc"


# Responses ---------------------------------------------------------------------------


class Response:
    """As much of an ``IResponse`` as is looked at."""

    def __init__(self, code: int = 200, content_type: str | None = FORM_TYPE) -> None:
        self.code = code
        self.headers = Headers()
        self.transport = Upstream()
        self.protocol: Any = None
        if content_type is not None:
            self.headers.setRawHeaders("Content-Type", [content_type])

    def deliverBody(self, protocol: Any) -> None:
        self.protocol = protocol
        protocol.makeConnection(self.transport)

    def end(self, reason: Exception) -> None:
        self.protocol.connectionLost(Failure(reason))


def test_a_response_comes_on_demand() -> None:
    response = Response()
    reader = MultipartReader.from_response(response)
    assert not response.transport.running
    asked = Outcome(reader.next_part())
    assert response.transport.running
    response.protocol.dataReceived(WHOLE)
    assert asked.fired
    assert not response.transport.running


CLEAN = {"done": ResponseDone, "perhaps not all": PotentialDataLoss}


@pytest.mark.parametrize("reason", CLEAN.values(), ids=CLEAN)
@pytest.mark.parametrize("content_type", [FORM_TYPE, MIXED_TYPE])
def test_behind_the_close_delimiter_all_is_well(
    content_type: str, reason: Callable[[], Exception]
) -> None:
    response = Response(content_type=content_type)
    reader = MultipartReader.from_response(response)
    counted = Outcome(reader.for_each(lambda part: part.read()))
    response.protocol.dataReceived(WHOLE)
    response.end(reason())
    assert counted.value == 2


@pytest.mark.parametrize("reason", CLEAN.values(), ids=CLEAN)
def test_before_it_the_end_is_an_error(reason: Callable[[], Exception]) -> None:
    response = Response()
    reader = MultipartReader.from_response(response)
    counted = Outcome(reader.for_each(lambda part: part.read()))
    response.protocol.dataReceived(WHOLE[:-10])
    response.end(reason())
    assert counted.error.args == ("the body ended in a part, before a close delimiter",)


def test_a_connection_that_is_lost_is_told_behind_what_came() -> None:
    response = Response()
    reader = MultipartReader.from_response(response)
    response.protocol.dataReceived(WHOLE[:-10])
    response.end(ResponseFailed([Failure(OSError())]))
    part = next_of(reader)
    assert value_of(part.read()) == b"1"
    part = next_of(reader)
    assert isinstance(Outcome(part.read()).error, ResponseFailed)
    assert isinstance(Outcome(reader.next_part()).error, ResponseFailed)


NO_BODIES: dict[str, tuple[Response, str]] = {
    "no content": (Response(204), "no-body"),
    "not modified": (Response(304), "no-body"),
    "an error page": (Response(500, "text/html"), "not-multipart"),
    "no type": (Response(200, None), "no-content-type"),
}


@pytest.mark.parametrize(("response", "code"), NO_BODIES.values(), ids=NO_BODIES)
def test_a_response_that_is_no_multipart_is_not_touched(
    response: Response, code: str
) -> None:
    with pytest.raises(NotMultipart) as caught:
        MultipartReader.from_response(response)
    assert caught.value.code == code
    assert response.protocol is None


def test_a_body_can_be_delivered_as_it_is() -> None:
    response, body = Response(), BodyReader()
    deliver_response(response, body)  # type: ignore[arg-type]
    read = Outcome(body.read())
    response.protocol.dataReceived(b"abc")
    response.end(ResponseDone())
    assert read.value == b"abc"


def test_a_response_goes_to_a_sink_only() -> None:
    response = Response()
    with pytest.raises(MisuseError, match="ISink"):
        deliver_response(response, Downstream())  # type: ignore[arg-type]
    assert response.protocol is None


def test_a_protocol_without_a_reason_was_closed() -> None:
    body = BodyReader()
    protocol = ResponseBody(body)
    read = Outcome(body.read())
    protocol.connectionLost()
    assert isinstance(read.error, ConnectionDone)
    assert isinstance(error_of(protocol.done), ConnectionDone)


def delivered(sink: Any) -> tuple[Response, Outcome[None]]:
    response = Response()
    return response, Outcome(deliver_response(response, sink))  # type: ignore[arg-type]


def test_a_sink_is_finished_at_the_end() -> None:
    response, done = delivered(sink := RecordingSink())
    response.protocol.dataReceived(b"abc")
    assert not done.fired
    response.end(ResponseDone())
    assert done.value is None
    assert sink.calls == ["register", "unregister", "finish"]


async def test_a_response_is_saved(tmp_path: Path) -> None:
    response = Response()
    done = deliver_response(response, FileSink(tmp_path / "a"))  # type: ignore[arg-type]
    response.protocol.dataReceived(b"abc")
    response.end(ResponseDone())
    await done
    assert (tmp_path / "a").read_bytes() == b"abc"


def test_what_a_sink_cannot_finish_is_told() -> None:
    response, done = delivered(RecordingSink(OSError("disk full")))
    response.end(ResponseDone())
    assert str(done.error) == "disk full"


def test_a_response_that_breaks_undoes_the_sink() -> None:
    response, done = delivered(sink := RecordingSink())
    response.end(ResponseFailed([Failure(OSError())]))
    assert isinstance(done.error, ResponseFailed)
    assert sink.calls == ["register", "fail", "unregister"]


@pytest.mark.parametrize("reason", [None, OSError("disk full")])
def test_a_sink_that_stops_closes_the_connection(reason: Exception | None) -> None:
    response, done = delivered(sink := RecordingSink(reason))
    sink.producer.stopProducing()
    assert response.transport.calls == ["stop"]
    response.protocol.dataReceived(b"too late")
    response.end(ResponseFailed([Failure(OSError())]))
    assert isinstance(done.error, OSError if reason else CancelledError)
    assert sink.calls == ["register", "unregister", "finish"]


def test_what_a_sinks_write_raises_closes_the_connection() -> None:
    response, done = delivered(MemorySink(2))
    response.protocol.dataReceived(b"abc")
    response.protocol.dataReceived(b"d")
    assert response.transport.calls == ["stop"]
    response.end(ResponseFailed([Failure(OSError())]))
    assert isinstance(done.error, LimitExceeded)


def test_to_cancel_a_delivery_gives_the_response_up() -> None:
    response, done = delivered(sink := RecordingSink())
    done.deferred.cancel()
    assert response.transport.calls == ["stop"]
    assert isinstance(done.error, CancelledError)
    response.end(ResponseFailed([Failure(OSError())]))
    assert sink.calls == ["register", "fail", "unregister"]
    done.deferred.cancel()


def test_to_cancel_a_delivery_that_was_stopped_changes_nothing() -> None:
    response, done = delivered(sink := RecordingSink())
    sink.producer.stopProducing()
    done.deferred.cancel()
    assert response.transport.calls == ["stop"]
    response.end(ResponseFailed([Failure(OSError())]))
    assert sink.calls == ["register", "unregister", "finish"]


@pytest.mark.parametrize(("length", "known"), [(7, 7), (UNKNOWN_LENGTH, None)])
def test_a_response_is_read_raw_too(length: Any, known: int | None) -> None:
    response: Any = Response(content_type=None)
    response.length = length
    body = BodyReader.from_response(response, limits=Limits(max_memory=3))
    assert body.length == known
    read = Outcome(body.read())
    response.protocol.dataReceived(b"abc")
    response.end(ResponseDone())
    assert read.value == b"abc"


@pytest.mark.parametrize(("length", "known"), [(7, 7), (UNKNOWN_LENGTH, None)])
def test_a_reader_knows_the_length_of_its_response(length: Any, known: Any) -> None:
    response: Any = Response()
    response.length = length
    assert MultipartReader.from_response(response).length == known


def test_a_raw_response_that_breaks_tells_whoever_reads() -> None:
    response: Any = Response()
    read = Outcome(BodyReader.from_response(response).read())
    response.end(ResponseFailed([Failure(OSError())]))
    assert isinstance(read.error, ResponseFailed)


# Over the wire -----------------------------------------------------------------------


class Echo(Resource):
    """Reads a form, and answers with a multipart of what it read."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.lengths: list[Any] = []

    def render_POST(self, request: Any) -> int:
        self.lengths.append(request.getHeader("content-length"))
        done = Deferred.fromCoroutine(self._answer(request))
        done.addErrback(request.processingFailed)
        return NOT_DONE_YET

    async def _answer(self, request: Any) -> None:
        answer = MultipartWriter("mixed")
        async for part in MultipartReader.from_request(request):
            headers = {"X-Name": part.name or "", "X-File": part.filename or ""}
            answer.append(await part.read(), headers)
        request.setHeader("content-type", answer.content_type)
        await answer.startProducing(request)
        request.finish()


class Client:
    """A client of an ``Echo``, whose site a test may change."""

    def __init__(self, port: int, site: Any) -> None:
        from twisted.internet import reactor

        self.site = site
        self.echo: Echo = site.resource
        self.url = f"http://127.0.0.1:{port}/"
        pool = HTTPConnectionPool(reactor, persistent=False)
        self.agent: Any = Agent(reactor, pool=pool)

    async def post(self, form: MultipartWriter) -> list[tuple[Any, ...]]:
        """What comes back: of each part its name, its file name and its content."""
        response = await treq.post(
            self.url, data=form, headers=form.headers, agent=self.agent, unbuffered=True
        )
        assert response.code == 200
        reader = MultipartReader.from_response(response)
        return [
            (part.headers.get("x-name"), part.headers.get("x-file"), await part.read())
            async for part in reader
        ]


@pytest_twisted.async_yield_fixture()
async def client() -> AsyncIterator[Client]:
    from twisted.internet import reactor

    site: Any = Site(Echo())
    port: Any = IReactorTCP(reactor).listenTCP(0, site, interface="127.0.0.1")
    yield Client(port.getHost().port, site)
    await port.stopListening()


async def test_a_form_there_and_a_multipart_back(
    client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "žluť.bin"
    path.write_bytes(bytes(range(256)) * 2000)
    form = FormData()
    form.add_field("text", "ž")
    form.add_file("file", path)
    form.add_file("open", io.BytesIO(b"abc"), filename="o.txt")
    length = form.length
    assert await client.post(form) == [
        ("text", "", "ž".encode()),
        ("file", "žluť.bin", path.read_bytes()),
        ("open", "o.txt", b"abc"),
    ]
    assert client.echo.lengths == [str(length)]
    # It can be sent again, and is the same again.
    assert len(await client.post(form)) == 3
    assert client.echo.lengths == [str(length)] * 2


async def test_a_body_of_unknown_length(client: Client) -> None:
    form = FormData()
    form.add_field("pieces", iter([b"a", b"", b"bc"]))
    assert form.length == UNKNOWN_LENGTH
    assert await client.post(form) == [("pieces", "", b"abc")]
    assert client.echo.lengths == [None]


async def test_a_client_of_treqs_own_works_as_well(client: Client) -> None:
    form = FormData()
    form.add_field("a", "1")
    response = await HTTPClient(client.agent).post(
        client.url, data=form, headers=form.headers
    )
    assert response.code == 200
    assert b"X-Name: a" in await response.content()


async def test_a_file_that_grew_breaks_the_request(
    client: Client, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    form = FormData()
    form.add_file("file", path)
    path.write_bytes(b"abcd")
    with pytest.raises(RequestGenerationFailed) as caught:
        await client.post(form)
    (reason,) = caught.value.reasons
    assert isinstance(reason.value, PayloadError)
    assert reason.value.part == 1


class Endless(Resource):
    """Answers with something that is no multipart, and never ends."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.gone = Deferred[object]()

    def render_GET(self, request: Any) -> int:
        request.notifyFinish().addBoth(self.gone.callback)
        request.setHeader("content-type", FORM_TYPE)
        request.write(b"no delimiter\r\n")
        return NOT_DONE_YET


async def test_a_response_that_is_malformed_is_not_waited_for(client: Client) -> None:
    endless = Endless()
    client.site.resource = endless
    response = await client.agent.request(b"GET", client.url.encode())
    reader = MultipartReader.from_response(response)
    with pytest.raises(MalformedMultipart):
        await reader.next_part()
    with pytest.raises(ConnectionDone):
        await endless.gone


class Rude(Protocol):
    """A server that hangs up in the middle of a request."""

    def dataReceived(self, data: bytes) -> None:
        transport: Any = self.transport
        transport.abortConnection()


async def test_a_server_that_hangs_up_leaves_nothing_open(client: Client) -> None:
    closed: list[bool] = []

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 100_000
        finally:
            closed.append(True)

    client.site.buildProtocol = lambda address: Rude()
    form = FormData()
    form.add_file("endless", endless())
    with pytest.raises((RequestTransmissionFailed, ResponseNeverReceived)):
        await client.post(form)
    assert closed == [True]
    assert form.state.value == "stopped"


async def test_giving_up_closes_the_connection(client: Client) -> None:
    form, never = FormData(), Deferred[bytes]()
    form.add_field("stuck", [b"a", never])
    sent = client.agent.request(b"POST", client.url.encode(), form.headers, form)
    outcome = Outcome(sent)
    while form.sent == 0:
        from twisted.internet import reactor
        from twisted.internet.task import deferLater

        await deferLater(reactor, 0)
    outcome.deferred.cancel()
    assert outcome.fired
    assert form.state.value == "stopped"


# A second reader ---------------------------------------------------------------------


async def test_a_request_is_read_once() -> None:
    request = request_with(WHOLE)
    assert await MultipartReader.from_request(request).release() == 2
    with pytest.raises(MisuseError, match="the body was read to its end already"):
        MultipartReader.from_request(request)
    with pytest.raises(MisuseError, match="the body was read to its end already"):
        get_body(request).read()


async def test_a_request_is_read_by_one_at_a_time() -> None:
    request = request_with(WHOLE)
    reader = MultipartReader.from_request(request)
    with pytest.raises(MisuseError, match="read already"):
        MultipartReader.from_request(request)
    assert await reader.release() == 2


@pytest.mark.parametrize("wrong", [request_with(b""), Headers(), 5])
def test_what_is_no_content_type(wrong: Any) -> None:
    with pytest.raises(MisuseError, match=r"is a str, not .*; use from_request"):
        MultipartReader(wrong)


def test_a_reader_of_a_response_can_be_given_up() -> None:
    response = Response()
    reader = MultipartReader.from_response(response)
    response.protocol.dataReceived(WHOLE[:-10])
    part = next_of(reader)
    reader.close()
    assert response.transport.calls[-1] == "stop"
    response.end(ResponseFailed([Failure(OSError())]))
    assert isinstance(error_of(part.read()), MisuseError)
    assert isinstance(error_of(reader.next_part()), MisuseError)


def test_what_failed_of_itself_is_stopped_by_nobody() -> None:
    response = Response()
    reader = MultipartReader.from_response(response)
    response.end(ResponseFailed([Failure(OSError())]))
    reader.close()
    assert "stop" not in response.transport.calls
