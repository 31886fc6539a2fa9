"""Every error of the package, and whose fault each one is.

::

    MultipartError                 .code .offset .http_status .part .fault
    ├── MalformedMultipart   400   the sender broke the format
    │   └── TruncatedMultipart 400 the input ended before its close delimiter
    ├── NotMultipart         415   the Content-Type is not a usable multipart
    ├── LimitExceeded    413, 431  a bound of ``Limits`` was passed; ``.limit`` names it
    ├── PayloadError         500   something we were asked to send broke its promise
    └── MisuseError          500   the API was called in a way it does not allow
    UploadAborted            400   the peer went away while its body was under way

No error text holds bytes of a body: texts end up in logs and in answers to
other people.
"""

from __future__ import annotations

from typing import ClassVar, Literal

#: Limits on header blocks are answered with 431 (RFC 6585 section 5), all
#: others with 413 (RFC 9110 section 15.5.14).
HEADER_LIMITS = frozenset(
    {
        "max_header_line",
        "max_headers",
        "max_header_bytes",
        "max_total_header_bytes",
    }
)

#: Who has to change something: the ``sender`` of the bytes, or the ``caller`` of this API.
Fault = Literal["sender", "caller"]


class MultipartError(Exception):
    """Something is wrong with a multipart body or with how it was handled.

    ``code`` is a short fixed word for programs, ``offset`` counts the bytes
    of input before the problem (0 where no input is concerned), ``part`` is
    the number of the part concerned, counted from 1 (0: none), and
    ``http_status`` is what a server should answer with.
    """

    code: str = "multipart-error"
    http_status: int = 400
    fault: ClassVar[Fault] = "sender"

    def __init__(
        self, message: str, *, code: str = "", offset: int = 0, part: int = 0
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.offset = offset
        self.part = part

    def __str__(self) -> str:
        where = f"part {self.part}, " if self.part else ""
        if self.fault == "caller" and not self.offset:
            return f"{self.message} ({where[:-2]})" if where else self.message
        return f"{self.message} ({where}byte {self.offset})"


class MalformedMultipart(MultipartError):
    """The input breaks the multipart format; ``code`` says which rule."""

    code = "malformed"


class TruncatedMultipart(MalformedMultipart):
    """The input ended before the close delimiter (RFC 2046 section 5.1.1)."""

    code = "truncated"


class NotMultipart(MultipartError):
    """The Content-Type is missing, is not ``multipart/*`` or has no usable boundary."""

    code = "not-multipart"
    http_status = 415


class LimitExceeded(MultipartError):
    """A bound of ``Limits`` was passed.

    ``limit`` is the name of the field of ``Limits``, ``bound`` its value, in
    bytes or in things counted. Nothing is ever cut short in silence instead.
    """

    code = "limit-exceeded"
    http_status = 413

    def __init__(self, limit: str, bound: int, *, offset: int = 0, part: int = 0):
        message = f"{limit} is {bound}, and the input has more"
        super().__init__(message, offset=offset, part=part)
        self.limit = limit
        self.bound = bound
        if limit in HEADER_LIMITS:
            self.http_status = 431


class PayloadError(MultipartError):
    """A thing to be sent failed, or gave more or fewer bytes than it promised."""

    code = "payload"
    http_status = 500
    fault = "caller"


class MisuseError(MultipartError):
    """The API was called at the wrong time or with a value it cannot take."""

    code = "misuse"
    http_status = 500
    fault = "caller"


class UploadAborted(Exception):
    """The peer went away before its whole body had arrived.

    ``received`` counts the body bytes that came, ``reason`` is what the
    transport reported; a clean close in mid-body (Twisted's
    ``ConnectionDone``) is an abort all the same.
    """

    code = "upload-aborted"
    http_status = 400

    def __init__(self, received: int = 0, reason: BaseException | None = None) -> None:
        super().__init__(f"the peer went away after {received} bytes of its body")
        self.received = received
        self.offset = received
        self.reason = reason
