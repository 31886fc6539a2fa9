"""Intake: the upper half of a reader. The bytes of a body in, its events out, in order.

It is a consumer of the body. What one write of it held in more events than are
wanted is queued, and its producer runs only while somebody wants more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure
from zope.interface import implementer

from txmultipart.body.progress import Progress, ProgressCallback
from txmultipart.body.upstream import Upstream
from txmultipart.errors import MisuseError
from txmultipart.interfaces import ISink
from txmultipart.sansio.events import Event
from txmultipart.sansio.parser import MultipartParser
from txmultipart.sansio.profiles import Anomaly


@implementer(ISink)
class Intake:
    """Takes a body at the pace of a subclass, which hands out what it consists of.

    The subclass says in ``_wants_more`` whether bytes may come, takes from
    ``_events`` in ``_hand_out``, and knows what is ``_current``.
    """

    def __init__(
        self, parser: MultipartParser, progress: ProgressCallback | None = None
    ) -> None:
        #: Bytes of the whole body where that was declared, else None.
        self.length: int | None = None
        self._parser = parser
        self._callback = progress
        self._progress: Progress | None = None
        # Those of the parser, and what a subclass has put in their place.
        self._events: deque[object] = deque()
        self._upstream = Upstream("a reader takes one body,")
        self._ended = False
        self._failure: Failure | None = None

    @property
    def anomalies(self) -> list[Anomaly]:
        """What was tolerated so far, with the offset of each."""
        return self._parser.anomalies

    @property
    def received(self) -> int:
        """Bytes of the body that have come so far."""
        return self._parser.received

    # What a subclass says -----------------------------------------------------------

    @property
    def _wants_more(self) -> bool:
        raise NotImplementedError

    @property
    def _current(self) -> Any:
        raise NotImplementedError

    def _hand_out(self) -> None:
        raise NotImplementedError

    # IConsumer and ISink ------------------------------------------------------------

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Take the body from ``producer``; it is paused at once unless somebody waits."""
        self._upstream.connect(producer, streaming, self.fail)
        self._adjust()
        self._stop_after_failure()

    def write(self, data: bytes) -> None:
        """The next bytes of the body. Raises ``MisuseError`` for anything but bytes."""
        if not isinstance(data, bytes | bytearray | memoryview):
            raise MisuseError(f"a body is bytes, not {type(data).__name__}")
        if self._failure is None:
            self._parse(self._parser.receive_data, data)

    def unregisterProducer(self) -> None:
        """The body has ended; if it was cut short, whoever reads is told."""
        self._upstream.release()
        if not self._ended:
            self._ended = True
            if self._failure is None:
                self._parse(self._parser.receive_eof)

    def finish(self) -> Deferred[None]:
        """Nothing is left to be done; see ``ISink``."""
        return succeed(None)

    def fail(self, failure: Failure) -> Deferred[None]:
        """The source broke: whoever reads is told, after the parts that came whole.

        The producer is stopped, in case that it does not know.
        """
        producer = self._upstream.release()
        if not self._ended:
            self._ended = True
            # What the parser found before is nearer to the cause.
            self._failure = self._failure or failure
            self._hand_out()
            if producer is not None:
                producer.stopProducing()
        return succeed(None)

    # Within -------------------------------------------------------------------------

    def _parse(self, step: Callable[..., list[Event]], *data: bytes) -> None:
        try:
            self._events.extend(step(*data))
            self._tell_progress()
        except Exception:
            self._events.extend(self._parser.take_events())
            self._failure = Failure()
        self._hand_out()
        self._adjust(again=True)
        self._stop_after_failure()

    def _tell_progress(self) -> None:
        if self._callback is None:
            return
        self._progress = self._progress or Progress(self._callback, self.length)
        tell = self._progress.finish if self._ended else self._progress.update
        tell(self.received, self._current)

    def _stop_after_failure(self) -> None:
        """Nobody will read the rest; a response's connection must not wait for it."""
        if self._failure is not None:
            self._upstream.stop()

    def _adjust(self, *, again: bool = False) -> None:
        """Let the producer run if somebody waits."""
        self._upstream.adjust(self._wants_more, again=again)
