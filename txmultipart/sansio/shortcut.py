"""The short ways through a body: everything that is usual, with as little as can be done.

The parser takes a short way as far as it leads, and the long way, which knows
all that may happen, from there on. Wherever something is unusual or cut off by
the end of the chunk, the short ways stop before it. The same bytes, cut
otherwise, go the long way, and the law that cuts do not matter holds them
together.

Functions here are long, as what they are for is to call few others.
"""

from __future__ import annotations

from txmultipart.errors import MultipartError
from txmultipart.sansio.admission import Admission
from txmultipart.sansio.delimiter import CLOSE, OPEN, Delimiter
from txmultipart.sansio.events import END, PART_END, Event, PartBegin, PartData
from txmultipart.sansio.header_lines import USUAL
from txmultipart.sansio.machine import BODY, EPILOGUE, HEADERS, BodyMachine
from txmultipart.sansio.profiles import FORM_DATA

#: How near the next delimiter has to be for its part to count as small.
SMALL = 4096

#: A body of up to this size may be taken apart at once.
WHOLE = 16_384

#: ``new(PartData)`` and an assignment take much less time than ``PartData(...)``.
new = object.__new__

CRLF, BLANK = b"\r\n", b"\r\n\r\n"
#: What may follow the boundary at the end of a form.
_ENDS = (b"--\r\n", b"--")
_DASH = ord("-")


def whole_form(data: bytes, boundary: bytes, admission: Admission) -> list[Event]:
    """The events of a body that is whole in ``data``; none, where anything is unusual.

    Most forms are small, and what takes time with a small one is all that comes
    before its first byte is read. So there is no machine and no delimiter yet.
    No limit but those of ``admission`` may be near.
    """
    # Every delimiter but the first is preceded by a line break.
    parts = (CRLF + data).split(b"\r\n--" + boundary)
    if parts.pop() not in _ENDS or parts[0]:
        return []
    del parts[0]
    known, size = admission.known or {}, 0
    events: list[Event] = []
    for part in parts:
        block, blank, content = part.partition(BLANK)
        begin = known.get(block)
        if begin is None:
            begin = _read(block, admission)
        if begin is None or not blank:
            return []
        size += len(block)
        if content:
            event = new(PartData)
            event.data = content
            events += begin, event, PART_END
        else:
            events += begin, PART_END
    if not admission.spend(len(parts), size - len(parts) * len(CRLF)):
        return []
    events.append(END)
    return events


def _read(block: bytes, admission: Admission) -> PartBegin | None:
    """What comes of a line break and a header block, if both are there and good."""
    if not block.startswith(CRLF) or len(block) - len(CRLF) > admission.longest:
        return None
    try:
        return admission.read(block[2:], CRLF)
    except MultipartError:
        return None  # the long way knows which, and where


