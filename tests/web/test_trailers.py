"""Fields behind a body, in both directions, on HTTP/1.1 and HTTP/2."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.web.http_headers import Headers
from twisted.web.resource import EncodingResourceWrapper, Resource
from twisted.web.server import GzipEncoderFactory
from twisted.web.util import DeferredResource

from tests.http2.client import Client
from tests.http2.resources import Taker, Writer
from tests.web.wire import CHUNKED, Wire, chunks, head, request_bytes
from txmultipart.http2 import NOT_BEHIND, UnsendableFields
from txmultipart.http2.fields import OF_CONNECTION
from txmultipart.http2.outgoing import trailer_fields
from txmultipart.web import trailers

pytestmark = pytest.mark.filterwarnings(
    "ignore:twisted.web.resource._Unsafe:DeprecationWarning"
)

X_SUM = b"X-Sum"


class Summed(Resource):
    """Answers with a sum behind the body; ``length``: and says how long that is."""

    isLeaf = True

    def __init__(self, *, late: bool = False, length: bool = False) -> None:
        super().__init__()
        self.late, self.length = late, length

    def render_GET(self, request: Any) -> bytes:
        if self.length:
            request.setHeader(b"Content-Length", b"5")
        if self.late:
            request.write(b"")
        request.responseTrailers.setRawHeaders(X_SUM, [b"1", b"2"])
        return b"hello"


class Wrong(Resource):
    """Its trailers cannot be sent."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        request.responseTrailers.setRawHeaders(b"Set-Cookie", [b"a=b"])
        return b"hello"


class Heard(Resource):
    """An ordinary resource that answers with what came behind the body."""

    isLeaf = True

    def render_PUT(self, request: Any) -> bytes:
        return repr(sorted(request.trailers.getAllRawHeaders())).encode()


