"""The voice example against programs that others wrote, and against itself."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.testing import StringTransport
from twisted.internet.utils import getProcessOutputAndValue

from tests.interop.clients import alexa
from tests.interop.exchanges import exchange
from tests.interop.servers.keys import Keys, keys_in
from tests.interop.servers.program import launch
from tests.interop.voice import FOLDER, example, names, noting
from tests.peers import peer
from tests.programs import ROOT, run
from txmultipart import (
    HTTP2ConnectionPool,
    LivePayload,
    MultipartResource,
    NotMultipart,
    StreamingSite,
)
from txmultipart.treq import client

NODE_CLOUD = Path(__file__).parent / "servers" / "node_cloud.mjs"

FRAME = bytes(320)

#: Ten times as long as it takes until the service has heard enough.
MANY = 500


# Real clients on our service --------------------------------------------------------------


@pytest_twisted.async_fixture(scope="module")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """In which alexa_client and hyper run."""
    return await alexa.installed(tmp_path_factory.mktemp("packages"))


@asynccontextmanager
async def cloud(folder: Path) -> AsyncIterator[tuple[str, int, Keys]]:
    """Our service on TLS, as the program that it is."""
    keys = keys_in(folder)
    listen = f"ssl:0:privateKey={keys.pair}:certKey={keys.pair}:interface=127.0.0.1"
    program = run(sys.executable, str(FOLDER / "cloud.py"), listen)
    port = int((await program.spoke).rstrip(">\n").split()[-1])
    try:
        yield "localhost", port, keys
    finally:
        await program.stop()


async def alexa_says(
    environment: dict[str, str], folder: Path, port: int, keys: Keys, what: str
) -> Any:
    words: list[str | Path] = [alexa.__file__, str(port), keys.trust, what]
    program = launch(reactor, folder, sys.executable, *words, **environment)
    printed = await program.ended
    assert program.clean, program.complaints()
    return json.loads(printed)


@exchange(
    "alexa_client on hyper",
    "server",
    "HTTP/2 on TLS",
    "downchannel, state, speech, directive with `cid:` sound, ping",
)
async def test_alexa_client_is_heard_and_answered(
    environment: dict[str, str], tmp_path: Path
) -> None:
    async with cloud(tmp_path) as (_, port, keys):
        said = await alexa_says(environment, tmp_path, port, keys, "recognize")
    assert said == {"directives": [["Speak", 200 * len(FRAME)]], "ping": 204}


@exchange(
    "hyper", "server", "HTTP/2 on TLS", "speech that is sent while it is recorded"
)
async def test_hyper_is_heard_while_it_speaks(
    environment: dict[str, str], tmp_path: Path
) -> None:
    async with cloud(tmp_path) as (_, port, keys):
        said = await alexa_says(environment, tmp_path, port, keys, "live")
    assert said["status"] == 200
    assert said["size"] > 20 * len(FRAME)


# Our device on node ------------------------------------------------------------------------


class Setting:
    """A device, what it listens to, and what it listens with."""

    def __init__(self, url: str) -> None:
        self.pool = HTTP2ConnectionPool(reactor, h2c=True)
        module = example("device")
        self.device = noting(module, reactor, client(reactor, pool=self.pool), url)
        self.listening: Deferred[None] = Deferred.fromCoroutine(self.device.listen())
        self.listening.addErrback(lambda reason: reason.trap(CancelledError) and None)

    async def until(self, happened: Callable[[], object]) -> None:
        """Wait for it."""
        while not happened():
            await deferLater(reactor, 0.005)

    async def speak(self, frames: int = MANY) -> None:
        """Say something, for as long as the service wants to hear it, or ``frames``."""
        self.device.recording = recording = LivePayload()
        said = Deferred.fromCoroutine(
            self.device.tell("SpeechRecognizer", "Recognize", recording)
        )
        self.frames = 0
        while not recording.closed and self.frames < frames:
            recording.write(FRAME)
            self.frames += 1
            await deferLater(reactor, 0.002)
        recording.finish()
        await said

    async def close(self) -> None:
        """Hang up."""
        self.listening.cancel()
        await self.pool.closeCachedConnections()


@asynccontextmanager
async def node(how: str, folder: Path) -> AsyncIterator[Setting]:
    program = launch(reactor, folder, peer("node"), NODE_CLOUD)
    (port,) = await program.ports()
    setting = Setting(f"http://127.0.0.1:{port}/{how}/")
    try:
        await setting.until(lambda: setting.device.messages)
        yield setting
    finally:
        await setting.close()
        await program.end()


@exchange(
    "node http2",
    "client",
    "HTTP/2",
    "downchannel, live speech, StopCapture in its middle, `cid:` sound in pieces",
)
async def test_node_has_heard_enough_and_speaks(tmp_path: Path) -> None:
    async with node("speak", tmp_path) as setting:
        await setting.speak()
        device = setting.device
        assert device.messages[0] == {}  # a heartbeat
        assert names(device) == ["StopCapture", "Speak"]
        assert 45 <= setting.frames < MANY  # it was stopped while it spoke
        assert len(device.sounds) >= 2  # in the pieces that came
        assert b"".join(device.sounds).startswith(b"one two ")
        assert setting.pool._origins  # and all of it on one connection:
        ((origin,),) = [list(setting.pool._origins.values())]
        assert len(origin.lines) == 1
        # Nothing that is live waits for an acknowledgement (Nagle's algorithm).
        transport = origin.lines[0].client.transport
        assert transport.getTcpNoDelay()
        assert device.losses == []


@exchange("node http2", "client", "HTTP/2", "an event answered with 204")
async def test_node_has_nothing_to_say(tmp_path: Path) -> None:
    async with node("nothing", tmp_path) as setting:
        await setting.speak(10)
        assert names(setting.device) == []


@exchange(
    "node http2",
    "client",
    "HTTP/2",
    "an event refused with an answer that is no multipart",
)
async def test_node_refuses(tmp_path: Path) -> None:
    async with node("refuse", tmp_path) as setting:
        with pytest.raises(RuntimeError, match=r"403: .*UNAUTHORIZED_REQUEST"):
            await setting.speak(10)


async def test_node_babbles(tmp_path: Path) -> None:
    async with node("babble", tmp_path) as setting:
        with pytest.raises(NotMultipart):
            await setting.speak(10)


@exchange(
    "node http2",
    "client",
    "HTTP/2",
    "connections that break, and a downchannel opened again",
)
@pytest.mark.parametrize("how", ["die", "breakOff"])
async def test_node_breaks_off(how: str, tmp_path: Path) -> None:
    """The event fails, once, and the downchannel is opened again."""
    async with node(how, tmp_path) as setting:
        with pytest.raises(Exception, match=r"ConnectionLost|ConnectionDone"):
            await setting.speak(100)
        device = setting.device
        assert device.recording.closed
        heartbeats: list[Any] = [{}, {}]
        await setting.until(
            lambda: [m for m in device.messages if m == {}] == heartbeats
        )
        assert len(device.losses) == 1


# The programs as they are -------------------------------------------------------------------


async def test_the_device_is_stopped_by_the_service(tmp_path: Path) -> None:
    listen = "tcp:0:interface=127.0.0.1"
    service = run(sys.executable, str(FOLDER / "cloud.py"), listen)
    port = int((await service.spoke).rstrip(">\n").split()[-1])
    url = f"http://127.0.0.1:{port}/dcs/v1/"
    device = run(sys.executable, str(FOLDER / "client.py"), url)
    microphone: Any = device.transport
    # Its input is never closed: what ends the recording is the StopCapture.
    while not device.ended.called:
        if "StopCapture" not in device.printed:
            microphone.write(FRAME)
        await deferLater(reactor, 0.01)
    assert device.clean
    assert device.printed.count("directive: StopCapture") == 1
    assert device.printed.count("directive: Speak") == 1
    assert "sound " in device.printed
    await service.stop()


async def spoken(*arguments: str) -> tuple[str, int]:
    """What our device complains about if nothing is said, and what it exits with."""
    silent = ["-c", 'exec "$0" "$@" </dev/null', sys.executable]
    words = [*silent, str(FOLDER / "client.py"), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    _, err, code = await getProcessOutputAndValue(peer("sh"), words, environment)
    return err.decode(), code


async def test_the_device_without_a_service() -> None:
    port: Any = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(
        Factory.forProtocol(Protocol)
    )
    url = f"http://127.0.0.1:{port.getHost().port}/"
    await port.stopListening()
    err, code = await spoken(url)
    *others, last = err.splitlines()
    assert code == 1
    assert last.startswith("the service has not heard it: Connection was refused")
    assert all(line.startswith("lost the service: Connection was") for line in others)


class Deaf(MultipartResource):
    """Answers all with 204, and notes who they say they are."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.tokens: list[tuple[bytes, str]] = []

    def render(self, request: Any) -> Any:
        self.tokens.append((request.method, request.getHeader("Authorization")))
        return super().render(request)

    def render_GET(self, request: Any) -> bytes:
        request.setResponseCode(204)
        return b""

    async def render_multipart(self, request: Any, reader: Any) -> None:
        await reader.release()


