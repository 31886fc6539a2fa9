"""The voice example beside services that do not answer, refuse, or say odd things."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import Clock, deferLater

from tests.interop.voice import FOLDER, example, names, noting
from tests.programs import run
from txmultipart import (
    FormData,
    HTTP2ConnectionPool,
    LivePayload,
    MultipartReader,
    StreamingSite,
)
from txmultipart.testing import InMemoryServer
from txmultipart.treq import client

Cloud = example("cloud").Cloud

URL = "http://cloud.test/dcs/v1/"

TOO_LATE = "it took more than 120 seconds"

STOP = {"directive": {"header": {"name": "StopCapture"}}}


class Odd(Cloud):  # type: ignore[misc,valid-type]
    """A service whose answers to events are ``say``'s."""

    def __init__(self, say: Any) -> None:
        super().__init__()
        self.say = say
        self.opened = 0

    def render_GET(self, request: Any) -> Any:
        self.opened += 1
        return super().render_GET(request)

    async def render_multipart(self, request: Any, reader: Any) -> Any:
        await reader.release()
        return await self.say(request)


async def nothing(request: Any) -> None:
    """Never."""
    await Deferred()


async def refusal(request: Any) -> bytes:
    request.setResponseCode(403)
    request.setHeader("Content-Type", "text/plain; charset=none-such")
    return b"\x1b[2J no"


class Endless:
    """Goes on for much longer than anybody should ask it to."""

    def __init__(self) -> None:
        self.given = 0

    def __aiter__(self) -> Endless:
        return self

    async def __anext__(self) -> bytes:
        self.given += 1
        if self.given == 500:
            raise StopAsyncIteration
        return bytes(1 << 16)


def endless(pages: list[Endless]) -> Any:
    """A refusal that has no end."""

    async def say(request: Any) -> Any:
        request.setResponseCode(500)
        pages.append(Endless())
        body = FormData()
        body.add_field("page", pages[-1])
        return body

    return say


class Setting:
    """A device and an odd service, and a clock."""

    def __init__(self, say: Any) -> None:
        self.clock = Clock()
        self.cloud = Odd(say)
        self.pool = HTTP2ConnectionPool(self.clock, h2c=True)
        self.server = InMemoryServer(self.cloud, clock=self.clock, pool=self.pool)
        http = client(self.clock, agent=self.server.agent)
        self.device = noting(example("device"), self.clock, http, URL)
        self.ends: list[Any] = []
        self.listening = Deferred.fromCoroutine(self.device.listen())
        self.listening.addBoth(self.ends.append)
        self.server.pump()

    def stop_capture(self) -> None:
        self.cloud.downchannel.append_json(STOP)
        self.server.pump()

    def close(self) -> None:
        self.listening.cancel()
        self.server.pump()
        assert self.ends[0].check(CancelledError)
        assert self.cloud.downchannel.closed  # it was given up
        self.server.close()
        self.server.pump()


@pytest.mark.parametrize("say", [nothing, refusal], ids=["nothing", "refusal"])
def test_what_comes_while_its_state_is_not_taken(say: Any) -> None:
    """It is heard, on the first downchannel, and so is what comes later."""
    setting = Setting(say)
    setting.device.recording = LivePayload()
    setting.stop_capture()
    assert setting.device.recording.closed
    setting.server.advance(600)
    setting.stop_capture()
    assert names(setting.device) == ["StopCapture", "StopCapture"]
    assert setting.cloud.opened == 1
    (loss,) = setting.device.losses  # of the event alone
    assert type(loss) is (TimeoutError if say is nothing else RuntimeError)
    setting.close()


@pytest.mark.parametrize("say", [nothing, refusal], ids=["nothing", "refusal"])
def test_it_may_hang_up_meanwhile(say: Any) -> None:
    """Nothing of it is left then that a connection would have to be kept for."""
    setting = Setting(say)
    setting.listening.cancel()
    closed = setting.pool.closeCachedConnections()
    setting.server.pump()
    assert closed.called
    setting.close()


def told(setting: Setting) -> list[Any]:
    """Say something; gives what it comes to, once it does."""
    device, recording = setting.device, LivePayload()
    said = device.soon(device.tell("SpeechRecognizer", "Recognize", recording))
    ends: list[Any] = []
    said.addBoth(ends.append)
    recording.write(bytes(320))
    recording.finish()
    setting.server.pump()
    return ends


