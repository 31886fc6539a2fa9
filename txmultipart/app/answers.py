"""What a sender shows of the answer, and what the process exits with after it."""

from __future__ import annotations

import codecs
import re
import sys
from contextlib import suppress
from typing import Any

from twisted.web.iweb import IResponse

from txmultipart.app.patience import Patience
from txmultipart.app.reasons import in_words
from txmultipart.body.delivery import BodyReader

#: The server took what was sent.
TAKEN = 0

#: It answered that it did not; the same as curl's with ``--fail``.
REFUSED = 22

#: What is shown of the body of a refusal, in bytes.
MOST_SHOWN = 16 << 10

# All controls but tab and line feed (ISO 6429).
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Output:
    """Writes bytes to ``stream``; a terminal is not given what could steer it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._last = b"\n"

    def write(self, data: bytes, *, final: bool = False) -> None:
        """Some bytes; what is not text is shown as such once all is there."""
        self._last = data[-1:] or self._last
        if self._stream.isatty():
            self._stream.write(_harmless(self._decoder.decode(data, final)))
        else:
            self._stream.flush()
            self._stream.buffer.write(data)
        self._stream.flush()

    def end_line(self) -> None:
        """Begin a line, if the last one has not ended."""
        self.write(b"" if self._last == b"\n" else b"\n", final=True)


async def show(answer: IResponse, patience: Patience) -> int:
    """Show ``answer``; gives what to exit with. Raises what breaks one of success.

    That of a success goes to standard output, whole. Of any other the status and the
    beginning of the body go to standard error. ``patience`` is told of each piece.
    """
    if not 200 <= answer.code <= 299:
        return await refused(answer, patience)
    output, body = Output(sys.stdout), BodyReader.from_response(answer)
    try:
        while chunk := await body.read_chunk():
            output.write(chunk)
            patience.heard()
        output.write(b"", final=True)
    finally:
        body.close()
    return TAKEN


async def refused(answer: IResponse, patience: Patience, why: str = "") -> int:
    """Say that ``answer`` is none of success, and ``why`` it does not lead to one."""
    say(f"the server answered {_status(answer)}{why}")
    output = Output(sys.stderr)
    # Another has read it if it was a redirect on the way.
    with suppress(RuntimeError):
        await _show_some(BodyReader.from_response(answer), output, patience)
    return REFUSED


def say(message: str) -> None:
    """A message of our own, on a line of standard error."""
    sys.stderr.write(f"txmultipart: {_harmless(message)}\n")
    sys.stderr.flush()


async def _show_some(body: BodyReader, output: Output, patience: Patience) -> None:
    left = MOST_SHOWN
    try:
        while left >= 0 and (chunk := await body.read_chunk()):
            output.write(chunk[:left])
            left -= len(chunk)
            patience.heard()
    except Exception as error:
        output.end_line()
        why = in_words(patience.gave_up or error)
        say(f"the rest of the answer is missing: {why}")
    finally:
        output.end_line()
        body.close()
    if left < 0:
        say(f"only {MOST_SHOWN} bytes of the answer are shown")


def _status(answer: IResponse) -> str:
    return f"{answer.code} {answer.phrase.decode('latin-1')}".strip()


def _harmless(text: str) -> str:
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