async def test_the_device_says_who_it_is() -> None:
    deaf = Deaf()
    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    port: Any = await endpoint.listen(StreamingSite(deaf))
    url = f"http://127.0.0.1:{port.getHost().port}/"
    assert await spoken(url, "secret") == ("", 0)
    assert {method for method, _ in deaf.tokens} == {b"GET", b"POST"}
    assert {token for _, token in deaf.tokens} == {"Bearer secret"}
    await port.stopListening()


async def test_the_microphone_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the network, and for nothing once nobody listens."""
    monkeypatch.syspath_prepend(str(FOLDER))  # as for the program
    recording = LivePayload()
    microphone: Any = example("client").Microphone(recording)
    transport = StringTransport()
    microphone.makeConnection(transport)
    microphone.dataReceived(FRAME[:100])
    assert transport.producerState == "producing"
    microphone.dataReceived(FRAME * 2)
    assert transport.producerState == "paused"
    source = recording.open()
    assert [await maybeDeferred(source.read) for _ in "12"] == [FRAME, FRAME]
    assert transport.producerState == "paused"
    more = maybeDeferred(source.read)  # it has gone, and more is wanted
    assert transport.producerState == "producing"
    microphone.dataReceived(FRAME[100:])
    assert await more == FRAME
    source.close()
    microphone.dataReceived(FRAME * 99)
    assert (transport.producerState, microphone.rest) == ("producing", b"")