def test_speech_that_is_not_answered() -> None:
    setting = Setting(nothing)
    ends = told(setting)
    setting.server.advance(119)
    assert ends == []
    setting.server.advance(2)
    assert str(ends[0].value) == TOO_LATE
    setting.close()


def test_a_refusal_is_shown_as_bytes() -> None:
    """Whatever they are said to be: no terminal is steered by them."""
    setting = Setting(refusal)
    (end,) = told(setting)
    assert str(end.value) == r"403: b'\x1b[2J no'"
    setting.close()


def test_a_refusal_without_end() -> None:
    """Its beginning is shown, and the rest is not waited for."""
    pages: list[Endless] = []
    setting = Setting(endless(pages))
    (end,) = told(setting)
    assert str(end.value).startswith("500: b'--")
    assert len(str(end.value)) < 3000
    given = [page.given for page in pages]
    setting.server.pump()
    assert [page.given for page in pages] == given
    assert max(given) < 10
    setting.close()


ODD: list[Any] = [
    *([1], "x", None, 3, {"directive": "x"}, {"directive": {}}),
    {"directive": {"header": []}},
    {"directive": {"header": {}}},
    {"directive": {"header": {"name": None}}},
    {"directive": {"header": {"name": "\x1b[2J"}}},
    {"directive": {"header": {"name": "\ud800"}}},
]


def test_what_is_no_directive_is_passed_over(
    capsys: pytest.CaptureFixture[str],
) -> None:
    setting = Setting(nothing)
    for message in (*ODD, {}):
        setting.cloud.downchannel.append(
            json.dumps(message), {"Content-Type": "application/json"}
        )
    setting.device.recording = LivePayload()
    setting.stop_capture()
    out, err = capsys.readouterr()
    assert out == "directive: StopCapture\n"
    assert err.splitlines() == ["that is no directive"] * len(ODD)
    assert setting.device.losses == []
    assert setting.cloud.opened == 1
    setting.close()


def test_a_name_of_a_sound_steers_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    device = example("device").Device(None, None, URL)
    device.play("a\x1b[2J\ud800", b"x")
    assert capsys.readouterr().out == "sound 'a\\x1b[2J\\ud800': 1 bytes\n"


# The service -------------------------------------------------------------------------------


def test_the_service_has_one_downchannel_at_a_time() -> None:
    """One that is there already ends when another begins."""
    server = InMemoryServer(Cloud(), protocol="h2")
    first, _ = (server.run(server.client.get(URL + "directives")) for _ in "12")
    reader = MultipartReader.from_response(first)
    assert server.run(reader.for_each(lambda part: part.discard())) == 1  # empty
    server.close()


def test_the_service_does_not_keep_all_that_it_hears() -> None:
    server = InMemoryServer(Cloud(), protocol="h2")
    form = FormData()
    form.add_field("audio", bytes((1 << 20) + 1))
    answer = server.run(server.client.post(URL + "events", data=form))
    assert answer.code == 413
    assert server.run(answer.json())["limit"] == "max_part_size"
    server.close()


# The program -------------------------------------------------------------------------------


class Chatty(Cloud):  # type: ignore[misc,valid-type]
    """A service that says more than a pipe holds while it listens."""

    async def hear(self, part: Any) -> Any:
        heard = await part.read_chunk()
        for number in range(MANY):
            directive = {"directive": {"header": {"name": f"{number:01000}"}}}
            self.downchannel.append_json(directive)
        self.downchannel.append_json(STOP)
        return heard + await part.read()


#: Directives of a kilobyte each; a pipe holds 64 KiB.
MANY = 500


async def test_nothing_is_lost_when_nobody_reads_what_it_prints() -> None:
    """For a while: then it waits."""
    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    port: Any = await endpoint.listen(StreamingSite(Chatty()))
    url = f"http://127.0.0.1:{port.getHost().port}/"
    device = run(sys.executable, str(FOLDER / "client.py"), url)
    process: Any = device.transport
    process.pipes[1].pauseProducing()
    process.write(bytes(320))  # its input is not closed
    await deferLater(reactor, 2)
    process.pipes[1].resumeProducing()
    printed = await device.ended
    assert device.clean
    assert printed.count("directive: 0") == MANY
    assert "directive: StopCapture\ndirective: Speak\n" in printed
    await port.stopListening()
