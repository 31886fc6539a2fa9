"""Relay: heads that are wrong, odd or sly, of senders and of upstreams."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher
from twisted.python.failure import Failure
from twisted.web.client import ResponseFailed, ResponseNeverReceived
from twisted.web.http_headers import Headers
from twisted.web.resource import Resource
from twisted.web.test.requesthelper import DummyRequest

from tests.web.test_relay import PROTOCOLS, URL, Chain, change, never
from txmultipart import FormData, MalformedMultipart, MisuseError, RawBody
from txmultipart.testing import InMemoryServer
from txmultipart.web import relay_fields
from txmultipart.web.relay import Relay
from txmultipart.web.sending import Sending


class Bytes(Protocol):
    """Writes ``says`` when a whole head has come; keeps what came."""

    def __init__(self, says: bytes = b"") -> None:
        self.got, self.says = b"", says
        self.is_lost = False

    def dataReceived(self, data: bytes) -> None:
        self.got += data
        if b"\r\n\r\n" in self.got and self.transport is not None:
            says, self.says = self.says, b""
            self.transport.write(says)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.is_lost = True


class Ends(Factory):
    """Ends that write ``says``."""

    def __init__(self, says: bytes = b"") -> None:
        self.says, self.made = says, list[Bytes]()

    def buildProtocol(self, address: Any) -> Bytes:
        self.made.append(Bytes(self.says))
        return self.made[-1]


def asked(chain: Chain, message: bytes) -> bytes:
    """What a sender hears who writes these bytes."""
    sender = chain.run(chain.front.connect(Ends()))
    sender.transport.write(message)
    chain.front.pump()
    return bytes(sender.got)


def get(path: bytes = b"/", *fields: bytes, method: bytes = b"GET") -> bytes:
    lines = [method + b" " + path + b" HTTP/1.1", b"Host: relay.test", *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


# What a sender says ---------------------------------------------------------------------


@pytest.mark.parametrize("upstream", PROTOCOLS)
@pytest.mark.parametrize(
    "name", [b"Via", b"X-Forwarded-For", b"Content-Type", b"X-Any"]
)
def test_bytes_of_no_charset_go_on(name: bytes, upstream: str) -> None:
    chain = Chain(lambda request: b"", "http/1.1", upstream)
    assert b" 200 " in asked(chain, get(b"/", name + b": \xe9"))
    (request,) = chain.upstream.requests
    values = request.requestHeaders.getRawHeaders(name)
    assert values[0].split(b",")[0] == b"\xe9"
    chain.close()


def test_a_host_of_no_charset() -> None:
    chain = Chain(lambda request: b"", "http/1.1", "http/1.1")
    assert b" 200 " in asked(chain, b"GET / HTTP/1.1\r\nHost: \xe9\r\n\r\n")
    (request,) = chain.upstream.requests
    assert request.requestHeaders.getRawHeaders(b"X-Forwarded-Host") == [b"\xe9"]
    chain.close()


@pytest.mark.parametrize(
    "path",
    [b"/a\x7f", b"/?\x7f", b"http://relay.test/", b"/a#b", b"/a?b#c", b"/a#/../b"],
)
def test_a_path_that_is_none(path: bytes) -> None:
    chain = Chain(lambda request: b"", "http/1.1")
    said = asked(chain, get(path))
    assert b" 400 " in said
    assert b'"bad-path"' in said
    assert chain.upstream.requests == []
    chain.close()


@pytest.mark.parametrize(
    "path",
    [
        b"/..;/y",
        b"/..;a=b/y",
        b"/%2e%2e;/y",
        b"/..%3b/y",
        b"/.;/y",
        b"/x/..;",
        b"/a%2f..;/y",
    ],
)
def test_dots_with_parameters_climb_as_well(path: bytes) -> None:
    """Some servers cut parameters off before they look at the dots."""
    chain = Chain(lambda request: b"", "http/1.1")
    said = asked(chain, get(path))
    assert b" 400 " in said
    assert b'"bad-path"' in said
    assert chain.upstream.requests == []
    chain.close()


@pytest.mark.parametrize("path", [b"/a;..", b"/a;b/...;/c", b"/a%23b", b"/a?..;"])
def test_other_parameters_go_on(path: bytes) -> None:
    chain = Chain(lambda request: request.uri, "http/1.1")
    assert asked(chain, get(path)).endswith(path)
    chain.close()


@pytest.mark.parametrize("path", [b"/\xe9", b"/?\xe9", b"/a\x7f", b"/a b"])
def test_a_path_of_no_charset(path: bytes) -> None:
    """HTTP/1.1 of Twisted refuses some of them before; others may not."""
    request = DummyRequest([])
    request.uri = path
    with pytest.raises(MalformedMultipart) as caught:
        relay_fields.target(b"http://upstream.test", request)
    assert caught.value.code == "bad-path"


def test_two_hosts() -> None:
    chain = Chain(lambda request: b"", "http/1.1")
    said = asked(chain, get(b"/", b"Host: other.test"))
    assert b" 400 " in said
    assert b'"bad-host"' in said
    chain.close()


def test_a_tunnel() -> None:
    chain = Chain(lambda request: b"", "http/1.1")
    assert b" 501 " in asked(chain, get(b"/a", method=b"CONNECT"))
    assert chain.upstream.requests == []
    chain.close()


def test_a_method_that_is_none() -> None:
    class Odd(Relay):
        def render(self, request: Any) -> int:
            request.method = b"G T"  # other versions of Twisted may let it pass
            return super().render(request)

    chain = Chain(lambda request: b"")
    chain.front.site.resource = Odd(
        chain.clock, "http://upstream.test", agent=chain.behind.agent
    )
    code, said = chain.answer("GET")
    assert (code, json.loads(said)["error"]) == (400, "bad-method")
    chain.close()


FORM = b'--b\r\nContent-Disposition: form-data; name="secret"\r\n\r\nx\r\n--b--\r\n'

TYPES = {
    "two": b"multipart/form-data; boundary=b\r\nContent-Type: text/plain",
    "two, the other way": b"text/plain\r\nContent-Type: multipart/form-data; boundary=b",
    "a list": b"text/plain, multipart/form-data; boundary=b",
    "an empty element": b",multipart/form-data; boundary=b",
    "in quotes": b'"multipart/form-data"; boundary=b',
    "a space": b"multipart /form-data; boundary=b",
    "a control": b"\x0bmultipart/form-data; boundary=b",
    "no subtype": b"multipart/; boundary=b",
    "two subtypes": b"multipart/x y; boundary=b",
    "nothing": b"",
}


@pytest.mark.parametrize("kind", TYPES)
def test_a_change_is_not_passed_by(kind: str) -> None:
    chain = Chain(never, "http/1.1", change=change)
    fields = (b"Content-Type: " + TYPES[kind], b"Content-Length: %d" % len(FORM))
    said = asked(chain, get(b"/", *fields, method=b"POST") + FORM)
    assert b" 400 " in said
    assert b'"bad-content-type"' in said
    assert chain.upstream.requests == []
    chain.close()


def test_a_parameter_with_a_line_end_is_left_out() -> None:
    chain = Chain(
        lambda request: request.getHeader("Content-Type").encode(), change=change
    )
    kind = "multipart/mixed; boundary=b; t*0*=utf-8''%0d%0aEvil; u=1"
    headers = {"Content-Type": kind}
    code, said = chain.answer("POST", RawBody(b"--b--\r\n"), headers=headers)
    assert code == 200
    assert b"Evil" not in said.replace(b"%0d%0aEvil", b"")
    assert b"\r" not in said
    assert b'u="1"' in said
    chain.close()


def test_a_digest_of_other_bytes_stays_behind() -> None:
    chain = Chain(lambda request: b"", change=change)
    names = ("Content-MD5", "Digest", "Content-Digest", "Repr-Digest")
    form = FormData()
    form.add_field("a", "1")
    assert chain.answer("POST", form, headers=dict.fromkeys(names, "x"))[0] == 200
    chain.relay._change = None
    assert (
        chain.answer("PUT", RawBody(b"1"), headers=dict.fromkeys(names, "x"))[0] == 200
    )
    changed, raw = (request.requestHeaders for request in chain.upstream.requests)
    assert not any(changed.hasHeader(name) for name in names)
    assert all(raw.hasHeader(name) for name in names)
    chain.close()


def test_a_change_that_ends_an_iteration_is_no_end(logged_errors: Any) -> None:
    def broken(part: Any, payload: Any) -> Any:
        raise StopAsyncIteration

    chain = Chain(never, change=broken)
    form = FormData()
    form.add_field("a", "b")
    code, said = chain.answer("POST", form)
    assert (code, json.loads(said)["error"]) == (500, "internal")
    assert len(logged_errors.flush(RuntimeError)) == 1
    chain.close()


# What an upstream answers ---------------------------------------------------------------

NONSENSE = {
    "99": b"99 low\r\n",
    "1000": b"1000 high\r\n",
    "600": b"600 none\r\n",
    "000": b"000 none\r\n",
    "-200": b"-200 less\r\n",
    "CR in the phrase": b"200 a\rSet-Cookie: x\r\n",
    "NUL in the phrase": b"200 a\0b\r\n",
    "NUL in a value": b"200 OK\r\nX-A: a\0b\r\n",
    "a control in a value": b"200 OK\r\nX-A: a\x7fb\r\n",
}


@pytest.mark.parametrize("sender", PROTOCOLS)
@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_of_an_upstream(kind: str, sender: str) -> None:
    chain = Chain(never, sender, "http/1.1")
    head = b"HTTP/1.1 " + NONSENSE[kind] + b"Content-Length: 2\r\n\r\n"
    behind: Any = Ends(head)
    chain.behind.site = behind
    code, said = chain.answer("GET")
    assert (code, json.loads(said)["error"]) == (502, "upstream-failed")
    chain.front.pump()
    assert [end.is_lost for end in behind.made] == [True]
    chain.close()


@pytest.mark.parametrize("sender", PROTOCOLS)
def test_odd_heads_that_come_back_as_they_are(sender: str) -> None:
    chain = Chain(never, sender, "http/1.1")
    head = b"HTTP/1.1 599 \xe9\r\nX-A: \xe9\tb\r\nContent-Length: 0\r\n\r\n"
    behind: Any = Ends(head)
    chain.behind.site = behind
    response = chain.run(chain.send("GET"))
    assert response.code == 599
    assert response.headers.getRawHeaders(b"X-A") == [b"\xe9\tb"]
    # What the upstream did not say is not made up.
    assert not response.headers.hasHeader("Content-Type")
    chain.close()


def test_what_an_answers_connection_names_stays_behind() -> None:
    chain = Chain(never, "h2", "http/1.1")
    head = b"HTTP/1.1 200 OK\r\nConnection: x-secret, Other\r\nX-Secret: 1\r\n"
    behind: Any = Ends(head + b"X-Kept: 2\r\nContent-Length: 0\r\n\r\n")
    chain.behind.site = behind
    response = chain.run(chain.send("GET"))
    assert not response.headers.hasHeader("X-Secret")
    assert response.headers.getRawHeaders("X-Kept") == ["2"]
    chain.close()


def test_an_early_answers_connection() -> None:
    """One that comes while the body is being sent goes another way."""
    chain = Chain(never, "http/1.1", "http/1.1")
    head = b"HTTP/1.1 200 OK\r\nConnection: x-secret\r\nX-Secret: 1\r\n"
    behind: Any = Ends(head + b"Content-Length: 0\r\n\r\n")
    chain.behind.site = behind
    said = asked(chain, get(b"/", b"Content-Length: 9", method=b"POST") + b"begun")
    assert b" 200 " in said
    assert b"X-Secret" not in said
    chain.close()


@pytest.mark.parametrize("sender", PROTOCOLS)
@pytest.mark.parametrize("breaks", [False, True])
def test_an_answer_that_ends_with_its_connection(breaks: bool, sender: str) -> None:
    chain = Chain(never, sender, "http/1.1")
    behind: Any = Ends(b"HTTP/1.1 200 OK\r\n\r\nthe beginning")
    chain.behind.site = behind
    response = chain.run(chain.send("GET", unbuffered=True))
    upstream = behind.made[0].transport
    (upstream.abortConnection if breaks else upstream.loseConnection)()
    if breaks:
        with pytest.raises(ResponseFailed):
            chain.run(response.content())
    else:
        assert chain.run(response.content()) == b"the beginning"
    chain.close()


# Whose fault it was ---------------------------------------------------------------------


class Waiting:
    """An agent that is cancelled with ``error``, or fails when it is asked."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def request(self, *arguments: Any) -> Deferred[Any]:
        return Deferred(lambda done: done.errback(self.error))


