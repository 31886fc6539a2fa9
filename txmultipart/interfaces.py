"""The seams: what pieces of this package, and yours, have to offer one another.

zope interfaces where Twisted adapts or asks for a provider, protocols elsewhere.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.python.failure import Failure
from zope.interface import Attribute, Interface


class ISink(IConsumer):
    """A consumer that keeps what it is given, and so has an end worth waiting for.

    After the last ``write`` either ``unregisterProducer`` is called and then
    ``finish``, or ``fail`` and then ``unregisterProducer``. A sink that cannot
    go on calls its producer's ``stopProducing`` and lets ``finish`` fail with
    the reason.
    """

    def finish() -> Deferred[None]:
        """All bytes were written. Fires when they are safe; fails when they are not."""

    def fail(failure: Failure) -> Deferred[None]:
        """The source broke: undo what was done. Fires when that is done, never fails."""


class IPayload(Interface):
    """Something that can be the content of a part: adapt to this what you want to send.

    It may have an attribute ``filename`` too, the name of the file that it is.
    """

    headers = Attribute("The part's headers, a mutable twisted.web Headers.")
    length = Attribute("Bytes of content, an int, or UNKNOWN_LENGTH.")
    replayable = Attribute("Whether ``open`` may be called again after an attempt.")

    def open() -> Source:
        """A fresh source of the content, from its first byte on."""


class IStreamingResource(Interface):
    """Marks a resource that wants to be rendered before the request's body has come.

    It takes the body with ``get_body(request)``. A resource without this
    mark is rendered by ``StreamingRequest`` exactly when a stock
    ``twisted.web`` request would do it.
    """


class Source(Protocol):
    """Content, taken piece by piece at the taker's own pace.

    It may have an attribute ``live``. Where that is true each piece leaves at once, by
    itself; small pieces of others are sent together. It is asked before each write.
    """

    def read(self) -> bytes | Deferred[bytes]:
        """The next piece, now or later; ``b""`` is the end. One read at a time.

        What it raises, or its Deferred fails with, fails the body; so does a piece that
        is neither bytes nor a bytearray or memoryview, of which a copy is made.
        """

    def close(self) -> None:
        """Let go of everything; may come at any time, more than once.

        Also from within ``read``, which is then followed by another ``close``, and while
        the Deferred of a read waits. That may fire, fail or do neither afterwards: what
        it comes to is dropped. What ``close`` raises is logged.
        """
