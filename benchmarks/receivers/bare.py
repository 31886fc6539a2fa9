"""A bare Twisted protocol that writes what it gets, headers and all: the floor.

python bare.py PORT FOLDER [CERTIFICATE KEY]

It takes forms of one file from curl, and nothing apart but the first bytes, for the
size of that file, which it answers like the others.
"""

import os
import re
import sys
from pathlib import Path

from twisted.internet import endpoints, protocol, reactor
from twisted.internet.interfaces import IProtocolNegotiationFactory
from zope.interface import implementer

port, folder, *pem = sys.argv[1:]


def tail(head):
    """Bytes after the file: the last line, with the boundary and eight more."""
    return len(re.search(rb"boundary=(\S+)", head)[1]) + 8


def length_of_file(head, part):
    """What Content-Length leaves for it."""
    length = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
    return length - len(part) - 4 - tail(head)


class Write(protocol.Protocol):
    """Answers when as many bytes have come as Content-Length says."""

    def connectionMade(self):
        self.fd = os.open(
            Path(folder) / "upload.bin", os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        )
        self.left, self.first = None, b""

    def dataReceived(self, data):
        os.write(self.fd, data)
        if self.left is None:
            self.first += data
            if self.first.count(b"\r\n\r\n") < 2:
                return
            head, part, data = self.first.split(b"\r\n\r\n", 2)
            self.size = self.left = length_of_file(head, part)
            self.left += tail(head)
        self.left -= len(data)
        if self.left == 0:
            body = b"%d" % self.size
            head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
            self.transport.write(head + body)

    def connectionLost(self, reason):
        os.close(self.fd)


@implementer(IProtocolNegotiationFactory)
class Listen(protocol.Factory):
    """Without this, no handshake with a client that offers protocols."""

    protocol = Write

    def acceptableProtocols(self):
        return [b"http/1.1"]


# Has glibc keep large blocks; txmultipart does so too.
bytes(8 << 20)
what = f"ssl:{port}:certKey={pem[0]}:privateKey={pem[1]}" if pem else f"tcp:{port}"
endpoint = endpoints.serverFromString(reactor, what + ":interface=127.0.0.1")
endpoint.listen(Listen())
reactor.run()
