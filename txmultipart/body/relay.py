"""Payloads that arrive themselves: the parts of an incoming body, or one as it is.

``writer.append(part)`` passes an incoming part on while it arrives, and
``RawBody(get_body(request))`` a whole body; whoever takes the outgoing body slowly
holds its sender back. ``MisuseError`` if that was read to its end already.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.components import registerAdapter
from twisted.web.iweb import UNKNOWN_LENGTH

from txmultipart.body.delivery import BodyReader
from txmultipart.body.part import BodyPart
from txmultipart.body.payload import Payload
from txmultipart.body.stream import ByteStream
from txmultipart.errors import MisuseError
from txmultipart.interfaces import IPayload


class StreamSource:
    """What a stream brings, as it comes."""

    def __init__(self, stream: ByteStream) -> None:
        stream._check_unread()
        self._stream = stream
        self._reading: Deferred[bytes] | None = None

    def read(self) -> Deferred[bytes]:
        """The next bytes; fails with what broke the stream."""
        self._reading = self._stream.read_chunk()
        return self._reading

    def close(self) -> None:
        """Wait for nothing; what is left of the stream can still be read."""
        reading, self._reading = self._reading, None
        if reading is not None and not reading.called:
            reading.addErrback(lambda _: b"")
            reading.cancel()


class PartPayload(Payload):
    """An incoming part, with its headers, passed on as it is, codings and all.

    That is what is left of it when the payload is made. Whoever reads some of it after
    that cannot send the rest as if it were the part: ``open`` raises ``MisuseError``.
    """

    def __init__(self, part: BodyPart) -> None:
        part._check_unread()
        taken = part.taken

        def source() -> StreamSource:
            source = StreamSource(part)
            if part.taken != taken:
                raise MisuseError("some of the part was read, and the rest is not it")
            return source

        super().__init__(
            source,
            content_type=None,
            filename=part.filename,
            encoded=True,
        )
        for name, value in part.headers.raw:
            self.headers.addRawHeader(name, value)

    @property
    def promised(self) -> int | str:
        """Nothing: what its headers declare is the word of whoever sent it."""
        return self.length


def raw_payload_of(body: BodyReader) -> Payload:
    """What is left of a body that is being received, as long as was declared."""
    body._check_unread()
    left = UNKNOWN_LENGTH if body.length is None else body.length - body.taken
    return Payload(lambda: StreamSource(body), length=left)


registerAdapter(PartPayload, BodyPart, IPayload)
registerAdapter(raw_payload_of, BodyReader, IPayload)
