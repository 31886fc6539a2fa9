"""Chromium against a ``StreamingSite`` over TLS: what a page's ``fetch`` sends."""

from __future__ import annotations

import json
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.web.resource import Resource
from zope.interface import implementer

from tests.interop.clients.chromium import visit
from tests.interop.exchanges import exchange
from tests.interop.memory import MiB
from tests.interop.servers.keys import keys_in
from tests.interop.servers.server import sum_of
from txmultipart import (
    HashSink,
    Limits,
    MultipartReader,
    MultipartResource,
    StreamingSite,
    answer_with,
    get_body,
)
from txmultipart.interfaces import IStreamingResource

SIZE = 16 * MiB
CHUNKS, CHUNK = 40, 50_000

NUMBERS = f"const SIZE = {SIZE}, CHUNKS = {CHUNKS}, CHUNK = {CHUNK};"

SCRIPT = """
const content = new Uint8Array(SIZE).map((_, i) => i % 251);
const file = new Blob([content]);

function form() {
  const data = new FormData();
  data.append("text", "žluťoučký");
  data.append("file", file, 'a "b".bin');
  return { method: "POST", body: data };
}

function stream() {
  let left = CHUNKS;
  const body = new ReadableStream({
    pull(controller) {
      if (left-- > 0) controller.enqueue(content.subarray(0, CHUNK));
      else controller.close();
    },
  });
  return { method: "POST", body, duplex: "half" };
}

async function tell(path, options) {
  try {
    const response = await fetch(path, options);
    return { status: response.status, text: await response.text() };
  } catch (error) {
    return { error: String(error) };
  }
}

async function main() {
  const seen = {};
  seen.form = await tell("/form", form());
  seen.refused = await tell("/refused", form());
  seen.stream = await tell("/stream", stream());
  seen.many = await Promise.all([...Array(20).keys()].map(() => tell("/form", form())));
  const protocols = performance.getEntriesByType("resource").map(e => e.nextHopProtocol);
  seen.protocols = [...new Set(protocols)];
  await fetch("/report", { method: "PUT", body: JSON.stringify(seen) });
}

main();
"""

HEAD = "<!doctype html><meta charset=utf-8><link rel=icon href=data:,>"

PAGE = f"{HEAD}<script>{NUMBERS}{SCRIPT}</script>"


class Page(Resource):
    """What the browser comes for."""

    def render_GET(self, request: Any) -> bytes:
        request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
        return PAGE.encode()


class Form(MultipartResource):
    """Answers with the name, filename, sum and size of each part."""

    async def render_multipart(self, request: Any, reader: MultipartReader) -> bytes:
        seen = []
        async for part in reader:
            digest = HashSink()
            await part.write_to(digest)
            name = [part.name, part.filename]
            seen.append([*name, digest.hexdigest(), digest.size])
        return json.dumps(seen).encode()


class Refusing(Form):
    """The same, for little ones."""

    limits = Limits(max_part_size=MiB)


@implementer(IStreamingResource)
class Stream(Resource):
    """Answers with the sum and size of the body."""

    def render_POST(self, request: Any) -> int:
        return answer_with(request, self._sum(request))

    async def _sum(self, request: Any) -> bytes:
        digest = HashSink()
        await get_body(request).write_to(digest)
        return f"{digest.hexdigest()} {digest.size}".encode()


class Report(Resource):
    """Fires ``told`` with what the page has to tell."""

    def __init__(self) -> None:
        super().__init__()
        self.told: Deferred[Any] = Deferred()

    def render_PUT(self, request: Any) -> bytes:
        self.told.callback(json.load(request.content))
        return b""


def site(report: Report) -> StreamingSite:
    root = Resource()
    for path, child in {
        b"": Page(),
        b"form": Form(),
        b"refused": Refusing(),
        b"stream": Stream(),
        b"report": report,
    }.items():
        root.putChild(path, child)
    return StreamingSite(root)


@pytest_twisted.async_fixture(scope="module")
async def seen(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the page tells after all its requests."""
    folder, report = tmp_path_factory.mktemp("chromium"), Report()
    pair = keys_in(folder).pair
    listen = f"ssl:0:privateKey={pair}:certKey={pair}:interface=127.0.0.1"
    port = await serverFromString(reactor, listen).listen(site(report))
    browser = visit(reactor, f"https://127.0.0.1:{port.getHost().port}/", folder)
    try:
        return await report.told
    finally:
        await browser.end()
        await port.stopListening()


CONTENT = (bytes(range(251)) * (SIZE // 251 + 1))[:SIZE]

PARTS = [
    ["text", None, *sum_of("žluťoučký".encode())],
    ["file", 'a "b".bin', *sum_of(CONTENT)],
]


@exchange("Chromium", "server", "HTTP/2 on TLS", "a form with a file")
def test_a_form(seen: Any) -> None:
    assert seen["form"]["status"] == 200
    assert json.loads(seen["form"]["text"]) == PARTS


def test_twenty_at_once(seen: Any) -> None:
    assert [each.get("error") for each in seen["many"]] == [None] * 20
    assert [json.loads(each["text"]) for each in seen["many"]] == [PARTS] * 20


def test_a_refusal_in_the_middle(seen: Any) -> None:
    assert seen["refused"]["status"] == 413
    assert json.loads(seen["refused"]["text"])["error"] == "limit-exceeded"


@exchange("Chromium", "server", "HTTP/2 on TLS", "a body that is streamed by `fetch`")
def test_a_stream(seen: Any) -> None:
    sha256, size = seen["stream"]["text"].split()
    assert (sha256, int(size)) == sum_of(CONTENT[:CHUNK] * CHUNKS)


def test_all_of_it_is_http2(seen: Any) -> None:
    assert seen["protocols"] == ["h2"]