class ShortcutMachine(BodyMachine):
    """A ``BodyMachine`` that gets to the same places sooner."""

    def _hurry(self, data: bytes, position: int) -> int:
        """Take what is usual of ``data`` from ``position`` on; tell how far that led.

        Only from HEADERS and BODY, with nothing held and no limit near. This is one
        function as all of it happens for each chunk of a body with many files.

        To stop is always right, at any header block or byte of content that was not
        taken yet: the long way goes on there. To go on is right only where it would do
        the same; why it would is said at each place. What holds for all of them: the
        profile is ``plain`` (else ``_hurries`` is not set), so headers end at a blank
        line, and delimiters have nothing but a line break behind them; the body's size
        was looked at before, and ``admit`` looks at all other limits on headers.
        """
        end, in_content = len(data), self.state is BODY
        scanner, delimiter = self._scanner, self._delimiter
        if in_content:
            # Held bytes go before these, and may be the beginning of a delimiter. A
            # false start is noted where its part ends, which is not done here. And
            # content is not counted here until the end: if all of the chunk were of
            # this part, it would have to be within its limit.
            if scanner.held or scanner.false_starts or end > self._part_left:
                return position
        elif (
            # A block that was begun in an earlier chunk is not whole in this one, and
            # no part that begins in it can pass a limit that all of it does not.
            self.state is not HEADERS
            or self._blocks.held
            or end > self.limits.max_part_size
        ):
            return position
        elif self._end != self._unusual:
            # Once for each chunk, as what these leave of it is not so small. The same
            # holds as above: a block begins here, and none of its bytes are held.
            self._unusual = self._end
            position = self._take_small_parts(data, position)
            if self.state is EPILOGUE:
                return position
        base, append, find = self._base, self._events.append, data.find
        dash, opening, newline = delimiter.dash, delimiter.open, delimiter.newline
        width, size, began = len(newline), len(dash), -1
        while True:
            if not in_content:
                # ``USUAL`` is written for CRLF. Where it ends with the chunk, not with
                # a blank line, there is no content, so what is next stops us.
                usual = USUAL.match(data, position) if width == 2 else None
                if usual is not None:
                    content = usual.end()
                    stop = content - 4
                else:
                    # The blank line is yet to come, or it is the block's first: then
                    # one line break ends the block, and two are not needed.
                    stop = find(delimiter.blank, position)
                    content = stop + 2 * width
                    if stop < 0 or data[position] == delimiter.first:
                        break
                # An empty part may lack a line break of its own: leave that alone, and
                # what is too short to tell. So content begins no delimiter from here on.
                if end - content < size or (
                    data[content] == _DASH and data.startswith(dash, content)
                ):
                    break
                block = data[position:stop]
                append(self._admission.admit(block, newline, base + position, usual))
                position, began, in_content = content, content, True
            # The first place where the boundary stands. If that is no whole line that
            # opens a part, it is a close, a false start, or cut off: not for here.
            hit = find(dash, position)
            if hit < 0:
                break
            line, after = hit - width, hit + size + width
            if line < position or data[line:after] != opening:
                break
            if line > position:
                event = new(PartData)
                event.data = data[position:line]
                append(event)
            append(PART_END)
            position, in_content = after, False
        # What the long way wants to find: where the part under way began, and its state.
        if began >= 0:
            self._part_start = base + began
            self._part_left = self.limits.max_part_size
        if not in_content:
            self._meet(OPEN, position)
            return position
        self.state = BODY
        if hit >= 0:
            return position
        # All that is left is content, but for what may begin a delimiter: the boundary
        # is not in it. ``break`` came from there, as every other one leaves a hit, or
        # no part under way. It fits into the part: that was looked at first.
        if delimiter.first in data[delimiter.tail :]:
            end = delimiter.beginning(data, position)
            scanner.held = data[end:]
        if end > position:
            event = new(PartData)
            event.data = data[position:end]
            append(event)
            self._part_left -= end - position
        return len(data)

    def _take_small_parts(self, data: bytes, position: int) -> int:
        """Parts that are small and whole, the fields of a form, and the close delimiter."""
        delimiter = self._delimiter
        position, closed = small_parts(
            data, position, self._base, delimiter, self._admission, self._events
        )
        if closed:
            position += len(delimiter.close)
            self._meet(CLOSE, position)
        return position

    def _take_whole(self, data: bytes) -> list[Event]:
        """The events of a whole body that came at once, if it is small and usual."""
        limits, size = self.limits, len(data)
        # ``whole_form`` knows the rules of forms only, counts nothing but headers, and
        # nothing was received before it. What all of the body does not pass, no part
        # of it does, nor what stands behind it.
        if (
            self.profile is not FORM_DATA
            or not self._usable
            or size > limits.max_part_size
            or size > limits.max_body_size
            or size > limits.max_epilogue
        ):
            return []
        events = whole_form(data, self._boundary, self._admission)
        if events:
            self.state, self._end = EPILOGUE, size
            self._epilogue = 2 if data[-1] == 10 else 0  # CRLF or nothing
        return events

    def _take_seam(self, data: bytes, begun: bytes) -> list[Event]:
        """Content: what was held, and ``data`` up to ``begun``, which is held from now on.

        For a chunk with no delimiter in it. None, if it may end one that began before.
        """
        scanner, size = self._scanner, len(data)
        held, end = scanner.held, size - len(begun)
        # Content behind what is held may be given only once that is known to be content;
        # and a chunk that is all to be held would have to be joined to what is.
        if not end or (held and not scanner.is_refuted(data)):
            return []
        scanner.held = begun
        self._plain -= size
        self._part_left -= len(held) - len(begun)
        piece = PartData(data[:end])
        return [PartData(held), piece] if held else [piece]


def small_parts(
    data: bytes,
    position: int,
    base: int,
    delimiter: Delimiter,
    admission: Admission,
    events: list[Event],
) -> tuple[int, bool]:
    """Parts that are small and whole: the fields of a form. From header block to header block.

    Adds their events, and returns how far that led and whether the last of them
    is followed by the close delimiter, which begins there.
    """
    dash, newline = delimiter.dash, delimiter.newline
    if data.find(dash, position, position + SMALL) < 0:
        return position, False
    close = data.find(delimiter.close, position)
    rest = data[position : close if close >= 0 else len(data)]
    parts = rest.split(delimiter.open)
    # Every occurrence of the boundary has to be a plain delimiter line.
    if rest.count(dash) != len(parts) - 1:
        return position, False
    if close < 0:
        parts.pop()  # its end is yet to come
    blank, width, admit = delimiter.blank, len(delimiter.open), admission.admit
    for part in parts:
        block, found, content = part.partition(blank)
        if not found or block.startswith(newline):
            return position, False
        events.append(admit(block, newline, base + position))
        if content:
            events.append(PartData(content))
        events.append(PART_END)
        position += len(part) + width
    return (close, True) if close >= 0 else (position, False)
