"""MultipartResource: a handler that is given parts, and answers in many ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.server import Site

from tests.guard import LoggedErrors
from tests.web.wire import (
    CHUNKED,
    FORM,
    Wire,
    chunk,
    chunks,
    cuts,
    form,
    head,
    part,
    request_bytes,
)
from txmultipart import (
    BodyReader,
    Limits,
    MisuseError,
    MultipartReader,
    MultipartResource,
    MultipartWriter,
    RawBody,
    UploadAborted,
)
from txmultipart.testing import InMemoryServer

pytestmark = pytest.mark.filterwarnings(
    "ignore:twisted.web.resource._Unsafe:DeprecationWarning"
)

Handle = Callable[[Any, MultipartReader], object]
BODY = form(part("a", b"1"), part("f", b"content", filename="f.txt"))
UPLOAD = request_bytes("POST", "/", BODY, FORM)
GET = request_bytes(target="/nowhere")


class Handler(MultipartResource):
    """Does what a test says."""

    def __init__(self, handle: Handle, limits: Limits | None = None) -> None:
        super().__init__()
        self.handle = handle
        if limits is not None:
            self.limits = limits

    def render_multipart(self, request: Any, reader: MultipartReader) -> object:
        return self.handle(request, reader)

    render_PUT = MultipartResource.render_POST


def wire_to(handle: Handle, *args: Any, limits: Limits | None = None) -> Wire:
    """A connection to a site with ``handle`` at ``/``."""
    root = Resource()
    root.putChild(b"", Handler(handle, limits))
    return Wire(root, *args)


async def collect(request: Any, reader: MultipartReader) -> bytes:
    """Read all parts, and tell about them."""
    found = [(part.name, part.filename, await part.read()) async for part in reader]
    return repr(found).encode()


COLLECTED = repr([("a", None, b"1"), ("f", "f.txt", b"content")]).encode()


class TestParts:
    """The parts arrive as they are sent."""

    def test_each_of_them(self) -> None:
        wire = wire_to(collect).send(UPLOAD + GET)
        assert [answer.status for answer in wire.answers] == [200, 404]
        assert wire.answers[0].body == COLLECTED

    def test_cut_anywhere(self) -> None:
        for pieces in cuts(UPLOAD + GET):
            wire = wire_to(collect)
            for piece in pieces:
                wire.send(piece)
            assert [answer.status for answer in wire.answers] == [200, 404]
            assert wire.answers[0].body == COLLECTED
            wire.lose()

    def test_in_chunks(self) -> None:
        pieces = (BODY[at : at + 3] for at in range(0, len(BODY), 3))
        wire = wire_to(collect).send(head("POST", "/", FORM, CHUNKED))
        assert wire.send(chunks(*pieces) + GET).answers[0].body == COLLECTED
        assert len(wire.answers) == 2

    def test_by_put(self) -> None:
        wire = wire_to(collect).send(request_bytes("PUT", "/", BODY, FORM))
        assert wire.answer.body == COLLECTED

    def test_one_after_the_other(self) -> None:
        seen: list[bytes] = []

        async def watch(request: Any, reader: MultipartReader) -> None:
            async for each in reader:
                async for piece in each:
                    seen.append(piece)

        wire = wire_to(watch).send(head("POST", "/", FORM, CHUNKED))
        first, rest = part("a", b"0123456789"), form(part("b", b"!"))
        wire.send(chunk(first[:-6]))
        assert b"".join(seen) == b"012345"
        wire.send(chunk(first[-6:]))
        wire.send(chunk(rest))
        assert b"".join(seen) == b"0123456789!"
        assert wire.raw == b""
        wire.send(chunk(b""))
        assert wire.answer.status == 204

    async def test_under_a_stock_site(self) -> None:
        finished: list[Deferred[None]] = []

        def handle(request: Any, reader: MultipartReader) -> object:
            finished.append(request.notifyFinish())
            return collect(request, reader)

        wire = wire_to(handle, Site).send(UPLOAD)
        await finished[0]
        assert wire.answer.body == COLLECTED

    def test_nobody_wrote_a_handler(self, logged_errors: LoggedErrors) -> None:
        root = Resource()
        root.putChild(b"", MultipartResource())
        wire = Wire(root).send(UPLOAD)
        assert wire.answer.json()["error"] == "internal"
        assert len(logged_errors.flush(NotImplementedError)) == 1


class Later:
    """A Deferred that fires while the request waits."""

    def __init__(self) -> None:
        self.deferred: Deferred[object] = Deferred()

    def __call__(self, request: Any, reader: MultipartReader) -> object:
        return self.deferred


async def coroutine(request: Any, reader: MultipartReader) -> bytes:
    """Answer without waiting for anything."""
    return b"answer"


WAYS: dict[str, Handle] = {
    "bytes": lambda request, reader: b"answer",
    "deferred": lambda request, reader: succeed(b"answer"),
    "coroutine": coroutine,
}


class TestResults:
    """Whatever a handler gives is sent."""

    @pytest.mark.parametrize("handle", WAYS.values(), ids=WAYS.keys())
    def test_bytes(self, handle: Handle) -> None:
        wire = wire_to(handle).send(UPLOAD + GET)
        assert [answer.status for answer in wire.answers] == [200, 404]
        assert wire.answers[0].body == b"answer"

    @pytest.mark.parametrize("result", [b"answer", None])
    def test_later(self, result: bytes | None) -> None:
        later = Later()
        wire = wire_to(later).send(UPLOAD)
        assert wire.raw == b""
        later.deferred.callback(result)
        assert wire.answer.body == (result or b"")
        assert wire.answer.status == (200 if result else 204)

    def test_nothing(self) -> None:
        wire = wire_to(lambda request, reader: None).send(UPLOAD + GET)
        assert [answer.status for answer in wire.answers] == [204, 404]

    @pytest.mark.parametrize("known", [True, False])
    def test_a_writer(self, known: bool) -> None:
        def handle(request: Any, reader: MultipartReader) -> MultipartWriter:
            writer = MultipartWriter("mixed", "x")
            writer.append(b"answer" if known else iter([b"ans", b"wer"]))
            return writer

        wire = wire_to(handle).send(UPLOAD + GET)
        found = wire.answers[0]
        assert found.headers["content-type"] == "multipart/mixed; boundary=x"
        assert ("content-length" in found.headers) is known
        assert ("transfer-encoding" in found.headers) is not known
        assert found.body.endswith(b"\r\n\r\nanswer\r\n--x--\r\n")
        assert len(wire.answers) == 2

    def test_a_writer_that_fails(self, logged_errors: LoggedErrors) -> None:
        def breaks() -> Any:
            yield bytes(1 << 16)
            raise ZeroDivisionError

        def handle(request: Any, reader: MultipartReader) -> MultipartWriter:
            writer = MultipartWriter()
            writer.append(breaks())
            return writer

        wire = wire_to(handle).send(UPLOAD)
        assert wire.raw.startswith(b"HTTP/1.1 200 OK\r\n")
        assert not wire.raw.endswith(b"0\r\n\r\n")
        assert wire.is_closed()
        assert len(logged_errors.flush()) == 1
        wire.lose()

    def test_the_parts_go_out_as_they_come_in(self) -> None:
        """A part of the request is a part of the answer."""

        async def handle(request: Any, reader: MultipartReader) -> MultipartWriter:
            writer = MultipartWriter("mixed", "x")
            first = await reader.next_part()
            assert first is not None
            writer.append(await first.read())
            return writer

        wire = wire_to(handle).send(
            request_bytes("POST", "/", form(part("a", b"1")), FORM)
        )
        assert wire.answer.body.endswith(b"\r\n\r\n1\r\n--x--\r\n")

    def test_the_wrong_thing(self, logged_errors: LoggedErrors) -> None:
        wire = wire_to(lambda request, reader: "text").send(UPLOAD + GET)
        assert [answer.status for answer in wire.answers] == [500, 404]
        assert wire.answers[0].json()["error"] == "internal"
        assert len(logged_errors.flush(MisuseError)) == 1

    def test_a_handler_that_finishes_by_itself(self) -> None:
        async def handle(request: Any, reader: MultipartReader) -> None:
            request.write(b"answer")
            request.finish()

        wire = wire_to(handle).send(UPLOAD + GET)
        assert [answer.status for answer in wire.answers] == [200, 404]


def raises(error: Exception) -> Handle:
    """A handler that raises ``error``."""

    def handle(request: Any, reader: MultipartReader) -> object:
        raise error

    return handle


class TestErrors:
    """One line of JSON each, and the connection goes on."""

    def test_a_bug(self, logged_errors: LoggedErrors) -> None:
        wire = wire_to(raises(ZeroDivisionError("secret"))).send(UPLOAD + GET)
        assert [answer.status for answer in wire.answers] == [500, 404]
        assert b"secret" not in wire.raw
        assert len(logged_errors.flush(ZeroDivisionError)) == 1

    def test_a_bug_in_the_middle_of_a_coroutine(
        self, logged_errors: LoggedErrors
    ) -> None:
        async def handle(request: Any, reader: MultipartReader) -> None:
            await reader.next_part()
            raise ZeroDivisionError

        wire = wire_to(handle).send(UPLOAD + GET)
        assert [answer.status for answer in wire.answers] == [500, 404]
        assert len(logged_errors.flush(ZeroDivisionError)) == 1

    def test_after_the_headers_were_sent(self, logged_errors: LoggedErrors) -> None:
        async def handle(request: Any, reader: MultipartReader) -> None:
            request.write(b"so far so good")
            raise ZeroDivisionError

        wire = wire_to(handle).send(UPLOAD)
        assert wire.raw.endswith(b"so far so good\r\n")
        assert wire.is_closed()
        assert len(logged_errors.flush(ZeroDivisionError)) == 1
        wire.lose()

    @pytest.mark.parametrize(
        ("limits", "status", "limit"),
        [
            (Limits(max_field_size=3), 413, "max_field_size"),
            (Limits(max_part_size=3), 413, "max_part_size"),
            (Limits(max_body_size=30), 413, "max_body_size"),
            (Limits(max_parts=1), 413, "max_parts"),
            (Limits(max_header_line=50), 431, "max_header_line"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_a_limit(self, limits: Limits, status: int, limit: str) -> None:
        wire = wire_to(collect, limits=limits).send(UPLOAD + GET)
        assert [answer.status for answer in wire.answers] == [status, 404]
        told = wire.answers[0].json()
        assert told["error"] == "limit-exceeded"
        assert (told["limit"], told["bound"]) == (limit, getattr(limits, limit))

    @pytest.mark.parametrize("sent", [100, 900, None], ids=["some", "most", "all"])
    def test_a_limit_in_the_middle_of_a_part(self, sent: int | None) -> None:
        """The handler gives up although the part goes on."""
        upload = request_bytes("POST", "/", form(part("a", bytes(1000))), FORM)
        at = len(upload) - 1000 + sent if sent else len(upload)
        wire = wire_to(collect, limits=Limits(max_field_size=3)).send(upload[:at])
        wire.send(upload[at:] + GET)
        assert [answer.status for answer in wire.answers] == [413, 404]

    def test_a_limit_with_much_to_come(self) -> None:
        wire = wire_to(collect, limits=Limits(max_field_size=3))
        length = f"Content-Length: {1 << 30}"
        wire.send(head("POST", "/", FORM, length) + part("a", bytes(1000)))
        assert wire.answer.status == 413
        assert wire.answer.headers["connection"] == "close"
        assert wire.transport.reading
        wire.clock.advance(5)
        assert wire.is_closed()
        wire.lose()

    @pytest.mark.parametrize(
        ("headers", "status", "code"),
        [
            ((), 415, "no-content-type"),
            (("Content-Type: text/plain",), 415, "not-multipart"),
            (("Content-Type: multipart/form-data",), 415, "no-boundary"),
        ],
        ids=["none", "wrong", "no boundary"],
    )
    def test_no_multipart(
        self, headers: tuple[str, ...], status: int, code: str
    ) -> None:
        wire = wire_to(collect).send(request_bytes("POST", "/", BODY, *headers) + GET)
        assert [answer.status for answer in wire.answers] == [status, 404]
        assert wire.answers[0].json()["error"] == code

    @pytest.mark.parametrize(
        "body",
        [BODY[:-10], b"", b"secret", BODY + b"secret", b"secret" + BODY],
        ids=["truncated", "empty", "none", "behind", "before"],
    )
    def test_malformed(self, body: bytes) -> None:
        wire = wire_to(collect).send(head("POST", "/", FORM, CHUNKED))
        wire.send(chunks(*([body] if body else [])))
        assert wire.answer.status == 400
        assert wire.answer.json()["error"]
        assert b"secret" not in wire.raw

    def test_a_handler_that_does_not_look(self) -> None:
        """Nobody reads, so nobody hears that it is not even a multipart body."""
        wire = wire_to(lambda request, reader: b"answer")
        wire.send(request_bytes("POST", "/", b"secret", FORM) + GET)
        assert [answer.status for answer in wire.answers] == [200, 404]


class TestGone:
    """The peer goes away."""

    def test_in_the_middle_of_a_part(self) -> None:
        seen: list[Exception] = []

        async def handle(request: Any, reader: MultipartReader) -> bytes:
            try:
                return await collect(request, reader)
            except Exception as error:
                seen.append(error)
                raise

        wire = wire_to(handle).send(UPLOAD[:-20])
        wire.lose()
        (error,) = seen
        assert isinstance(error, UploadAborted)
        assert wire.raw == b""

    def test_while_the_handler_waits_for_something_else(self) -> None:
        seen: list[str] = []

        async def handle(request: Any, reader: MultipartReader) -> bytes:
            waiting: Deferred[bytes] = Deferred(lambda _: seen.append("cancelled"))
            return await waiting

        wire = wire_to(handle).send(UPLOAD).lose()
        assert seen == ["cancelled"]
        assert wire.raw == b""

    def test_a_handler_that_cleans_up_in_peace(self) -> None:
        seen: list[object] = []

        async def handle(request: Any, reader: MultipartReader) -> bytes:
            try:
                return await Deferred()
            except CancelledError:
                seen.append("told")
                return b"nobody reads this"

        wire = wire_to(handle).send(UPLOAD).lose()
        assert seen == ["told"]
        assert wire.raw == b""

    def test_a_handler_that_fails_in_cleaning_up(
        self, logged_errors: LoggedErrors
    ) -> None:
        async def handle(request: Any, reader: MultipartReader) -> bytes:
            try:
                return await Deferred()
            except CancelledError:
                raise ZeroDivisionError from None

        wire_to(handle).send(UPLOAD).lose()
        assert len(logged_errors.flush(ZeroDivisionError)) == 1

    def test_while_the_answer_is_written(self) -> None:
        closed: list[bool] = []

        def endless() -> Any:
            try:
                while True:
                    yield bytes(1 << 16)
            finally:
                closed.append(True)

        def handle(request: Any, reader: MultipartReader) -> MultipartWriter:
            writer = MultipartWriter()
            writer.append(endless())
            return writer

        wire = wire_to(handle)
        # A real transport is full at some time.
        write = wire.transport.write

        def fills_up(data: bytes) -> None:
            write(data)
            wire.transport.producer.pauseProducing()

        wire.transport.write = fills_up  # type: ignore[method-assign]
        wire.send(UPLOAD).lose()
        assert closed == [True]


class Reading(Handler):
    """Has a page, too."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return b"a page"


