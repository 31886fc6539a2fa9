"""Upload standard input while it is being written, a recording for instance.

arecord -f cd | python examples/live_upload.py URL

``txmultipart serve`` takes it, and ``examples/receive.py``.
"""

import sys

import treq
from twisted.internet.protocol import Protocol
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react

from txmultipart import FormData, LivePayload


class Microphone(Protocol):
    def __init__(self, payload):
        self.payload = payload

    def dataReceived(self, data):
        # Leaves at once, as a chunk of its own. Then as fast as the network takes it.
        self.transport.pauseProducing()
        self.payload.write(data).addCallback(lambda _: self.transport.resumeProducing())

    def connectionLost(self, reason):
        self.payload.finish()


async def main(reactor, url):
    sound = LivePayload(content_type="audio/wav")
    form = FormData()
    form.add_field("speaker", "me")
    form.add_file("sound", sound, filename="sound.wav")
    StandardIO(Microphone(sound))
    try:
        response = await treq.post(url, data=form, headers=form.headers)
    except Exception:
        form.stopProducing()  # in vain: it may not have begun, and nobody told it
        raise
    print(await response.text())


react(main, sys.argv[1:] if len(sys.argv) == 2 else sys.exit(__doc__))
