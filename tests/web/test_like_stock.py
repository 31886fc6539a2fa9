"""Ordinary resources under a StreamingSite: byte for byte as under a stock Site.

Each case is said to both, in memory, and everything that can be seen is compared:
the bytes that come back, whether the connection is closed, the access log, and what
``notifyFinish`` told.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import klein
import pytest
from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm, Portal
from twisted.internet.defer import succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock, deferLater
from twisted.web import guard, server, util, vhost
from twisted.web.resource import EncodingResourceWrapper, IResource, Resource
from twisted.web.server import NOT_DONE_YET, GzipEncoderFactory, Site
from zope.interface import implementer

from tests.guard import LoggedErrors
from tests.web.wire import (
    CHUNKED,
    FORM,
    Wire,
    chunks,
    cuts,
    form,
    head,
    part,
    request_bytes,
)
from txmultipart.web.site import StreamingSite

# Twisted warns of its own pages, which it has not replaced yet.
pytestmark = pytest.mark.filterwarnings(
    "ignore:twisted.web.resource._Unsafe:DeprecationWarning"
)

URLENCODED = "Content-Type: application/x-www-form-urlencoded"
MakeRoot = Callable[[Clock], IResource]


class Mirror(Resource):
    """Answers with all that a resource can see of a request."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        headers = sorted(request.requestHeaders.getAllRawHeaders())
        line = (request.method, request.uri, request.path, request.clientproto)
        place = (request.prepath, request.postpath, request.getRequestHostname())
        body = (request.args, request.content.read(), request.content.tell())
        return repr((line, place, headers, request.isSecure(), body)).encode()

    render_POST = render_PUT = render_GET


class Narrow(Resource):
    """Takes GET only."""

    def render_GET(self, request: Any) -> bytes:
        return b"here you are"


class Text(Resource):
    """Says one thing to everybody."""

    isLeaf = True

    def __init__(self, text: bytes) -> None:
        super().__init__()
        self.text = text

    def render(self, request: Any) -> bytes:
        return self.text


class Broken(Resource):
    """Raises when it is rendered."""

    def render(self, request: Any) -> bytes:
        raise ZeroDivisionError


class BrokenOnTheWay(Resource):
    """Raises when a child is looked up."""

    def getChild(self, path: bytes, request: Any) -> Resource:
        raise ZeroDivisionError


class Slow(Resource):
    """Answers after a while, in pieces, and keeps what notifyFinish told."""

    isLeaf = True

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.told: list[object] = []

    def render(self, request: Any) -> int:
        request.notifyFinish().addBoth(self.told.append)
        request.write(request.content.read() + b", ")
        self.clock.callLater(1, self.finish, request)
        return NOT_DONE_YET

    def finish(self, request: Any) -> None:
        if not request._disconnected:
            request.write(b"at last")
            request.finish()


class ByContent(Resource):
    """Chooses the child by what the body says."""

    def getChild(self, path: bytes, request: Any) -> Resource:
        return Text(b"for " + request.content.read())


class ByDeferred(Resource):
    """Finds its children later."""

    def __init__(self, clock: Clock, delay: float | None) -> None:
        super().__init__()
        self.clock = clock
        self.delay = delay

    def getChild(self, path: bytes, request: Any) -> Any:
        if self.delay is None:
            return util.DeferredResource(succeed(Mirror()))
        return util.DeferredResource(deferLater(self.clock, self.delay, Mirror))


@implementer(IRealm)
class Realm:
    """Everybody is given the same resource."""

    def __init__(self, avatar: IResource) -> None:
        self.avatar = avatar

    def requestAvatar(self, who: object, mind: object, *interfaces: object) -> Any:
        return IResource, self.avatar, lambda: None


