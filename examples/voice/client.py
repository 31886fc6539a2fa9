"""Speak to a voice service, from a microphone, and hear what it says.

arecord -q -f S16_LE -r 16000 -t raw | python examples/voice/client.py URL [TOKEN]

``examples/voice/cloud.py`` is such a service.
"""

import os
import sys

from device import Device
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react

from txmultipart import ClientOptions, HTTP2ConnectionPool, LivePayload
from txmultipart.treq import client

FRAME = 320  # bytes: 10 ms of 16 kHz, 16 bit, mono


class Microphone(Protocol):
    def __init__(self, recording):
        self.recording, self.rest = recording, b""

    def dataReceived(self, data):
        self.rest += data
        while len(self.rest) >= FRAME:
            frame, self.rest = self.rest[:FRAME], self.rest[FRAME:]
            if not self.recording.closed:
                self.transport.pauseProducing()  # until the network has taken it
                self.recording.write(frame).addCallback(self.go_on)

    def go_on(self, _):
        self.transport.resumeProducing()

    def connectionLost(self, reason):
        self.recording.finish()


async def main(reactor, url, token=None):
    # A PING after four silent minutes: gateways forget what is silent for five.
    options = ClientOptions(ping_interval=240)
    pool = HTTP2ConnectionPool(reactor, h2c=True, options=options)
    headers = token and {"Authorization": f"Bearer {token}"}
    device = Device(reactor, client(reactor, pool=pool), url, headers)
    device.recording = LivePayload()
    listening = Deferred.fromCoroutine(device.listen())
    listening.addErrback(lambda reason: reason.trap(CancelledError))
    # Its output is not ours: that would no longer wait for whoever reads it.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    StandardIO(Microphone(device.recording), stdout=nowhere)
    try:
        heard = device.tell("SpeechRecognizer", "Recognize", device.recording)
        await device.soon(heard)
    except Exception as error:
        sys.exit(f"the service has not heard it: {error}")
    finally:
        listening.cancel()
        await pool.closeCachedConnections()


if __name__ == "__main__":
    react(main, sys.argv[1:] if len(sys.argv) in (2, 3) else sys.exit(__doc__))
