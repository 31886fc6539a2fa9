"""Payloads that are streams themselves: an incoming part, another body producer.

``writer.append(part)`` passes an incoming part on while it arrives; whoever
takes the outgoing body slowly holds its sender back.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.components import registerAdapter
from twisted.python.failure import Failure
from twisted.web.iweb import IBodyProducer

from txmultipart.body.part import BodyPart
from txmultipart.body.payload import DelegatingPayload, Payload
from txmultipart.body.producer import BodyProducer, RawBody
from txmultipart.body.stream import ByteStream
from txmultipart.interfaces import IPayload


class StreamSource:
    """What a stream brings, as it comes."""

    def __init__(self, stream: ByteStream) -> None:
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


class ProducerSource:
    """What an ``IBodyProducer`` writes, taken piece by piece.

    It is paused whenever nobody waits for a piece.
    """

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._stream = ByteStream()
        self._started = False
        self._over = False

    def read(self) -> Deferred[bytes]:
        """The next bytes; fails with what the producer fails with."""
        piece = self._stream.read_chunk()
        if not self._started:
            self._started = True
            self._start()
        return piece

    def _start(self) -> None:
        # In this order, as Twisted's own client does it: a producer that writes at
        # once can be paused at once.
        self._stream.registerProducer(self._producer, True)
        done = maybeDeferred(self._producer.startProducing, self._stream)
        done.addCallbacks(self._ended, self._broke)

    def _ended(self, _: object) -> None:
        self._over = True
        self._stream.unregisterProducer()

    def _broke(self, failure: Failure) -> None:
        self._over = True
        self._stream.fail(failure)

    def close(self) -> None:
        """Stop the producer if it still produces."""
        if self._started and not self._over:
            self._over = True
            # First: what was stopped must not be told to pause any more.
            self._stream.unregisterProducer()
            self._producer.stopProducing()


class PartPayload(Payload):
    """An incoming part, with its headers, passed on as it is, codings and all."""

    described = True

    def __init__(self, part: BodyPart) -> None:
        super().__init__(
            lambda: StreamSource(part),
            content_type=None,
            filename=part.filename,
            encoded=True,
        )
        for name, value in part.headers.raw:
            self.headers.addRawHeader(name, value)


def producer_payload(producer: Any) -> Payload:
    """Whatever somebody else's ``IBodyProducer`` produces; it can be sent once."""
    payload = DelegatingPayload(producer, lambda: ProducerSource(producer))
    payload.described = False
    return payload


def body_payload(body: BodyProducer) -> Payload:
    """A body of ours inside another; it can be sent again if it says so."""
    kind = getattr(body, "content_type", None)
    return DelegatingPayload(body, body._make_source, content_type=kind)


def raw_payload(body: RawBody) -> Payload:
    """The content of a raw body, with its headers and codings."""
    content = body.payload
    payload = DelegatingPayload(
        content, content.open, filename=content.filename, encoded=True
    )
    payload.headers = content.headers.copy()
    payload.described = content.described
    return payload


registerAdapter(PartPayload, BodyPart, IPayload)
registerAdapter(raw_payload, RawBody, IPayload)
registerAdapter(body_payload, BodyProducer, IPayload)
registerAdapter(producer_payload, IBodyProducer, IPayload)
