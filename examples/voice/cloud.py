"""A voice service that says again what it has heard, for tests of devices.

python examples/voice/cloud.py [ENDPOINT]
"""

import json
import sys

from twisted.internet import endpoints, reactor

from txmultipart import (
    Limits,
    LiveWriter,
    MultipartResource,
    RelatedWriter,
    StreamingSite,
    answer_with,
)

ENOUGH = 16_000  # bytes: half a second, then the device is told to stop


def directive(namespace, name, **payload):
    header = {"namespace": namespace, "name": name}
    return {"directive": {"header": header, "payload": payload}}


class Cloud(MultipartResource):
    isLeaf = True
    limits = Limits(max_part_size=1 << 20)  # bytes: half a minute of speech

    def __init__(self):
        super().__init__()
        self.downchannel = LiveWriter("related")

    def render_GET(self, request):
        if request.path.endswith(b"/ping"):
            request.setResponseCode(204)
            return b""
        self.downchannel.finish()  # there is one
        self.downchannel = LiveWriter("related")
        return answer_with(request, self.downchannel)

    async def render_multipart(self, request, reader):
        heard = None
        async for part in reader:
            if part.content_type == "application/json":
                await part.json()
            else:
                heard = await self.hear(part)
        return heard and self.answer(heard)  # None is answered with 204

    async def hear(self, part):
        heard = bytearray()
        async for sound in part:
            before = len(heard)
            heard += sound
            if before < ENOUGH <= len(heard):
                stop = directive("SpeechRecognizer", "StopCapture")
                self.downchannel.append_json(stop)
        return bytes(heard)

    def answer(self, heard):
        answer = RelatedWriter()
        speech = answer.append(heard, {"Content-Type": "application/octet-stream"})
        url = answer.cid_url(speech)
        root = json.dumps(directive("SpeechSynthesizer", "Speak", url=url))
        answer.set_root(root, {"Content-Type": "application/json"})
        return answer


if __name__ == "__main__":
    endpoint = endpoints.serverFromString(reactor, (sys.argv[1:] or ["tcp:8080"])[0])
    listening = endpoint.listen(StreamingSite(Cloud()))
    listening.addCallback(lambda port: print(port, flush=True))
    reactor.run()
