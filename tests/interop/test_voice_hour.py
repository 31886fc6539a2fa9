"""An hour of the voice example, in memory: pings, silence, a directive now and then."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from tests.interop.voice import example, names, noting
from txmultipart import ClientOptions, HTTP2ConnectionPool, LivePayload
from txmultipart.testing import InMemoryServer
from txmultipart.treq import client

URL = "http://cloud.test/dcs/v1/"

#: RFC 9113 section 6.7: the type of a PING frame, and where it stands in one.
PING, TYPE = 0x6, 3


class Hour:
    """A device and a service, and a clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.cloud = example("cloud").Cloud()
        options = ClientOptions(ping_interval=240)
        pool = HTTP2ConnectionPool(self.clock, h2c=True, options=options)
        self.server = InMemoryServer(self.cloud, clock=self.clock, pool=pool)
        http = client(self.clock, agent=self.server.agent)
        self.device = noting(example("device"), self.clock, http, URL)
        self.listening = Deferred.fromCoroutine(self.device.listen())
        self.listening.addErrback(lambda reason: reason.trap(CancelledError) and None)
        self.server.pump()
        self.said = 0

    def say(self, name: str) -> None:
        """Have the service say something, and the device hear it now."""
        directive = {"directive": {"header": {"namespace": "n", "name": name}}}
        self.cloud.downchannel.append_json(directive)
        self.server.pump()
        self.said += 1
        assert names(self.device)[-1] == name
        assert len(names(self.device)) == self.said

    def count_pings(self) -> list[bytes]:
        """What the device asks on its connection from now on."""
        pings: list[bytes] = []
        end = self.server.connections[-1][0]
        write = end.write

        def noted(data: bytes) -> None:
            if len(data) > TYPE and data[TYPE] == PING:
                pings.append(data)
            write(data)

        vars(end)["write"] = noted
        return pings

    def close(self) -> None:
        self.listening.cancel()
        self.server.pump()
        self.server.close()
        self.server.pump()


@pytest.fixture
def hour() -> Any:
    hour = Hour()
    yield hour
    hour.close()


def test_an_hour_with_one_reconnect(hour: Hour) -> None:
    """Half an hour, a connection that breaks, and the rest of the hour."""
    for half in ("first", "second"):
        pings = hour.count_pings()
        for minutes in range(0, 30, 10):
            hour.say(f"{half} {minutes}")
            hour.server.advance(600)
        # Each silence of ten minutes has two whole intervals in it.
        assert len(pings) == 6
        if half == "first":
            assert len(hour.server.connections) == 1
            assert hour.device.losses == []
            hour.server.close()
            hour.server.advance(1.5)
    hour.say("at the end")
    assert len(hour.server.connections) == 2
    assert len(hour.device.losses) == 1
    assert hour.clock.seconds() >= 3600


def test_a_service_that_is_silent_for_good_is_given_up(hour: Hour) -> None:
    """No bytes come any more, and the connection is not closed: a PING finds out."""
    device_end, service_end = hour.server.connections[0]
    service_end.pauseProducing()
    hour.server.advance(240 + 20 + 2)
    assert len(hour.device.losses) == 1
    assert len(hour.server.connections) == 2
    assert device_end.lost
    hour.say("here again")


def test_it_waits_longer_each_time_the_service_is_not_there(hour: Hour) -> None:
    hour.server.refuses = True
    hour.server.close()
    hour.server.advance(1 + 2 + 4 + 8 + 1)
    assert len(hour.device.losses) == 5
    hour.server.refuses = False
    hour.server.advance(16)
    assert len(hour.server.connections) == 2
    hour.say("here again")


def test_speech_goes_on_frame_by_frame(hour: Hour) -> None:
    """Each frame of 10 ms is with the service before the next one is recorded."""
    heard: list[int] = []
    original = hour.cloud.hear

    class Counted:
        def __init__(self, part: Any) -> None:
            self.part = part

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> bytes:
            sound: bytes = await self.part.__anext__()
            heard.append(len(sound))
            return sound

    hour.cloud.hear = lambda part: original(Counted(part))
    hour.device.recording = recording = LivePayload()
    told = hour.device.tell("SpeechRecognizer", "Recognize", recording)
    said = Deferred.fromCoroutine(told)
    hour.server.pump()
    frames = 0
    while not recording.closed:
        recording.write(bytes(320))
        frames += 1
        hour.server.pump()
        assert sum(heard) == 320 * frames
        hour.server.advance(0.01)
    assert frames == 50  # half a second, and StopCapture while the request was open
    hour.server.run(said)
    assert names(hour.device) == ["StopCapture", "Speak"]
    assert sum(map(len, hour.device.sounds)) == 320 * frames
