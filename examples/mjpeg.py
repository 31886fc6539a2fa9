"""Show the pictures in a folder as a film, over and over, to whoever looks.

python examples/mjpeg.py FOLDER [ENDPOINT]
"""

import sys
from itertools import cycle
from pathlib import Path

from twisted.internet import endpoints, reactor
from twisted.internet.task import LoopingCall
from twisted.web.resource import Resource
from twisted.web.server import Site

from txmultipart import MixedReplaceWriter, answer_with


class Film(Resource):
    isLeaf, viewers = True, ()

    def render_GET(self, request):
        viewer = MixedReplaceWriter()  # one for each: who is slow misses frames
        self.viewers = (*self.viewers, viewer)
        return answer_with(request, viewer)

    def show(self, frame):
        self.viewers = tuple(v for v in self.viewers if not v.closed)
        for viewer in self.viewers:
            viewer.send(frame)


words = sys.argv[1:] or sys.exit(__doc__)
folder, listen = [*words, "tcp:8080"][:2]
film = Film()
frames = cycle([path.read_bytes() for path in sorted(Path(folder).iterdir())])
LoopingCall(lambda: film.show(next(frames))).start(1 / 25)
endpoint = endpoints.serverFromString(reactor, listen)
# A stock Site will do: what is sent needs no StreamingSite, what is received does.
endpoint.listen(Site(film)).addCallback(lambda port: print(port, flush=True))
reactor.run()