class Leaf(MultipartResource):
    """Is all that there is."""

    isLeaf = True

    async def render_multipart(self, request: Any, reader: MultipartReader) -> bytes:
        return await collect(request, reader)


class WithHead(Leaf):
    """Answers HEAD, although there is no page."""

    def render_HEAD(self, request: Any) -> bytes:
        return b""


class Said(Leaf):
    """Says itself what is allowed."""

    allowedMethods = (b"POST", b"BREW")


METHODS: dict[tuple[type[MultipartResource], str], tuple[int, str | None]] = {
    (Leaf, "GET"): (405, "POST"),
    (Leaf, "HEAD"): (405, "POST"),
    (Leaf, "DELETE"): (501, None),
    (Leaf, "multipart"): (501, None),
    (Leaf, "POST"): (200, None),
    (Leaf, "post"): (501, None),
    (WithHead, "HEAD"): (200, None),
    (WithHead, "GET"): (405, "HEAD, POST"),
    (Said, "GET"): (405, "POST, BREW"),
    (Said, "multipart"): (501, None),
}


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
@pytest.mark.parametrize(("kind", "method"), METHODS)
def test_methods(kind: type[MultipartResource], method: str, protocol: str) -> None:
    """Nothing is logged, and the next request is answered."""
    server = InMemoryServer(kind(), protocol=protocol)
    fields = Headers({"Content-Type": [FORM.partition(": ")[2]]})
    sends = method in ("POST", "post", "multipart", "DELETE")
    body = RawBody(BODY) if sends else None
    for verb in (method, method, "POST"):
        upload = RawBody(BODY) if verb == "POST" else body
        url = b"http://example.test/"
        sending = server.agent.request(verb.encode(), url, fields, upload)
        response: Any = server.run(sending)
        content = server.run(BodyReader.from_response(response).read())
        if verb == method:
            status, allowed = METHODS[kind, method]
            allow = response.headers.getRawHeaders("Allow")
            assert (response.code, allow) == (status, allowed and [allowed])
        if verb == "POST":
            assert content == COLLECTED
    server.close()
    server.pump()


@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
def test_a_page_has_a_head(protocol: str) -> None:
    server = InMemoryServer(Reading(collect), protocol=protocol)
    for method, body in ((b"GET", b"a page"), (b"HEAD", b"")):
        response: Any = server.run(server.agent.request(method, b"http://x.test/"))
        assert (
            response.code,
            server.run(BodyReader.from_response(response).read()),
        ) == (200, body)
    sending = server.agent.request(b"DELETE", b"http://x.test/")
    assert server.run(sending).code == 501
    server.close()
    server.pump()


@pytest.mark.parametrize("method", ["multipart", "HEAD", "GET"])
def test_methods_under_a_stock_site(method: str) -> None:
    wire = Wire(Leaf(), Site).send(request_bytes(method) + UPLOAD)
    status = b"501 Not Implemented" if method == "multipart" else b"405 Method Not"
    assert wire.raw.startswith(b"HTTP/1.1 " + status)
    assert (b"Allow: POST\r\n" in wire.raw) is (method != "multipart")
    wire.lose()
