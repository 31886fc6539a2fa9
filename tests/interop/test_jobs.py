"""The relay's example and the service that forwards, as programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import deferLater

from tests.app.serving import plugin_environment
from tests.app.serving import run as run_and_wait
from tests.interop.servers.program import launch
from tests.peers import peer
from tests.programs import ROOT, run
from txmultipart import MultipartResource, StreamingSite

LISTEN = "tcp:0:interface=127.0.0.1"


class Upstream(MultipartResource):
    """Tells what parts it was sent, and under which path."""

    isLeaf = True

    async def render_multipart(self, request: Any, reader: Any) -> bytes:
        parts = [
            [part.name, part.headers.get("X-Scanned-By"), len(await part.read())]
            async for part in reader
        ]
        return json.dumps([request.uri.decode(), parts]).encode()


@pytest_twisted.async_yield_fixture()
async def upstream() -> AsyncIterator[str]:
    port: Any = await serverFromString(reactor, LISTEN).listen(
        StreamingSite(Upstream())
    )
    yield f"http://127.0.0.1:{port.getHost().port}/base"
    await port.stopListening()


async def posted(url: str) -> Any:
    form = ("-F", "comment=psst", "-F", f"file=@{__file__}")
    out, err, code = await run_and_wait(peer("curl"), "-sS", *form, url)
    assert code == 0, err
    return json.loads(out)


SIZE = Path(__file__).stat().st_size


async def test_the_example(upstream: str) -> None:
    example = str(ROOT / "examples" / "transfer" / "relay.py")
    relay = run(sys.executable, example, upstream, LISTEN)
    match = re.search(r"on (\d+)", await relay.spoke)
    assert match
    path, parts = await posted(f"http://127.0.0.1:{match[1]}/a?b=c")
    assert path == "/base/a?b=c"
    assert parts == [["file", "relay", SIZE]]
    await relay.stop()


async def test_the_service_under_twist(upstream: str, tmp_path: Path) -> None:
    options = ("--forward", upstream, "--listen", LISTEN)
    words = (peer("twist"), "--log-format=text", "txmultipart", *options)
    relay = launch(reactor, tmp_path, *words, **plugin_environment(tmp_path))
    while not (match := re.search(r"Forwarding from (\S+)", relay.printed)):
        assert not relay.ended.called, relay.complaints()
        await deferLater(reactor, 0.02)
    path, parts = await posted(match[1])
    assert path == "/base"
    assert parts == [["comment", None, 4], ["file", None, SIZE]]
    await relay.end()


BAD = {
    "no scheme": "upstream.example",
    "another scheme": "ftp://upstream.example/",
    "a query": "http://upstream.example/?a=b",
    "a password": "http://a:b@upstream.example/",
}


async def test_urls_that_nothing_can_be_forwarded_to() -> None:
    for url in BAD.values():
        words = (sys.executable, "-m", "txmultipart", "serve", "--forward", url)
        _, err, code = await run_and_wait(*words)
        assert code == 1
        assert "forward is an http:// or https:// URL" in err


async def test_a_folder_and_a_url(tmp_path: Path) -> None:
    words = ("serve", str(tmp_path), "--forward", "http://upstream.example/")
    _, err, code = await run_and_wait(sys.executable, "-m", "txmultipart", *words)
    assert code == 1
    assert "not both" in err
