"""A voice device: one connection of HTTP/2 to a service that hears and is heard at once.

arecord -q -f S16_LE -r 16000 -t raw | python examples/voice/client.py URL
"""

import json
import sys

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater, react

from txmultipart import (
    ClientOptions,
    FormData,
    HTTP2ConnectionPool,
    LivePayload,
    MultipartReader,
)
from txmultipart.treq import client

FRAME = 320  # bytes: 10 ms of 16 kHz, 16 bit, mono


class Device:
    recording = None

    def __init__(self, reactor, http, url):
        self.reactor, self.http, self.url = reactor, http, url

    async def listen(self):
        """The downchannel: it never ends, and is opened again when it breaks."""
        pause = 1
        while True:
            try:
                response = await self.http.get(self.url + "directives", unbuffered=True)
                await self.tell("System", "SynchronizeState")
                pause = 1
                await self.take(response)
            except CancelledError:
                raise
            except Exception as error:
                self.lost(error)
            await deferLater(self.reactor, pause)
            pause = min(2 * pause, 60)

    async def tell(self, namespace, name, sound=None):
        """An event. Its ``sound`` may still be recorded while it is sent."""
        event = {"header": {"namespace": namespace, "name": name}, "payload": {}}
        form = FormData()
        metadata = json.dumps({"clientContext": [], "event": event})
        form.add_field("metadata", metadata, content_type="application/json")
        if sound is not None:
            form.add_field("audio", sound)
        url = self.url + "events"
        await self.take(await self.http.post(url, data=form, unbuffered=True))

    async def take(self, response):
        """Directives and their sounds, each as soon as it is there."""
        if response.code == 204:
            return
        if response.code != 200:
            raise RuntimeError(f"{response.code}: {await response.text()}")
        async with MultipartReader.from_response(response, endless=True) as reader:
            async for part in reader:
                if part.content_type == "application/json":
                    self.obey(await part.json())
                else:
                    async for sound in part:
                        self.play(part.content_id, sound)

    def obey(self, message):
        directive = message.get("directive")  # {} is only there to be heard
        if (
            directive
            and directive["header"]["name"] == "StopCapture"
            and self.recording
        ):
            self.recording.finish()
        if directive:
            print("directive:", directive["header"]["name"], flush=True)

    def play(self, content_id, sound):
        print(f"sound {content_id}: {len(sound)} bytes", flush=True)

    def lost(self, error):
        print("lost the service:", error, file=sys.stderr)


class Microphone(Protocol):
    def __init__(self, recording):
        self.recording, self.rest = recording, b""

    def dataReceived(self, data):
        data = self.rest + data
        whole = len(data) - len(data) % FRAME
        for start in range(0, whole, FRAME):
            if not self.recording.closed:
                self.recording.write(data[start : start + FRAME])
        self.rest = data[whole:]

    def connectionLost(self, reason):
        self.recording.finish()


async def main(reactor, url):
    # A PING after four silent minutes: gateways forget what is silent for five.
    pool = HTTP2ConnectionPool(
        reactor, h2c=True, options=ClientOptions(ping_interval=240)
    )
    device = Device(reactor, client(reactor, pool=pool), url)
    device.recording = LivePayload()
    listening = Deferred.fromCoroutine(device.listen())
    listening.addErrback(lambda reason: reason.trap(CancelledError))
    StandardIO(Microphone(device.recording))
    await device.tell("SpeechRecognizer", "Recognize", device.recording)
    listening.cancel()


if __name__ == "__main__":
    react(main, sys.argv[1:])
