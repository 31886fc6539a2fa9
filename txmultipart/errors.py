"""The errors of bodies and their handling, and whose fault each one is.

Those of HTTP/2 are in ``http2.errors``, those of a ``Relay`` beside it.

::

    MultipartError                 .code .offset .http_status .part .fault
    ├── MalformedMultipart   400   the sender broke the format
    │   └── TruncatedMultipart 400 the input ended before its close delimiter
    ├── NotMultipart         415   the Content-Type is not a usable multipart
    ├── LimitExceeded    413, 431  a bound of ``Limits`` was passed; ``.limit`` names it
    ├── PartRejected     4xx, 5xx  whoever decides about parts refused one
    ├── StorageError    507, 5xx   what was received could not be stored
    ├── PayloadError         500   something we were asked to send broke its promise
    └── MisuseError          500   the API was called in a way it does not allow
        ├── BodyDropped      500   a body is read on after its request was answered
        └── ContentNotHere   500   request.content is read while the body streams
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

#: Who has to change something: the ``sender`` of the bytes, the ``receiver`` whose disk
#: takes no more, or the ``caller`` of this API, whose mistake is nobody else's business.
Fault = Literal["sender", "receiver", "caller"]


class MultipartError(Exception):
    """Something is wrong with a multipart body or with how it was handled.

    ``code`` is a short fixed word for programs and ``message`` a sentence for
    people, ``offset`` counts the bytes of input before the problem, or before
    the header block that has it (0 where no input is concerned), ``part`` is
    the number of the part concerned, counted from 1 (0: none), ``http_status``
    is what a server should answer with, and ``fault`` who has to change something.
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

    def __reduce__(self) -> tuple[object, ...]:
        # Whatever arguments a subclass takes: copying and pickling must work.
        return restored, (type(self), self.args, self.__dict__)

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


class PartRejected(MultipartError):
    """A part was refused at its headers; see ``Reject``."""

    code = "rejected"

    def __init__(
        self, status: int, message: str, *, code: str = "", part: int = 0
    ) -> None:
        super().__init__(message, code=code, part=part)
        self.http_status = status


class StorageError(MultipartError):
    """What was received could not be stored; ``__cause__`` is what the system said."""

    code = "storage"
    http_status = 507
    fault = "receiver"


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


class BodyDropped(MisuseError):
    """The request was answered before its body had ended, and its rest was dropped."""

    code = "body-dropped"


class ContentNotHere(MisuseError):
    """``request.content`` was asked for while the body is still to come."""

    code = "content-not-here"


class UploadAborted(Exception):
    """The peer went away before its whole body had arrived.

    ``received`` counts the body bytes that came, ``reason`` is what the
    transport reported; a clean close in mid-body (Twisted's
    ``ConnectionDone``) is an abort all the same.
    """

    code = "upload-aborted"
    http_status = 400
    fault: ClassVar[Fault] = "sender"
    part = 0

    def __init__(self, received: int = 0, reason: BaseException | None = None) -> None:
        self.message = f"the peer went away after {received} bytes of its body"
        super().__init__(self.message)
        self.received = received
        self.offset = received
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        return restored, (type(self), self.args, self.__dict__)


def restored(
    kind: type[Exception], args: tuple[object, ...], state: dict[str, object]
) -> Exception:
    """An error as it was, without calling its constructor."""
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error
