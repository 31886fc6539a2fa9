"""Bodies: Twisted producers and consumers. No sockets, no version of HTTP."""

from txmultipart.body import producer_payloads as producer_payloads  # for its adapters
from txmultipart.body.byteranges_writer import ByteRangesWriter
from txmultipart.body.callable_sink import CallableSink
from txmultipart.body.coming_parts import ComingParts
from txmultipart.body.content_ids import (
    ContentIndex,
    cid_url,
    content_id_of,
    is_root,
)
from txmultipart.body.content_range import ContentRange, parse_content_range
from txmultipart.body.decision import ACCEPT, SKIP, Accept, Reject
from txmultipart.body.delivery import BodyReader, get_body
from txmultipart.body.file_sink import FileSink
from txmultipart.body.live import LivePayload
from txmultipart.body.live_writer import LiveWriter
from txmultipart.body.mixed_replace import MixedReplaceWriter
from txmultipart.body.part import BodyPart
from txmultipart.body.payload import Payload
from txmultipart.body.payloads import payload_of
from txmultipart.body.producer import BodyProducer, RawBody
from txmultipart.body.reader import MultipartReader
from txmultipart.body.related_writer import RelatedWriter
from txmultipart.body.relay import PartPayload
from txmultipart.body.relayed import RelayedParts
from txmultipart.body.sinks import HashSink, MemorySink, Sink, TeeSink
from txmultipart.body.spool_sink import SpoolSink
from txmultipart.body.writer import FormData, MultipartWriter

__all__ = [
    "ACCEPT",
    "SKIP",
    "Accept",
    "BodyPart",
    "BodyProducer",
    "BodyReader",
    "ByteRangesWriter",
    "CallableSink",
    "ComingParts",
    "ContentIndex",
    "ContentRange",
    "FileSink",
    "FormData",
    "HashSink",
    "LivePayload",
    "LiveWriter",
    "MemorySink",
    "MixedReplaceWriter",
    "MultipartReader",
    "MultipartWriter",
    "PartPayload",
    "Payload",
    "RawBody",
    "Reject",
    "RelatedWriter",
    "RelayedParts",
    "Sink",
    "SpoolSink",
    "TeeSink",
    "cid_url",
    "content_id_of",
    "get_body",
    "is_root",
    "parse_content_range",
    "payload_of",
]
