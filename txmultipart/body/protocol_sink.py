"""ProtocolSink: gives a body to a ``Protocol``, as ``IResponse.deliverBody`` does."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IProtocol, IPushProducer, ITransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import ResponseDone
from zope.interface import implementer

from txmultipart.body.sinks import Sink

_log = Logger()


class ProtocolSink(Sink):
    """Calls ``dataReceived``, and once ``connectionLost``: with ``ResponseDone`` at the end.

    The protocol's transport is a push producer. When it stops that, the reason
    is ``CancelledError``.
    """

    def __init__(self, protocol: IProtocol) -> None:
        self._protocol = protocol
        self._transport: _Transport | None = None

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """The protocol is connected."""
        super().registerProducer(producer, streaming)
        self._transport = _Transport(self.producer)
        self._protocol.makeConnection(cast("ITransport", self._transport))

    def write(self, data: bytes) -> None:
        """Some bytes of the body."""
        try:
            self._protocol.dataReceived(data)
        except Exception:
            _log.failure("a protocol could not take a body")
            raise

    def finish(self) -> Deferred[None]:
        """The end, or what the protocol has made of it."""
        stopped = self._transport is not None and self._transport.stopped
        done = CancelledError("the protocol stopped") if stopped else ResponseDone()
        return self.fail(Failure(done))

    def fail(self, failure: Failure) -> Deferred[None]:
        """The source broke, or the protocol did."""
        self._protocol.connectionLost(failure)
        return succeed(None)


@implementer(IPushProducer)
class _Transport:
    """What the protocol sees of the body's source."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self.stopped = False

    def pauseProducing(self) -> None:
        self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        self._producer.resumeProducing()

    def stopProducing(self) -> None:
        self.stopped = True
        self._producer.stopProducing()

    # Some protocols know their transport by this name for the same.
    loseConnection = stopProducing
