"""Peak memory of a process, and two programs whose memory is looked at."""

from __future__ import annotations

import os
from pathlib import Path

MiB = 1 << 20

#: Serves PUT at any path, with a consumer that takes RATE bytes a second at most;
#: answers with the size.
SLOW_SERVER = """
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from txmultipart import StreamingSite, get_body
from txmultipart.body.sinks import Sink
from txmultipart.interfaces import IStreamingResource

RATE, STEP = 20e6, 0.05


class Slow(Sink):
    due = 0

    def write(self, data):
        self.due += len(data)
        if self.due >= RATE * STEP:
            self.producer.pauseProducing()
            reactor.callLater(self.due / RATE, self.go_on)
            self.due = 0

    def go_on(self):
        if self.producer is not None:
            self.producer.resumeProducing()


@implementer(IStreamingResource)
class Uploads(Resource):
    isLeaf = True

    def render_PUT(self, request):
        written = get_body(request).write_to(Slow())
        written.addCallback(lambda size: request.write(b"%d" % size))
        written.addCallback(lambda _: request.finish())
        return NOT_DONE_YET


endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
listening = endpoint.listen(StreamingSite(Uploads()))
listening.addCallback(
    lambda port: print(f"http://127.0.0.1:{port.getHost().port}/", flush=True)
)
reactor.run()
"""

#: Sends one file as a form with treq; prints the growth of its peak memory in bytes.
TREQ_CLIENT = """
import sys
from pathlib import Path

import treq
from twisted.internet.task import react

from tests.interop.memory import peak, reset_peak
from txmultipart import FormData


async def main(reactor, url, path):
    form = FormData()
    form.add_file("file", Path(path))
    reset_peak("self")
    idle = peak("self")
    answer = await treq.post(url, data=form, headers=form.headers)
    await treq.content(answer)
    print(answer.code, peak("self") - idle)


react(main, sys.argv[1:])
"""


def peak(process: int | str) -> int:
    """The most memory that ``process`` has held, in bytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def reset_peak(process: int | str) -> None:
    """Begin anew, where that is allowed; otherwise the peak is an upper bound."""
    try:
        Path(f"/proc/{process}/clear_refs").write_text("5")
    except OSError:
        return


def sparse(path: Path, size: int) -> Path:
    """A file of ``size`` bytes that takes no room."""
    path.touch()
    os.truncate(path, size)
    return path
