"""Multipart bodies that stream, in both directions, for Twisted.

The public names, in one list; nothing is defined here.
"""

from txmultipart.body import (
    BodyPart,
    BodyReader,
    FileSink,
    FormData,
    HashSink,
    MemorySink,
    MultipartReader,
    MultipartWriter,
    Payload,
    RawBody,
    Sink,
    TeeSink,
    get_body,
)
from txmultipart.errors import (
    LimitExceeded,
    MalformedMultipart,
    MisuseError,
    MultipartError,
    NotMultipart,
    PayloadError,
    TruncatedMultipart,
    UploadAborted,
)
from txmultipart.interfaces import IPayload, ISink, IStreamingResource
from txmultipart.limits import UNLIMITED, Limits
from txmultipart.web import (
    MultipartAgent,
    MultipartResource,
    StreamingRequest,
    StreamingSite,
    streaming,
)

__all__ = [
    "UNLIMITED",
    "BodyPart",
    "BodyReader",
    "FileSink",
    "FormData",
    "HashSink",
    "IPayload",
    "ISink",
    "IStreamingResource",
    "LimitExceeded",
    "Limits",
    "MalformedMultipart",
    "MemorySink",
    "MisuseError",
    "MultipartAgent",
    "MultipartError",
    "MultipartReader",
    "MultipartResource",
    "MultipartWriter",
    "NotMultipart",
    "Payload",
    "PayloadError",
    "RawBody",
    "Sink",
    "StreamingRequest",
    "StreamingSite",
    "TeeSink",
    "TruncatedMultipart",
    "UploadAborted",
    "get_body",
    "streaming",
]
