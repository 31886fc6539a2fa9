"""The service that sends all it gets on: its options, its work, its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.python import usage
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from tests.app.serving import LOCAL, curl, run
from txmultipart import StreamingSite, UploadAborted, get_body
from txmultipart.app.forward import Forwarding, checked_url
from txmultipart.app.main import ServeOptions
from txmultipart.app.service import Options, makeService
from txmultipart.interfaces import IStreamingResource

URL = "http://upstream.example/base"

BAD = {
    "no scheme": "upstream.example",
    "another scheme": "ftp://upstream.example/",
    "no host": "http://",
    "a query": "http://upstream.example/?a=b",
    "a fragment": "http://upstream.example/#a",
    "an empty query": "http://upstream.example/?",
    "a port that is none": "http://upstream.example:http/",
    "a port too high": "http://upstream.example:99999/",
    "a space": "http://upstream.example/ a",
    "a line end": "http://upstream.example/\r\nX: y",
    "a user": "http://me:secret@upstream.example/",
    "another alphabet": "http://žluť.example/",
}


@pytest.mark.parametrize("url", BAD.values(), ids=BAD)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="forward is"):
        checked_url(url)
    with pytest.raises(usage.UsageError):
        Options().parseOptions(["--forward", url])


@pytest.mark.parametrize("url", [URL, "https://[::1]:8443/"])
def test_urls_that_are_taken(url: str) -> None:
    options = Options()
    options.parseOptions(["--forward", url])
    assert options["forward"] == url


def test_a_folder_is_not_asked_for(tmp_path: Path) -> None:
    options = ServeOptions()
    options.parseOptions(["--forward", URL])
    assert options["forward"] == URL
    with pytest.raises(usage.UsageError, match="not both"):
        ServeOptions().parseOptions([str(tmp_path / "new"), "--forward", URL])
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("folder", [".", "/nowhere/at/all"])
def test_a_folder_and_a_url_are_not_both_taken(folder: str) -> None:
    for words in (["-d", folder, "--forward", URL], ["--forward", URL, "-d", folder]):
        with pytest.raises(usage.UsageError, match="not both"):
            Options().parseOptions(words)


@implementer(IStreamingResource)
class Upstream(Resource):
    """Counts, or reads a little and waits."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.begun: Deferred[None] = Deferred()
        self.ended: Deferred[object] = Deferred()
        self.silent: Deferred[None] = Deferred()
        self.counts: list[int] = []

    def render_GET(self, request: Any) -> int:
        request.notifyFinish().addErrback(lambda _: None)
        self.silent.callback(None)
        return NOT_DONE_YET

    def render_PUT(self, request: Any) -> int:
        done = Deferred.fromCoroutine(self._count(request))
        done.addCallbacks(self._answer, self._broke, (request,))
        return NOT_DONE_YET

    async def _count(self, request: Any) -> int:
        count = 0
        async for chunk in get_body(request):
            count += len(chunk)
            if not self.begun.called:
                self.begun.callback(None)
        self.counts.append(count)
        return count

    def _broke(self, failure: Failure) -> None:
        self.ended.callback(failure.value)

    def _answer(self, count: int, request: Any) -> None:
        request.write(b"%d" % count)
        request.finish()


async def serve(*options: str) -> tuple[Any, Upstream, str, Any]:
    """An upstream, and a service that forwards to it."""
    upstream = Upstream()
    port: Any = await serverFromString(reactor, LOCAL).listen(StreamingSite(upstream))
    parsed = Options()
    url = f"http://127.0.0.1:{port.getHost().port}/"
    parsed.parseOptions(["--forward", url, "--listen", LOCAL, *options])
    said: list[str] = []
    service: Any = makeService(parsed, said.append)
    listening = service.listening
    service.startService()
    await listening
    (welcome,) = said
    place = welcome.split()[2]
    assert welcome == f"Forwarding from {place} to {url}"
    return service, upstream, place, port


async def test_it_forwards(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(300_000))
    service, _, url, port = await serve()
    assert await curl("-T", str(tmp_path / "a"), url) == ("300000", 0)
    await service.stopService()
    await port.stopListening()


def reason(printed: str) -> tuple[str, str]:
    """The code in the answer that is behind the headers, and its status."""
    body, _, status = printed.rpartition("\n")
    return json.loads(body)["error"], status


async def test_what_is_under_way_when_it_stops_has_some_time(tmp_path: Path) -> None:
    service, upstream, url, port = await serve("--drain-time", "0")
    (tmp_path / "a").write_bytes(bytes(8_000_000))
    slowly = ("--limit-rate", "1M", "-T", str(tmp_path / "a"), url)
    sending = Deferred.fromCoroutine(curl("-w", "\n%{http_code}", *slowly))
    await upstream.begun
    await service.stopService()
    assert isinstance(await upstream.ended, UploadAborted)
    out, _ = await sending
    assert reason(out) == ("stopping", "503")
    await port.stopListening()


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
async def test_who_waits_for_the_upstream_is_told_when_it_stops(version: str) -> None:
    """Whatever the upstream does: it got the request, and does nothing."""
    service, upstream, url, port = await serve("--drain-time", "0")
    asked = ("-w", "\n%{http_code}", version, url + "silent")
    sending = Deferred.fromCoroutine(curl(*asked))
    await upstream.silent
    await service.stopService()
    out, _ = await sending
    assert reason(out) == ("stopping", "503")
    await port.stopListening()


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
async def test_what_is_too_large_is_not_forwarded(
    chunked: bool, version: str, tmp_path: Path
) -> None:
    service, upstream, url, port = await serve("--max-size", "1000")
    (tmp_path / "a").write_bytes(bytes(1000))
    (tmp_path / "b").write_bytes(bytes(1001))
    piped = f"cat {tmp_path / 'b'} | curl -sS {version} -T - {url}"
    assert await curl(version, "-T", str(tmp_path / "a"), url) == ("1000", 0)
    if chunked:
        out, _, _ = await run("/bin/sh", "-c", piped)
    else:
        out, _ = await curl(version, "-T", str(tmp_path / "b"), url)
    problem = json.loads(out)
    assert (problem["error"], problem["bound"]) == ("limit-exceeded", 1000)
    assert upstream.counts == [1000]
    await service.stopService()
    await port.stopListening()


async def test_nobody_was_there() -> None:
    forwarding = Forwarding(reactor, URL, max_size=1)
    await forwarding.close()
    await forwarding.close()
