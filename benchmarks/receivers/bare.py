"""A bare Twisted protocol that writes what it gets, headers and all: the floor.

python bare.py PORT FOLDER [CERTIFICATE KEY]
"""

import os
import sys
from pathlib import Path

from twisted.internet import endpoints, protocol, reactor
from twisted.internet.interfaces import IProtocolNegotiationFactory
from zope.interface import implementer

port, folder, *pem = sys.argv[1:]


class Write(protocol.Protocol):
    """Answers when as many bytes have come as Content-Length says."""

    def connectionMade(self):
        self.fd = os.open(
            Path(folder) / "upload.bin", os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        )
        self.left = None

    def dataReceived(self, data):
        os.write(self.fd, data)
        if self.left is None:
            head, _, rest = data.partition(b"\r\n\r\n")
            (length,) = [
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            ]
            self.left, data = length, rest
            if b"100-continue" in head:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.left -= len(data)
        if self.left == 0:
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def connectionLost(self, reason):
        os.close(self.fd)


@implementer(IProtocolNegotiationFactory)
class Listen(protocol.Factory):
    """Without this, no handshake with a client that offers protocols."""

    protocol = Write

    def acceptableProtocols(self):
        return [b"http/1.1"]


bytes(8 << 20)  # see ours.py
what = f"ssl:{port}:certKey={pem[0]}:privateKey={pem[1]}" if pem else f"tcp:{port}"
endpoint = endpoints.serverFromString(reactor, what + ":interface=127.0.0.1")
endpoint.listen(Listen())
reactor.run()
