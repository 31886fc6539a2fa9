"""The multipart format: bytes to events and back, for any framework.

Standard library only: nothing here knows of files, clocks, sockets or Twisted.
"""

from txmultipart.errors import (
    LimitExceeded,
    MalformedMultipart,
    MisuseError,
    MultipartError,
    NotMultipart,
    TruncatedMultipart,
)
from txmultipart.limits import Limits
from txmultipart.sansio.boundary import make_boundary
from txmultipart.sansio.events import (
    EndOfMultipart,
    Event,
    PartBegin,
    PartData,
    PartEnd,
)
from txmultipart.sansio.filenames import safe_filename
from txmultipart.sansio.headers import PartHeaders
from txmultipart.sansio.parameters import parse_content_disposition, parse_content_type
from txmultipart.sansio.parser import MultipartParser
from txmultipart.sansio.profiles import FORM_DATA, MIME, REPLACE, Anomaly, Profile
from txmultipart.sansio.serializer import MultipartSerializer

__all__ = [
    "FORM_DATA",
    "MIME",
    "REPLACE",
    "Anomaly",
    "EndOfMultipart",
    "Event",
    "LimitExceeded",
    "Limits",
    "MalformedMultipart",
    "MisuseError",
    "MultipartError",
    "MultipartParser",
    "MultipartSerializer",
    "NotMultipart",
    "PartBegin",
    "PartData",
    "PartEnd",
    "PartHeaders",
    "Profile",
    "TruncatedMultipart",
    "make_boundary",
    "parse_content_disposition",
    "parse_content_type",
    "safe_filename",
]
