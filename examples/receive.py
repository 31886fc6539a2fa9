"""Save the files of a form, with await at /await, with callbacks at /callbacks:
python examples/receive.py FOLDER [ENDPOINT]"""

import sys
from pathlib import Path

from twisted.internet import endpoints, reactor
from twisted.web.resource import Resource

from txmultipart import FileSink, MultipartResource, StreamingSite

FOLDER = Path(sys.argv[1] if len(sys.argv) > 1 else sys.exit(__doc__))


def save(part):
    if not part.safe_filename:
        return part.discard()
    return part.write_to(FileSink(FOLDER / part.safe_filename, collision="rename"))


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
endpoint = endpoints.serverFromString(reactor, (sys.argv[2:] or ["tcp:8080"])[0])
endpoint.listen(StreamingSite(root)).addCallback(lambda port: print(port, flush=True))
reactor.run()
