"""Payloads that are bodies themselves: one of ours, or somebody else's producer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IConsumer
from twisted.python.components import registerAdapter
from twisted.python.failure import Failure
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer

from txmultipart.body.nested import check_nesting
from txmultipart.body.payload import DelegatingPayload, Payload
from txmultipart.body.producer import BodyProducer, RawBody
from txmultipart.body.sources import checked
from txmultipart.body.stream import ByteStream
from txmultipart.errors import PayloadError
from txmultipart.interfaces import IPayload


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
        inlet = _Inlet(self._stream, self._not_bytes)
        done = maybeDeferred(self._producer.startProducing, inlet)
        done.addCallbacks(self._ended, self._broke)

    def _ended(self, _: object) -> None:
        self._over = True
        self._stream.unregisterProducer()

    def _broke(self, failure: Failure) -> None:
        self._over = True
        self._stream.fail(failure)

    def _not_bytes(self, failure: Failure) -> None:
        if not self._over:
            self._broke(failure)
            self._producer.stopProducing()

    def close(self) -> None:
        """Stop the producer if it still produces."""
        if self._started and not self._over:
            self._over = True
            # First: what was stopped must not be told to pause any more.
            self._stream.unregisterProducer()
            self._producer.stopProducing()


@implementer(IConsumer)
class _Inlet:
    """What a producer writes to: ``stream``, but nothing that is not bytes gets there."""

    def __init__(
        self, stream: ByteStream, not_bytes: Callable[[Failure], None]
    ) -> None:
        self._stream = stream
        self._not_bytes = not_bytes

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """A body producer need not, and may."""
        self._stream.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """It has no more."""
        self._stream.unregisterProducer()

    def write(self, data: bytes) -> None:
        """The next bytes, which are copied if they could still change."""
        try:
            piece = checked(data)
        except PayloadError:
            self._not_bytes(Failure())
        else:
            self._stream.write(piece)


def producer_payload(producer: Any) -> Payload:
    """Whatever somebody else's ``IBodyProducer`` produces; it can be sent once."""
    return DelegatingPayload(producer, lambda: ProducerSource(producer))


def body_payload(body: BodyProducer) -> Payload:
    """A body of ours inside another; it can be sent again if it says so."""
    kind = getattr(body, "content_type", None)
    return DelegatingPayload(body, body.make_source, content_type=kind)


def raw_payload(body: RawBody) -> Payload:
    """The content of a raw body, with its headers and codings.

    Raises ``MisuseError`` beyond ``nested.MAX_NESTING`` of them in one another.
    """
    content = body.payload
    payload = DelegatingPayload(
        content,
        content.open,
        content_type=None,
        filename=content.filename,
        encoded=True,
    )
    check_nesting([payload])
    payload.update_headers(content.headers)
    return payload


registerAdapter(raw_payload, RawBody, IPayload)
registerAdapter(body_payload, BodyProducer, IPayload)
registerAdapter(producer_payload, IBodyProducer, IPayload)
