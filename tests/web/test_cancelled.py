"""A peer that goes away in the midst of its body: the handler has exactly one outcome.

Frameworks cancel the Deferred of a handler whose peer has gone. Whatever it was doing
with the body then, it is told so once, its file is undone, nothing is logged and nothing
is left. The same over HTTP/1.1 and HTTP/2, for klein, a ``MultipartResource`` and any
other resource.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import klein
import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.web.resource import IResource, Resource
from zope.interface import implementer

from tests.http2.client import Client
from tests.web.wire import BOUNDARY, FORM, Wire, head
from txmultipart import (
    CallableSink,
    FileSink,
    HashSink,
    MultipartReader,
    MultipartResource,
    MultipartWriter,
    TeeSink,
    UploadAborted,
    answer_with,
    get_body,
    streaming,
)
from txmultipart.interfaces import IStreamingResource

pytestmark = pytest.mark.filterwarnings(
    "ignore:twisted.web.resource._Unsafe:DeprecationWarning"
)


# What handlers do when the peer goes -------------------------------------------------

Read = Callable[[Any, Path], Awaitable[object]]


async def first_part(request: Any, folder: Path) -> Any:
    return await MultipartReader.from_request(request).next_part()


async def next_part(request: Any, folder: Path) -> None:
    reader = MultipartReader.from_request(request)
    async for _ in reader:
        pass


async def each_part(request: Any, folder: Path) -> None:
    await MultipartReader.from_request(request).for_each(lambda part: part.read())


async def read_part(request: Any, folder: Path) -> None:
    await (await first_part(request, folder)).read()


async def chunk_of_part(request: Any, folder: Path) -> None:
    async for _ in await first_part(request, folder):
        pass


async def save_part(request: Any, folder: Path) -> None:
    await (await first_part(request, folder)).save(folder / "part")


async def tee_part(request: Any, folder: Path) -> None:
    sink = TeeSink(FileSink(folder / "part"), HashSink())
    await (await first_part(request, folder)).write_to(sink)


async def save_body(request: Any, folder: Path) -> None:
    await get_body(request).save(folder / "body")


async def chunk_of_body(request: Any, folder: Path) -> None:
    async for _ in get_body(request):
        pass


async def slow_function(request: Any, folder: Path) -> None:
    sink = CallableSink(lambda data: Deferred())
    await (await first_part(request, folder)).write_to(sink)


async def slow_function_of_body(request: Any, folder: Path) -> None:
    await get_body(request).write_to(CallableSink(lambda data: Deferred()))


async def relayed(request: Any, folder: Path) -> None:
    """What has come is passed on to somebody who takes no more."""
    writer = MultipartWriter()
    writer.append(await first_part(request, folder))
    sink = CallableSink(lambda data: Deferred())
    sink.registerProducer(writer, True)
    await writer.startProducing(cast("Any", sink))


async def decision(request: Any, folder: Path) -> None:
    waiting: Deferred[Any] = Deferred()
    reader = MultipartReader.from_request(request, decide=lambda headers: waiting)
    await reader.next_part()


async def something_else(request: Any, folder: Path) -> None:
    await first_part(request, folder)
    await Deferred()


READS: dict[str, Read] = {
    read.__name__: read
    for read in (
        next_part,
        each_part,
        read_part,
        chunk_of_part,
        save_part,
        tee_part,
        save_body,
        chunk_of_body,
        slow_function,
        slow_function_of_body,
        relayed,
        decision,
        something_else,
    )
}


#: Who waits for something other than the body when the peer goes.
BUSY_ELSEWHERE = {"something_else", "relayed"}


class Handler:
    """Reads as a test says, and keeps what it comes to."""

    def __init__(self, read: Read, folder: Path) -> None:
        self.outcomes: list[Any] = []
        self._read = read
        self._folder = folder

    async def __call__(self, request: Any) -> bytes:
        try:
            await self._read(request, self._folder)
        except BaseException as error:
            self.outcomes.append(type(error))
            raise
        self.outcomes.append("answered")
        return b"answered"


# Kinds of resources ------------------------------------------------------------------


def klein_app(handle: Handler) -> IResource:
    app = klein.Klein()

    @app.route("/", methods=["POST"])
    async def upload(request: Any) -> bytes:
        return await handle(request)

    resource: IResource = streaming(app.resource())
    return resource


def klein_deferred(handle: Handler) -> IResource:
    """The handler gives a Deferred instead of being a coroutine."""
    app = klein.Klein()

    @app.route("/", methods=["POST"])
    def upload(request: Any) -> Deferred[bytes]:
        return Deferred.fromCoroutine(handle(request))

    resource: IResource = streaming(app.resource())
    return resource


class Multipart(MultipartResource):
    """One whose reader is made by the handler itself."""

    isLeaf = True

    def __init__(self, handle: Handler) -> None:
        super().__init__()
        self._given = handle

    def make_reader(self, request: Any) -> Any:
        return None

    def render_multipart(self, request: Any, reader: Any) -> object:
        return self._given(request)


@implementer(IStreamingResource)
class Plain(Resource):
    """Any resource that is marked."""

    isLeaf = True

    def __init__(self, handle: Handler) -> None:
        super().__init__()
        self._handle = handle

    def render_POST(self, request: Any) -> int:
        return answer_with(request, self._handle(request))


KINDS: dict[str, Callable[[Handler], IResource]] = {
    "klein": klein_app,
    "klein, Deferred": klein_deferred,
    "MultipartResource": Multipart,
    "any resource": Plain,
}

# Ways to go --------------------------------------------------------------------------

BODY = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"\r\n\r\n'.encode()
    + b"x" * 100_000
)
TYPE = FORM.partition(": ")[2]


def wire_lost(root: IResource) -> Callable[[], object]:
    """HTTP/1.1: the connection is lost."""
    wire = Wire(root)
    wire.send(head("POST", "/", FORM, "Content-Length: 200000") + BODY)
    return wire.lose


def two(root: IResource) -> tuple[Client, int]:
    client = Client(root)
    stream = client.request(
        "POST", "/", ("content-type", TYPE), ("content-length", "200000"), end=False
    )
    client.data(stream, BODY[:60_000])
    return client, stream


def stream_reset(root: IResource) -> Callable[[], object]:
    """HTTP/2: one stream is given up."""
    client, stream = two(root)
    return lambda: client.reset(stream)


def connection_lost(root: IResource) -> Callable[[], object]:
    """HTTP/2: all of them are."""
    return two(root)[0].lose


WAYS: dict[str, Callable[[IResource], Callable[[], object]]] = {
    "lost": wire_lost,
    "reset": stream_reset,
    "lost with its streams": connection_lost,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("name", READS)
async def test_there_is_one_outcome_and_nothing_is_left(
    name: str,
    kind: Callable[[Handler], IResource],
    way: Callable[[IResource], Callable[[], object]],
    tmp_path: Path,
) -> None:
    handler = Handler(READS[name], tmp_path)
    leave = way(kind(handler))
    assert handler.outcomes == []
    leave()
    # Whoever was reading the body hears of it from the body, and from nothing else;
    # whoever was busy with something else is cancelled.
    expected = CancelledError if name in BUSY_ELSEWHERE else UploadAborted
    (outcome,) = handler.outcomes
    assert issubclass(outcome, expected)
    while list(tmp_path.iterdir()):  # a thread is at it
        await deferLater(reactor, 0.001)
    assert handler.outcomes == [outcome]
