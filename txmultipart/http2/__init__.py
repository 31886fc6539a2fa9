"""HTTP/2 on Twisted: streams that do not block one another, in bounded memory."""

from txmultipart.http2.errors import ConnectionTerminated, HTTP2Error, StreamReset
from txmultipart.http2.frames import PREFACE
from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.reading import WholeReads
from txmultipart.http2.server import Server
from txmultipart.http2.server_stream import Front, ServerStream

__all__ = [
    "PREFACE",
    "ConnectionTerminated",
    "Front",
    "HTTP2Error",
    "HTTP2Options",
    "Server",
    "ServerStream",
    "StreamReset",
    "WholeReads",
]