class TestAnswersOnHTTP1:
    """They follow the last chunk (RFC 9112 section 7.1.2)."""

    @pytest.mark.parametrize(
        ("late", "length"), [(True, False), (False, False), (False, True)]
    )
    def test_behind_the_last_chunk(self, late: bool, length: bool) -> None:
        wire = Wire(Summed(late=late, length=length)).send(request_bytes() * 2)
        ends = b"5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n"
        assert wire.raw.count(ends) == 2
        assert wire.raw.endswith(ends)
        assert (b"Trailer: X-Sum\r\n" in wire.raw) is not late
        assert [answer.body for answer in wire.answers] == [b"hello"] * 2
        wire.lose()

    def test_too_late_for_an_answer_with_a_length(self) -> None:
        wire = Wire(Summed(length=True, late=True)).send(request_bytes())
        assert wire.raw.endswith(b"\r\n\r\nhello")
        wire.lose()

    def test_nor_where_there_are_no_chunks(self) -> None:
        wire = Wire(Summed()).send(request_bytes(version="HTTP/1.0"))
        assert wire.raw.endswith(b"\r\n\r\nhello")
        head_of = Wire(Summed(length=True)).send(request_bytes("HEAD"))
        assert head_of.raw.endswith(b"\r\n\r\n")
        assert b"Content-Length: 5" in head_of.raw
        head_of.lose()

    def test_behind_what_an_encoder_says_last(self) -> None:
        root = EncodingResourceWrapper(Summed(), [GzipEncoderFactory()])
        wire = Wire(root).send(
            request_bytes("GET", "/", None, "Accept-Encoding: gzip") + request_bytes()
        )
        first, second = wire.answers
        assert first.headers["content-encoding"] == "gzip"
        assert wire.raw.count(b"\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\n\r\n") == 2
        assert second.body == b"hello"
        wire.lose()

    def test_an_answer_before_the_end_of_the_body(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(head("PUT", "/", "Content-Length: 10"))
        taker.requests[0].responseTrailers.setRawHeaders(X_SUM, [b"1"])
        taker.requests[0].finish()
        assert wire.raw.endswith(b"\r\n\r\n0\r\nX-Sum: 1\r\n\r\n")
        wire.send(bytes(10))
        assert "write" not in vars(wire.channel)
        wire.lose()

    def test_a_field_that_cannot_stand_there(self) -> None:
        writer = Writer()
        wire = Wire(writer).send(request_bytes())
        (request,) = writer.requests
        for name, value in ((b"Content-Length", b"1"), (b"X", b"a\x01")):
            request.responseTrailers.setRawHeaders(name, [value])
            with pytest.raises(ValueError, match="cannot stand behind"):
                request.finish()
            request.responseTrailers.removeHeader(name)
        request.finish()
        assert wire.answer.body == b""
        wire.lose()

    @pytest.mark.parametrize("code", [204, 304])
    def test_an_answer_without_a_body_has_none(self, code: int) -> None:
        """Nor has it chunks, though whoever encodes it may think so."""
        writer = Writer()
        encoded = EncodingResourceWrapper(writer, [GzipEncoderFactory()])
        wire = Wire(encoded)
        for at in range(2):
            wire.send(request_bytes("GET", "/", None, "Accept-Encoding: gzip"))
            writer.requests[at].setResponseCode(code)
            writer.requests[at].responseTrailers.setRawHeaders(X_SUM, [b"1"])
            writer.requests[at].finish()
            assert wire.raw.endswith(b"\r\n\r\n")
        assert [answer.status for answer in wire.answers] == [code, code]
        assert not wire.is_closed()
        wire.lose()

    def test_a_resource_that_sets_one_which_cannot_stand_there(
        self, logged_errors: Any
    ) -> None:
        wire = Wire(Wrong()).send(request_bytes())
        assert wire.answer.status == 500
        assert not wire.is_closed()
        assert len(logged_errors.flush(ValueError)) == 1
        wire.lose()
        assert wire.clock.getDelayedCalls() == []

    def test_nobody_is_there(self) -> None:
        writer = Writer()
        wire = Wire(writer).send(request_bytes())
        writer.requests[0].responseTrailers.setRawHeaders(X_SUM, [b"1"])
        wire.lose()
        with pytest.raises(RuntimeError):
            writer.requests[0].finish()


class TestAnswersOnHTTP2:
    """They are a header block of their own (RFC 9113 section 8.1)."""

    @pytest.mark.parametrize("late", [True, False])
    @pytest.mark.parametrize("length", [True, False])
    def test_behind_the_last_frame(self, late: bool, length: bool) -> None:
        client = Client(Summed(late=late, length=length))
        answer = client.answers[client.request()]
        first, last = answer.heads
        assert first[":status"] == "200"
        assert ("trailer" in first) is not late
        assert last == {"x-sum": "2"}
        assert (answer.body, answer.ended) == (b"hello", True)
        assert client.code is None
        client.lose()

    def test_they_wait_for_the_body(self) -> None:
        client = Client(Summed(), window=3)
        answer = client.answers[client.request()]
        assert len(answer.heads) == 1
        client.update(2, 1)
        assert len(answer.heads) == 2
        assert answer.ended
        client.lose()

    def test_an_answer_without_a_body_has_none(self) -> None:
        client = Client(Summed())
        answer = client.answers[client.request("HEAD", "/")]
        assert (len(answer.heads), answer.ended) == (1, True)
        client.lose()

    def test_a_field_that_cannot_stand_there(self) -> None:
        writer = Writer()
        client = Client(writer)
        client.request()
        (request,) = writer.requests
        request.responseTrailers.setRawHeaders(b"Host", [b"a"])
        with pytest.raises(ValueError, match="cannot stand behind"):
            request.finish()
        client.lose()

    def test_a_resource_that_sets_one_which_cannot_stand_there(
        self, logged_errors: Any
    ) -> None:
        client = Client(Wrong())
        answer = client.answers[client.request()]
        assert (answer.status, answer.ended) == (500, True)
        assert client.connection.streams == {}
        assert len(logged_errors.flush(ValueError)) == 1
        client.lose()


class TestRequests:
    """``request.trailers`` has them when the body has ended."""

    def http1(self, resource: Any, *lines: bytes) -> Wire:
        body = chunks(b"abc")[:-2] + b"".join(line + b"\r\n" for line in lines)
        return Wire(resource).send(head("PUT", "/", CHUNKED) + body + b"\r\n")

    def test_on_http1(self) -> None:
        wire = self.http1(Heard(), b"X-Sum: 1", b"x-sum:2 ", b"Y:")
        found = [(b"X-Sum", [b"1", b"2"]), (b"Y", [b""])]
        assert wire.answer.body == repr(found).encode()
        wire.lose()

    def test_a_resource_that_is_found_after_the_body(self) -> None:
        found: Deferred[Any] = Deferred()
        wire = Wire(DeferredResource(found))
        body = chunks(b"abc")[:-2] + b"X-Sum: 1\r\n\r\n"
        wire.send(head("PUT", "/", CHUNKED) + body)
        found.callback(Heard())
        assert wire.answer.body == b"[(b'X-Sum', [b'1'])]"
        wire.lose()

    def test_what_cannot_stand_there_is_left_out(self) -> None:
        lines = [b"Host: a", b"Content-Length: 9", b"no field", b"X: a\x01", b" X: 1"]
        wire = self.http1(Heard(), *lines)
        assert wire.answer.body == b"[]"
        wire.lose()

    def test_while_the_body_streams(self) -> None:
        taker = Taker()
        wire = self.http1(taker, b"X-Sum: 1")
        pieces = taker.take()
        wire.run()
        assert pieces == [b"abc"]
        trailers: Headers = taker.requests[0].trailers
        assert trailers.getRawHeaders(X_SUM) == [b"1"]
        taker.answer()
        wire.lose()

    @pytest.mark.parametrize("streams", [True, False])
    def test_on_http2(self, streams: bool) -> None:
        taker = Taker()
        client = Client(taker if streams else Heard())
        stream_id = client.request("PUT", "/", end=False)
        client.data(stream_id, b"abc")
        fields = [("x-sum", "1"), ("host", "a"), ("x-sum", "2")]
        if streams:
            pieces = taker.take()
            assert list(taker.requests[0].trailers.getAllRawHeaders()) == []
        client.send(client.head(fields, stream_id))
        if streams:
            assert pieces == [b"abc"]
            found = list(taker.requests[0].trailers.getAllRawHeaders())
            taker.answer()
        else:
            assert client.answers[stream_id].body.startswith(b"[(b'X-Sum'")
            found = [(b"X-Sum", [b"1", b"2"])]
        assert found == [(b"X-Sum", [b"1", b"2"])]
        client.lose()

    def test_without_a_body_there_are_none(self) -> None:
        writer = Writer()
        wire = Wire(writer).send(request_bytes())
        assert list(writer.requests[0].trailers.getAllRawHeaders()) == []
        wire.lose()


def test_lines_and_back() -> None:
    fields = trailers.parse_lines([b"A: 1", b"b:\t2\t", b"C:", b"", b":x", b"a b: 1"])
    assert fields == [(b"A", b"1"), (b"b", b"2"), (b"C", b"")]
    assert trailers.as_lines(fields) == b"A: 1\r\nb: 2\r\nC: \r\n"


@pytest.mark.parametrize("name", sorted(NOT_BEHIND))
def test_one_list_says_what_cannot_stand_behind(name: bytes) -> None:
    """For what we send on either side, and for what comes."""
    assert trailers.allowed([(name, b"1"), (b"x-sum", b"1")]) == [(b"x-sum", b"1")]
    with pytest.raises(UnsendableFields):
        trailers.outgoing(Headers({name: [b"1"]}))
    if name not in OF_CONNECTION:  # those are left out
        with pytest.raises(UnsendableFields):
            trailer_fields([(name, b"trailers")])
