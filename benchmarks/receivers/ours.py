"""A StreamingSite that writes each file of a form: HTTP/1.1, h2c and ALPN on one port.

python ours.py PORT FOLDER [CERTIFICATE KEY]
"""

import sys
from pathlib import Path

from twisted.internet import endpoints, reactor

from txmultipart import FileSink, Limits, MultipartResource, StreamingSite

port, folder, *pem = sys.argv[1:]


class Upload(MultipartResource):
    """Keeps what is uploaded, as the others do: no name is synced to the disk."""

    isLeaf = True
    limits = Limits()

    async def render_multipart(self, request, reader):
        size = 0
        async for part in reader:
            path = Path(folder) / "upload.bin"
            sink = FileSink(path, collision="overwrite", fsync=False)
            size += await part.write_to(sink)
        return b"%d" % size


what = f"ssl:{port}:certKey={pem[0]}:privateKey={pem[1]}" if pem else f"tcp:{port}"
endpoint = endpoints.serverFromString(reactor, what + ":interface=127.0.0.1")
endpoint.listen(StreamingSite(Upload()))
reactor.run()