GONE = {
    "while it waits": ResponseNeverReceived([Failure(CancelledError())]),
    "while it connects": ConnectingCancelledError(None),
}


@pytest.mark.parametrize("kind", GONE)
def test_a_sender_that_has_gone_is_not_the_upstreams_fault(kind: str) -> None:
    said: list[Any] = []
    observer: Any = said.append
    agent: Any = Waiting(GONE[kind])
    clock = Clock()
    front = InMemoryServer(Relay(clock, URL, agent=agent), clock=clock)
    sending = front.client.get(URL)
    front.pump()
    sending.addErrback(lambda _: None)
    globalLogPublisher.addObserver(observer)
    sending.cancel()
    front.pump()
    globalLogPublisher.removeObserver(observer)
    assert [event for event in said if event["log_level"] >= LogLevel.warn] == []
    front.close()
    front.pump()


async def test_an_agent_that_raises_failed() -> None:
    class Raising:
        def request(self, *arguments: Any) -> Deferred[Any]:
            raise ZeroDivisionError

    agent: Any = Raising()
    clock = Clock()
    with pytest.raises(Exception, match="ZeroDivisionError") as caught:
        await Sending(clock, 1.0, None).ask(agent, b"GET", b"http://a/", Headers())
    assert caught.value.code == "upstream-failed"  # type: ignore[attr-defined]
    assert clock.getDelayedCalls() == []


