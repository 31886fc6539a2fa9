"""A voice device: one connection of HTTP/2 to a service, for listening and for speaking."""

import json
import sys

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from txmultipart import BodyReader, FormData, MultipartReader

MOST = 120  # seconds that an event takes, with its sound and the answer


class Device:
    recording = None

    def __init__(self, reactor, http, url, headers=None):
        self.reactor, self.http, self.url = reactor, http, url
        self.headers = headers  # Authorization, for instance

    async def listen(self):
        """The downchannel: it never ends, and is opened again when it breaks."""
        pause = 1
        while True:
            try:
                response = await self.ask("GET", "directives")
                pause = 1
                telling = self.soon(self.tell("System", "SynchronizeState"))
                telling.addErrback(
                    lambda r: r.check(CancelledError) or self.lost(r.value)
                )
                try:
                    await self.take(response)
                finally:
                    telling.cancel()
            except CancelledError:
                raise
            except Exception as error:
                self.lost(error)
            await deferLater(self.reactor, pause)
            pause = min(2 * pause, 60)

    def soon(self, coroutine):
        """What it comes to, in time."""
        done = Deferred.fromCoroutine(coroutine)
        return done.addTimeout(MOST, self.reactor, late)

    async def tell(self, namespace, name, sound=None):
        """An event. Its ``sound`` may still be recorded while it is sent."""
        event = {"header": {"namespace": namespace, "name": name}, "payload": {}}
        form = FormData()
        metadata = json.dumps({"clientContext": [], "event": event})
        form.add_field("metadata", metadata, content_type="application/json")
        if sound is not None:
            form.add_field("audio", sound)
        await self.take(await self.ask("POST", "events", data=form))

    async def ask(self, method, path, **body):
        response = await self.http.request(
            method, self.url + path, headers=self.headers, unbuffered=True, **body
        )
        if response.code not in (200, 204):
            async with BodyReader.from_response(response) as page:
                beginning = await page.read_chunk()
            raise RuntimeError(f"{response.code}: {beginning[:500]}")
        return response

    async def take(self, response):
        """Directives and their sounds, each as soon as it is there."""
        if response.code == 204:
            return
        async with MultipartReader.from_response(response, endless=True) as reader:
            async for part in reader:
                if part.content_type == "application/json":
                    self.obey(await part.json())
                else:
                    async for sound in part:
                        self.play(part.content_id, sound)

    def obey(self, message):
        match message:
            case {"directive": {"header": {"name": str(name)}}} if name.isprintable():
                print("directive:", name, flush=True)
                if name == "StopCapture" and self.recording:
                    self.recording.finish()
            case _ if message != {}:  # which is only there to be heard
                print("that is no directive", file=sys.stderr)

    def play(self, content_id, sound):
        print(f"sound {content_id!r}: {len(sound)} bytes", flush=True)

    def lost(self, error):
        print("lost the service:", error, file=sys.stderr)


def late(*_):
    raise TimeoutError(f"it took more than {MOST} seconds")
