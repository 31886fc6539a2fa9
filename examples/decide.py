"""Decide about each part when its headers are here, before its bytes are sent.

python examples/decide.py [ENDPOINT]
"""

import sys

from twisted.internet import endpoints, reactor

from txmultipart import (
    SKIP,
    Accept,
    Limits,
    MultipartReader,
    MultipartResource,
    Reject,
    StreamingSite,
)


def decide(headers):
    if headers.name != "photo":
        return SKIP
    if headers.content_type != "image/jpeg":
        return Reject(415, "a photo is a JPEG")
    return Accept(Limits(max_part_size=1 << 20))


class Photos(MultipartResource):
    isLeaf = True

    def make_reader(self, request):
        return MultipartReader.from_request(request, decide=decide)

    async def render_multipart(self, request, reader):
        sizes = [await part.discard() async for part in reader]
        return b"%d photos, %d bytes\n" % (len(sizes), sum(sizes))


endpoint = endpoints.serverFromString(reactor, (sys.argv[1:] or ["tcp:8080"])[0])
listening = endpoint.listen(StreamingSite(Photos()))
listening.addCallback(lambda port: print(port, flush=True))
reactor.run()
