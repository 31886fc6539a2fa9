"""HTTP/2 on Twisted: streams that do not block one another, in bounded memory."""

from txmultipart.http2.alarm import Alarm
from txmultipart.http2.answer_length import AnswerLength
from txmultipart.http2.client import Client
from txmultipart.http2.client_fields import RequestFields
from txmultipart.http2.client_options import ClientOptions
from txmultipart.http2.client_stream import ClientStream, Listener
from txmultipart.http2.errors import (
    ConnectionTerminated,
    ErrorCodes,
    HTTP2Error,
    StreamReset,
    UnsendableFields,
)
from txmultipart.http2.frames import PREFACE
from txmultipart.http2.observer import Observer
from txmultipart.http2.options import HTTP2Options
from txmultipart.http2.outgoing import NOT_BEHIND
from txmultipart.http2.patience import Patience, Stopwatch
from txmultipart.http2.reading import ReadSize, WholeReads
from txmultipart.http2.server import Server
from txmultipart.http2.server_stream import Front, ServerStream
from txmultipart.http2.window import SharedBudget

__all__ = [
    "NOT_BEHIND",
    "PREFACE",
    "Alarm",
    "AnswerLength",
    "Client",
    "ClientOptions",
    "ClientStream",
    "ConnectionTerminated",
    "ErrorCodes",
    "Front",
    "HTTP2Error",
    "HTTP2Options",
    "Listener",
    "Observer",
    "Patience",
    "ReadSize",
    "RequestFields",
    "Server",
    "ServerStream",
    "SharedBudget",
    "Stopwatch",
    "StreamReset",
    "UnsendableFields",
    "WholeReads",
]
