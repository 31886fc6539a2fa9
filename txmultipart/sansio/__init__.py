"""The multipart format: bytes to events and back, for any framework.

Nothing here knows of files, clocks, sockets or Twisted, and nothing but the
standard library is used. (Importing it loads the package around it, which is
for Twisted.)
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
from txmultipart.sansio.boundary import boundary_parameter, make_boundary
from txmultipart.sansio.codings import (
    content_decoder,
    content_encoder,
    transfer_decoder,
    transfer_encoder,
)
from txmultipart.sansio.events import (
    EndOfMultipart,
    Event,
    PartBegin,
    PartData,
    PartEnd,
)
from txmultipart.sansio.filenames import safe_filename
from txmultipart.sansio.headers import PartHeaders
from txmultipart.sansio.parameters import (
    form_parameter,
    parse_content_disposition,
    parse_content_type,
    quoted_parameter,
)
from txmultipart.sansio.parser import MultipartParser
from txmultipart.sansio.profiles import (
    FORM_DATA,
    MIME,
    REPLACE,
    Anomaly,
    Profile,
    profile_for,
)
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
    "boundary_parameter",
    "content_decoder",
    "content_encoder",
    "form_parameter",
    "make_boundary",
    "parse_content_disposition",
    "parse_content_type",
    "profile_for",
    "quoted_parameter",
    "safe_filename",
    "transfer_decoder",
    "transfer_encoder",
]
