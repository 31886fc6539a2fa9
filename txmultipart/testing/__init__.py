"""For tests of yours: a server and its clients in memory, over HTTP/1.1 and HTTP/2.

::

    server = InMemoryServer(resource)
    form = FormData()
    form.add_file("video", b"content")
    response = server.run(server.client.post("http://example.test/", data=form))
    assert server.run(response.text()) == "thank you"

Nothing waits for a network or for time: bytes go from one side to the other when the
test says so, in pieces of any size, and a clock goes on when it is told to. What needs
the real reactor works when that is given in place of the clock: payloads that are read
from disk, sinks that write to it, ``FileBodyProducer``.
"""

from txmultipart.testing.server import InMemoryServer, Stalled
from txmultipart.testing.transport import MemoryTransport

__all__ = ["InMemoryServer", "MemoryTransport", "Stalled"]
