"""Bodies: Twisted producers and consumers. No sockets, no version of HTTP."""

from txmultipart.body.delivery import BodyReader, get_body
from txmultipart.body.file_sink import FileSink
from txmultipart.body.part import BodyPart
from txmultipart.body.payloads import Payload, payload_of
from txmultipart.body.producer import BodyProducer, RawBody
from txmultipart.body.reader import MultipartReader
from txmultipart.body.sinks import HashSink, MemorySink, Sink, TeeSink
from txmultipart.body.writer import FormData, MultipartWriter

__all__ = [
    "BodyPart",
    "BodyProducer",
    "BodyReader",
    "FileSink",
    "FormData",
    "HashSink",
    "MemorySink",
    "MultipartReader",
    "MultipartWriter",
    "Payload",
    "RawBody",
    "Sink",
    "TeeSink",
    "get_body",
    "payload_of",
]
