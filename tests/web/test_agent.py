"""MultipartAgent tells the type of what is sent, unless the caller does."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionRefusedError
from twisted.web.client import FileBodyProducer
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txmultipart import FormData, LivePayload, MultipartAgent
from txmultipart.body.producer import RawBody
from txmultipart.web.redirect import ReplayingRedirectAgent


@implementer(IAgent)
class Refused:
    """An agent that has no connection."""

    def request(self, *args: Any) -> Deferred[Any]:
        return fail(ConnectionRefusedError())


async def test_a_request_that_never_began_tells_its_body() -> None:
    form, live = FormData(), LivePayload()
    form.add_file("live", live)
    waiting = live.write(b"x")
    with pytest.raises(ConnectionRefusedError):
        await MultipartAgent(Refused()).request(b"POST", b"http://x.test/", None, form)
    await waiting
    assert live.closed
    # So is one that another agent wraps.
    form, live = FormData(), LivePayload()
    form.add_file("live", live)
    agent = ReplayingRedirectAgent(MultipartAgent(Refused()))
    with pytest.raises(ConnectionRefusedError):
        await agent.request(b"POST", b"http://x.test/", None, form)
    assert live.closed
    # A body that lies still can be sent all the same.
    still = FormData(fields={"a": "1"})
    with pytest.raises(ConnectionRefusedError):
        await MultipartAgent(Refused()).request(b"POST", b"http://x.test/", None, still)
    assert await still.as_bytes()


async def test_a_body_that_is_under_way_is_left_to_whoever_sends_it() -> None:
    form, live = FormData(), LivePayload()
    form.add_file("live", live)
    done = form.as_bytes()
    with pytest.raises(ConnectionRefusedError):
        await MultipartAgent(Refused()).request(b"POST", b"http://x.test/", None, form)
    live.finish()
    assert await done


@implementer(IAgent)
class Recorder:
    """Keeps what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def request(
        self, method: bytes, uri: bytes, headers: Any = None, bodyProducer: Any = None
    ) -> Deferred[Any]:
        self.asked.append((method, uri, headers, bodyProducer))
        return Deferred()


def sent_headers(headers: Headers | None, body: Any) -> dict[bytes, list[bytes]]:
    recorder = Recorder()
    agent = MultipartAgent(recorder)
    verifyObject(IAgent, agent)
    agent.request(b"POST", b"http://example.test/", headers, body)
    ((method, uri, passed, producer),) = recorder.asked
    assert (method, uri) == (b"POST", b"http://example.test/")
    assert producer is body
    return {name: list(values) for name, values in passed.getAllRawHeaders()}


def test_a_form_says_what_it_is() -> None:
    form = FormData("frontier")
    expected = {b"Content-Type": [b"multipart/form-data; boundary=frontier"]}
    assert sent_headers(None, form) == expected
    assert sent_headers(Headers(), form) == expected


def test_the_caller_knows_better() -> None:
    given = Headers({"content-type": ["text/plain"], "X": ["1"]})
    assert sent_headers(given, FormData()) == {
        b"Content-Type": [b"text/plain"],
        b"X": [b"1"],
    }


def test_the_callers_headers_are_left_alone() -> None:
    given = Headers()
    assert b"Content-Type" in sent_headers(given, FormData())
    assert list(given.getAllRawHeaders()) == []


@pytest.mark.parametrize(
    "body",
    [None, FileBodyProducer(__import__("io").BytesIO()), RawBody(b"bytes of no type")],
    ids=["none", "stock", "raw"],
)
def test_a_body_that_has_no_type(body: Any) -> None:
    content_type = getattr(body, "content_type", None)
    expected = (
        {} if content_type is None else {b"Content-Type": [content_type.encode()]}
    )
    assert sent_headers(None, body) == expected
