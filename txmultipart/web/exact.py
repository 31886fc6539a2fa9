"""ExactAnswers: a channel of HTTP/1.1 whose answers are as long as they say.

By its Content-Length the peer knows where an answer ends (RFC 9112 section 6.3). What is
written beyond that it would take for its next answer, and for what is missing it would
take the beginning of that.

::

    an answer                           is sent                        then
    as long as it says                  as it is                       as ever
    without a body, in chunks, or that  as it is                       as ever
    tells no length
    longer than it says                 up to its length               closed
    shorter than it says                as it is                       closed
    whose length is none, or two        without it, till it is closed  closed

"Closed" is the connection, when the answer is finished; and a warning is logged. A stock
channel passes on whatever is written, and keeps the connection.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger
from twisted.web.http import NO_BODY_CODES, HTTPChannel
from twisted.web.http_headers import Headers

from txmultipart.http2 import AnswerLength

_LENGTH = b"Content-Length"
_ANY = AnswerLength(())

#: How many bytes too many are dropped before whoever writes them is stopped. One that
#: never ends would else go on at full speed, since no peer holds it back any more.
_MOST_DROPPED = 1 << 20

_log = Logger()


class ExactAnswers(HTTPChannel):
    """Counts what a request writes, and keeps no connection on which that was wrong."""

    def __init__(self) -> None:
        super().__init__()
        self._length = _ANY
        self._wrong = False

    # The request calls these ------------------------------------------------------------

    def writeHeaders(
        self, version: bytes, code: bytes, reason: bytes, headers: Headers
    ) -> None:
        """The head of an answer."""
        if self.requests[0].method != b"HEAD" and int(code) not in NO_BODY_CODES:
            self._length = self._told(headers)
        super().writeHeaders(version, code, reason, headers)

    def _told(self, headers: Headers) -> AnswerLength:
        values = headers.getRawHeaders(_LENGTH)
        if values is None or headers.hasHeader(b"Transfer-Encoding"):
            return _ANY  # chunks override a length (RFC 9112 section 6.3)
        try:
            return AnswerLength((_LENGTH.lower(), value.strip()) for value in values)
        except ValueError:
            # One that is no number must not be sent on (RFC 9110 section 8.6).
            headers.removeHeader(_LENGTH)
            headers.setRawHeaders(b"Connection", [b"close"])
            self._is_wrong("has no length that could be its Content-Length")
            return _ANY

    # Chunks come by writeSequence, and need not be counted.

    def write(self, data: bytes) -> None:
        """Some bytes of its body."""
        if self._length.takes(len(data)):
            super().write(data)
            return
        self._is_wrong("is longer than its Content-Length")
        surplus = self._length.surplus
        if surplus < len(data):
            super().write(data[:-surplus])
        if surplus - len(data) <= _MOST_DROPPED < surplus:
            self._break_off()

    def _break_off(self) -> None:
        # Nobody else tells it, when the connection is not lost but closed.
        self.stopProducing()
        self.loseConnection()

    def end_answer(self) -> None:
        """All of the answer is written; the body of its request may still come."""
        if not self._length.is_whole:
            self._is_wrong("is shorter than its Content-Length")
        self._length = _ANY

    def requestDone(self, request: Any) -> None:
        """All of both is here."""
        self.end_answer()
        super().requestDone(request)

    def _is_wrong(self, how: str) -> None:
        if not self._wrong:
            self._wrong, self.persistent = True, False
            path = self.requests[0].path
            _log.warn("the answer for {path!r} {how}", path=path, how=how)
