"""Take uploads and send them on to another server, while they arrive, part by part.

python examples/transfer/relay.py UPSTREAM [ENDPOINT]
"""

import sys

from twisted.internet import endpoints, reactor

from txmultipart import Relay, StreamingSite


def change(part, payload):
    if part.name == "comment":
        return None  # is left out
    payload.headers.setRawHeaders("X-Scanned-By", ["relay"])
    return payload  # as it comes


words = sys.argv[1:] or sys.exit(__doc__)
upstream, listen = [*words, "tcp:8080"][:2]
site = StreamingSite(Relay(reactor, upstream, change=change))
endpoint = endpoints.serverFromString(reactor, listen)
endpoint.listen(site).addCallback(lambda port: print(port, flush=True))
reactor.run()