# Where it goes --------------------------------------------------------------------------

BAD_URLS = [
    "http://h?",
    "http://h/#",
    "http://h:99999/",
    "http://h:abc/",
    "http://h:/",
    "http://[::1/",
    "http://h/ x",
    "http://h/\r\nX: 1",
    "http://h/\x7f",
    " http://h",
    "http://u@h",
    "http://@h/",
    "http:///x",
    "http://h\\@evil/",
    "ftp://h",
    "http://ž.test/",
]


@pytest.mark.parametrize("url", BAD_URLS)
def test_urls_of_no_upstream(url: str) -> None:
    with pytest.raises(MisuseError):
        Relay(Clock(), url)


@pytest.mark.parametrize(
    "url", ["http://h", "HTTP://h:80/a%20b", "https://[::1]:8443/"]
)
def test_urls_of_an_upstream(url: str) -> None:
    class Asked:
        url = b""

        def request(self, method: bytes, url: bytes, *arguments: Any) -> Deferred[Any]:
            self.url = url
            return fail(ZeroDivisionError())

    agent: Any = Asked()
    root = Resource()
    root.putChild(b"", Relay(Clock(), url, agent=agent))
    front = InMemoryServer(root)
    assert front.run(front.client.get(URL)).code == 502
    assert agent.url == (url + "/" if url == "http://h" else url).encode()
    front.close()
    front.pump()
