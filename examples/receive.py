"""Save the files of a form, with await at /await, with callbacks at /callbacks.

python examples/receive.py FOLDER [ENDPOINT]
"""

import sys
from pathlib import Path

from twisted.internet import endpoints, reactor
from twisted.web.resource import Resource

from txmultipart import FileSink, MultipartResource, StreamingSite

WORDS = sys.argv[1:] or sys.exit(__doc__)
FOLDER, LISTEN = [*WORDS, "tcp:8080"][:2]


def save(part):
    if not part.safe_filename:
        return part.discard()
    return part.write_to(FileSink(Path(FOLDER, part.safe_filename), collision="rename"))


class Await(MultipartResource):
    async def render_multipart(self, request, reader):
        async for part in reader:
            await save(part)
        return b"saved\n"


class Callbacks(MultipartResource):
    def render_multipart(self, request, reader):
        return reader.for_each(save).addCallback(b"%d parts\n".__mod__)


root = Resource()
root.putChild(b"await", Await())
root.putChild(b"callbacks", Callbacks())
endpoint = endpoints.serverFromString(reactor, LISTEN)
endpoint.listen(StreamingSite(root)).addCallback(lambda port: print(port, flush=True))
reactor.run()