@implementer(ICredentialsChecker)
class Checker:
    """Knows one user, and may take a second to think."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, clock: Clock, delay: float | None) -> None:
        self.clock = clock
        self.delay = delay

    def requestAvatarId(self, credentials: Any) -> Any:
        thought = succeed(None)
        if self.delay is not None:
            thought = deferLater(self.clock, self.delay, lambda: None)
        return thought.addCallback(lambda _: self.check(credentials))

    def check(self, credentials: Any) -> bytes:
        if not credentials.checkPassword(b"sesame"):
            raise UnauthorizedLogin
        name: bytes = credentials.username
        return name


def guarded(avatar: IResource, clock: Clock, delay: float | None = None) -> IResource:
    """``avatar`` behind basic authentication."""
    portal = Portal(Realm(avatar), [Checker(clock, delay)])
    basic = guard.BasicCredentialFactory(b"here")
    wrapped: IResource = guard.HTTPAuthSessionWrapper(portal, [basic])
    return wrapped


def credentials(password: str) -> str:
    """A header that says who we are."""
    return "Authorization: Basic " + b64encode(f"me:{password}".encode()).decode()


GOOD, BAD = credentials("sesame"), credentials("abracadabra")


def tree(clock: Clock) -> IResource:
    """One of each kind."""
    root = Resource()
    root.putChild(b"mirror", Mirror())
    root.putChild(b"narrow", Narrow())
    root.putChild(b"broken", Broken())
    root.putChild(b"broken-way", BrokenOnTheWay())
    root.putChild(b"slow", Slow(clock))
    root.putChild(b"content", ByContent())
    root.putChild(b"now", ByDeferred(clock, None))
    root.putChild(b"later", ByDeferred(clock, 1))
    root.putChild(b"guard", guarded(Mirror(), clock))
    root.putChild(b"slow-guard", guarded(Mirror(), clock, 1))
    root.putChild(b"monster", vhost.VHostMonsterResource())
    gzip = [GzipEncoderFactory()]
    root.putChild(b"gzip", EncodingResourceWrapper(Mirror(), gzip))
    root.putChild(b"app", klein_app(clock))
    return root


def klein_app(clock: Clock) -> IResource:
    """Routes that answer at once, later, and not at all."""
    app = klein.Klein()

    @app.route("/now/<name>", methods=["GET", "POST"])
    def now(request: Any, name: str) -> bytes:
        body: bytes = request.content.read()
        return name.encode() + b": " + body + repr(request.args).encode()

    @app.route("/later", methods=["POST"])
    async def later(request: Any) -> bytes:
        await deferLater(clock, 1, lambda: None)
        body: bytes = request.content.read()
        return b"later " + body

    @app.route("/broken", methods=["POST"])
    async def broken(request: Any) -> bytes:
        raise ZeroDivisionError

    resource: IResource = app.resource()
    return resource


def hosts(clock: Clock) -> IResource:
    """Two virtual hosts, and one of them is met by its root."""
    root: Any = vhost.NameVirtualHost()
    root.default = Text(b"any host")
    root.addHost(b"example.test", Mirror())
    root.addHost(b"tree.test", tree(clock))
    return cast(IResource, root)


class Seen(NamedTuple):
    """Everything that can be seen of a conversation."""

    raw: bytes
    closed: bool
    log: bytes


def converse(
    make_site: Callable[..., Site], make_root: MakeRoot, segments: tuple[bytes, ...]
) -> Seen:
    clock = Clock()
    wire = Wire(make_root(clock), make_site, clock=clock)
    for segment in segments:
        wire.send(segment)
    for _ in range(5):
        clock.advance(1)
        wire.run()
    assert wire.unread == 0 or wire.is_closed()
    seen = Seen(wire.raw, wire.is_closed(), wire.log.getvalue())
    wire.lose()
    return seen


def same(*segments: bytes, root: MakeRoot = tree) -> Seen:
    """What both sites show, which has to be the same."""
    stock = converse(Site, root, segments)
    ours = converse(StreamingSite, root, segments)
    assert ours == stock
    return stock


MULTIPART = form(part("a", b"1"), part("f", b"\r\n--x\r\n", filename="f.bin"))
GET = request_bytes(target="/mirror/last?q=1")

CASES = {
    "query": (request_bytes(target="/mirror?a=1&a=2&b="), 200),
    "body-of-a-GET": (request_bytes("GET", "/mirror", b"odd"), 200),
    "urlencoded": (request_bytes("POST", "/mirror?a=0", b"a=1&b=2", URLENCODED), 200),
    "multipart": (request_bytes("POST", "/mirror?q=1", MULTIPART, FORM), 200),
    "multipart-in-chunks": (
        head("POST", "/mirror", FORM, CHUNKED) + chunks(MULTIPART),
        200,
    ),
    "multipart-bad": (request_bytes("POST", "/mirror", b"--", FORM + '"'), None),
    "put": (request_bytes("PUT", "/mirror/a/b%2Fc", b"content"), 200),
    "put-in-chunks": (head("PUT", "/mirror", CHUNKED) + chunks(b"con", b"tent"), 200),
    "empty": (request_bytes("POST", "/mirror", b""), 200),
    "empty-in-chunks": (head("POST", "/mirror", CHUNKED) + chunks(), 200),
    "missing": (request_bytes("POST", "/nowhere", b"content"), 404),
    "missing-in-chunks": (head("POST", "/nowhere", CHUNKED) + chunks(b"x"), 404),
    "head": (request_bytes("HEAD", "/mirror"), None),
    "head-with-body": (request_bytes("HEAD", "/narrow", b"odd"), None),
    "not-allowed": (request_bytes("POST", "/narrow", b"content"), 405),
    "not-allowed-in-chunks": (head("PUT", "/narrow", CHUNKED) + chunks(b"x"), 501),
    "unheard-of": (request_bytes("BREW", "/narrow", b"content"), 501),
    "star": (request_bytes("OPTIONS", "*", b"odd"), 200),
    "old": (request_bytes("POST", "/mirror", b"odd", version="HTTP/1.0"), 200),
    "last": (request_bytes("POST", "/mirror", b"bye", "Connection: close"), 200),
    "by-content": (request_bytes("POST", "/content/x", b"content"), 200),
    "by-content-in-chunks": (
        head("POST", "/content/x", CHUNKED) + chunks(b"con", b"tent"),
        200,
    ),
    "by-content-empty": (request_bytes("GET", "/content/x"), 200),
    "deferred-at-once": (request_bytes("POST", "/now/x", b"a=1", URLENCODED), 200),
    "deferred": (request_bytes("POST", "/later/x", b"a=1", URLENCODED), 200),
    "deferred-in-chunks": (head("PUT", "/later/x", CHUNKED) + chunks(b"x"), 200),
    "guard-lets-in": (request_bytes("POST", "/guard/x", b"content", GOOD), 200),
    "guard-refuses": (request_bytes("POST", "/guard/x", b"content", BAD), 401),
    "guard-asks": (request_bytes("POST", "/guard/x", b"content"), 401),
    "guard-nonsense": (
        request_bytes("PUT", "/guard", b"content", "Authorization: Basic %"),
        401,
    ),
    "guard-at-its-root": (request_bytes("POST", "/guard", b"content", GOOD), 200),
    "slow-guard-lets-in": (request_bytes("PUT", "/slow-guard", b"x", GOOD), 200),
    "slow-guard-refuses": (request_bytes("PUT", "/slow-guard", b"x", BAD), 401),
    "monster": (
        request_bytes("POST", "/monster/http/else.test:81/mirror/x?q=1", b"content"),
        200,
    ),
    "gzip": (request_bytes("POST", "/gzip", b"x", "Accept-Encoding: gzip"), None),
    "gzip-unwanted": (request_bytes("POST", "/gzip", b"content"), 200),
    "klein": (request_bytes("POST", "/app/now/me", b"a=1", URLENCODED), 200),
    "klein-later": (request_bytes("POST", "/app/later", b"content"), 200),
    "klein-missing": (request_bytes("POST", "/app/nowhere", b"content"), 404),
    "klein-not-allowed": (request_bytes("PUT", "/app/later", b"content"), 405),
    "slow": (request_bytes("POST", "/slow", b"content"), 200),
    "expect": (
        request_bytes("PUT", "/mirror", b"content", "Expect: 100-continue"),
        200,
    ),
    "expect-something-else": (
        request_bytes("PUT", "/mirror", b"content", "Expect: a miracle"),
        200,
    ),
    "expect-of-old": (
        request_bytes(
            "PUT", "/mirror", b"x", "Expect: 100-continue", version="HTTP/1.0"
        ),
        200,
    ),
    "expect-for-nothing": (
        request_bytes("PUT", "/mirror", b"", "Expect: 100-continue"),
        200,
    ),
    "bad-length": (head("PUT", "/mirror", "Content-Length: -1") + b"x", None),
    "two-lengths": (head("PUT", "/mirror", CHUNKED, "Content-Length: 1"), None),
    "bad-chunk": (head("PUT", "/mirror", CHUNKED) + b"3\r\nabc\r\nzz\r\n", None),
}

each_case = pytest.mark.parametrize(
    ("sent", "status"), CASES.values(), ids=CASES.keys()
)


@each_case
def test_alone_and_followed_by_another(sent: bytes, status: int | None) -> None:
    alone = same(sent)
    assert alone.raw
    assert status is None or re.search(rb"HTTP/1\.[01] %d " % status, alone.raw)
    followed = same(sent + GET)
    assert followed.closed or followed.raw.startswith(alone.raw)


@each_case
def test_cut_anywhere(sent: bytes, status: int | None) -> None:
    whole = converse(StreamingSite, tree, (sent + GET,))
    for pieces in cuts(sent + GET):
        assert converse(StreamingSite, tree, pieces) == whole


def test_byte_by_byte() -> None:
    sent = b"".join(CASES[name][0] for name in ("multipart", "put-in-chunks", "klein"))
    assert same(*(sent[at : at + 1] for at in range(len(sent)))) == same(sent)


@pytest.mark.parametrize("target", ["/broken", "/broken-way/x", "/app/broken"])
def test_a_resource_that_raises(target: str, logged_errors: LoggedErrors) -> None:
    seen = same(request_bytes("POST", target, b"content") + GET)
    assert seen.raw.startswith(b"HTTP/1.1 500 ")
    assert b"HTTP/1.1 200 OK" in seen.raw
    assert len(logged_errors.flush(ZeroDivisionError)) == 2


def test_two_uploads_and_a_get_in_one_segment() -> None:
    put = head("PUT", "/mirror", CHUNKED) + chunks(b"con", b"tent")
    seen = same(put + put + GET)
    assert seen.raw.count(b"HTTP/1.1 200 OK") == 3
    assert not seen.closed


def test_a_body_too_large_for_memory() -> None:
    content = bytes(range(256)) * 1000
    same(request_bytes("POST", "/mirror", content) + GET)
    same(request_bytes("POST", "/mirror", form(part("a", content)), FORM) + GET)


@pytest.mark.parametrize("host", ["example.test", "tree.test", "else.test"])
@pytest.mark.parametrize("target", ["/", "/mirror", "/nowhere/x"])
def test_virtual_hosts(host: str, target: str) -> None:
    sent = request_bytes("POST", target, b"a=1", URLENCODED)
    same(sent.replace(b"example.test", host.encode()) + GET, root=hosts)


def test_the_access_log() -> None:
    seen = same(request_bytes("POST", "/mirror", b"a", "User-Agent: me") + GET)
    first, second = seen.log.splitlines()
    assert b'"POST /mirror HTTP/1.1" 200 ' in first
    assert first.endswith(b'"me"')
    assert b'"GET /mirror/last?q=1 HTTP/1.1" 200 ' in second


def test_form_fields_are_left_alone_where_the_site_says_so() -> None:
    def unparsed(root: IResource, **options: Any) -> Site:
        return Site(root, parsePOSTFormSubmission=False, **options)

    def ours(root: IResource, **options: Any) -> Site:
        return StreamingSite(root, parsePOSTFormSubmission=False, **options)

    sent = (request_bytes("POST", "/mirror?a=0", b"a=1", URLENCODED),)
    assert converse(ours, tree, sent) == converse(unparsed, tree, sent)


@pytest.mark.parametrize("make_site", [Site, StreamingSite])
class TestNotifyFinish:
    """It fires when the answer is out, and fails when the peer has gone."""

    def test_success(self, make_site: Callable[..., Site]) -> None:
        clock = Clock()
        slow = Slow(clock)
        wire = Wire(slow, make_site, clock=clock)
        wire.send(request_bytes("POST", "/", b"content"))
        assert slow.told == []
        clock.advance(1)
        assert slow.told == [None]

    def test_abort(self, make_site: Callable[..., Site]) -> None:
        clock = Clock()
        slow = Slow(clock)
        wire = Wire(slow, make_site, clock=clock)
        wire.send(request_bytes("POST", "/", b"content")).lose(ConnectionLost())
        (told,) = slow.told
        assert isinstance(getattr(told, "value", None), ConnectionLost)
        clock.advance(1)

    def test_abort_in_the_middle_of_the_body(
        self, make_site: Callable[..., Site]
    ) -> None:
        clock = Clock()
        slow = Slow(clock)
        wire = Wire(slow, make_site, clock=clock)
        wire.send(head("POST", "/", "Content-Length: 9") + b"content").lose()
        assert slow.told == []
        assert wire.raw == b""
        assert clock.getDelayedCalls() == []


def test_the_idle_timeout() -> None:
    for make_site in (Site, StreamingSite):
        wire = Wire(Mirror(), make_site, timeout=10)
        wire.send(head("POST", "/", "Content-Length: 9") + b"con")
        wire.clock.advance(9)
        assert not wire.is_closed()
        wire.clock.advance(1)
        assert wire.is_closed()
        wire.lose()


def test_the_version_in_the_server_header_is_twisteds() -> None:
    assert b"Server: " + server.version + b"\r\n" in same(GET).raw
