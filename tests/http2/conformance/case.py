"""Case: what is sent to a server, and what it may answer; ``run`` does it.

A rule that RFC 9113 lets a server punish in several ways is kept by each of them:

::

    broken      kept by                                  ``strict``
    connection  GOAWAY with the code, or it is closed    GOAWAY with the code, and closed
    stream      RST_STREAM with the code, GOAWAY         RST_STREAM or GOAWAY, with the
                with the code, or it is closed           code
    message     the same, or a status of 4xx             RST_STREAM with the code, or a
                                                         status of 4xx: nothing else ends
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tests.http2.conformance.frames import (
    PREFACE,
    SETTINGS_ACK,
    ping,
    settings,
)
from tests.http2.conformance.log import Log


class Link(Protocol):
    """A connection to a server."""

    def send(self, data: bytes) -> None:
        """Send, unless the server has closed it."""
        ...

    def read(self) -> bytes:
        """Some bytes; none at the end. ``TimeoutError`` when nothing comes any more."""
        ...


class Expected(Protocol):
    """What has to come before a case goes on."""

    def came(self, log: Log) -> bool:
        """Whether it did."""
        ...


#: Bytes to send, what makes them of what came, or what has to come.
Step = bytes | Callable[[Log], bytes] | Expected


@dataclass(frozen=True)
class Case:
    """One rule, named after the section that it is from."""

    name: str
    steps: tuple[Step, ...]
    #: Our first SETTINGS; None if the steps begin with the preface.
    greeting: dict[int, int] | None = field(default_factory=dict)

    @property
    def script(self) -> tuple[Step, ...]:
        """All that is done."""
        if self.greeting is None:
            return self.steps
        hello = PREFACE + settings(self.greeting)
        return (hello, Greeted(), SETTINGS_ACK, *self.steps)


def case(name: str, *steps: Step, greeting: dict[int, int] | None = None) -> Case:
    """A case that begins with a greeting."""
    return Case(name, steps, greeting or {})


def run(case: Case, link: Link, *, strict: bool) -> None:
    """Raise ``AssertionError`` if the server does not do as ``case`` wants it."""
    log = Log(strict=strict)
    for step in case.script:
        if isinstance(step, bytes):
            link.send(step)
        elif callable(step):
            link.send(step(log))
        else:
            await_step(step, link, log)


def await_step(step: Expected, link: Link, log: Log) -> None:
    """Read until it has come."""
    why = "the connection is closed"
    while not step.came(log) and not log.closed:
        try:
            log.feed(link.read())
        except TimeoutError:
            why = "nothing comes any more"
            break
    assert step.came(log), f"{step}: {why}; came {log}"


# What may be expected -----------------------------------------------------------------


@dataclass(frozen=True)
class Greeted:
    """SETTINGS, and the acknowledgement of ours."""

    def came(self, log: Log) -> bool:
        return log.greeted and log.settings_acks > 0


@dataclass(frozen=True)
class Acked:
    """So many of our SETTINGS were acknowledged, those of the greeting among them."""

    count: int

    def came(self, log: Log) -> bool:
        return log.settings_acks >= self.count


@dataclass(frozen=True)
class Ponged:
    """An answer to this PING."""

    data: bytes

    def came(self, log: Log) -> bool:
        return self.data in log.pongs


@dataclass(frozen=True)
class PongedOrClosed:
    """An answer to this PING, or the end, where both are right."""

    data: bytes

    def came(self, log: Log) -> bool:
        return self.data in log.pongs or log.closed


@dataclass(frozen=True)
class Answered:
    """A whole answer."""

    stream: int = 1
    status: str = "200"
    size: int | None = None

    def came(self, log: Log) -> bool:
        if self.stream not in log.ended:
            return False
        size = log.sizes[self.stream]
        return log.statuses[self.stream][-1:] == [self.status] and (
            self.size is None or size == self.size
        )


@dataclass(frozen=True)
class Sent:
    """So many bytes of a body, and not one more."""

    size: int
    stream: int = 1

    def came(self, log: Log) -> bool:
        assert log.sizes[self.stream] <= self.size, f"more than {self.size}: {log}"
        return log.sizes[self.stream] == self.size


@dataclass(frozen=True)
class BreaksConnection:
    """The end of the connection, for one of these reasons."""

    codes: tuple[int, ...]

    def came(self, log: Log) -> bool:
        if log.strict:
            return log.closed and log.goaway in self.codes
        return log.closed or log.goaway in self.codes


@dataclass(frozen=True)
class Closed:
    """The end of the connection; GOAWAY alone is not that."""

    def came(self, log: Log) -> bool:
        return log.closed


@dataclass(frozen=True)
class SaysGoodbye:
    """GOAWAY before the end: a bare end will not do."""

    codes: tuple[int, ...]

    def came(self, log: Log) -> bool:
        return log.closed and log.goaway in self.codes


@dataclass(frozen=True)
class BreaksStream:
    """The end of a stream, for one of these reasons; or that of the connection."""

    codes: tuple[int, ...]

    def came(self, log: Log) -> bool:
        told = any(code in self.codes for code in (*log.resets.values(), log.goaway))
        return told or (log.closed and not log.strict)


@dataclass(frozen=True)
class Refused:
    """The end of a message that is malformed."""

    codes: tuple[int, ...]
    stream: int = 1

    def came(self, log: Log) -> bool:
        if log.resets.get(self.stream) in self.codes:
            return True
        if any(status.startswith("4") for status in log.statuses[self.stream]):
            return True
        return not log.strict and (log.closed or log.goaway in self.codes)


@dataclass(frozen=True)
class Lives:
    """An answer to a PING on a connection on which nothing has gone wrong.

    After ``Refused`` only ``strict`` wants it: others may end the connection.
    """

    data: bytes
    optional: bool = False

    def came(self, log: Log) -> bool:
        if self.optional and not log.strict:
            return True
        return self.data in log.pongs and log.goaway is None


def lives(data: bytes = b"is alive") -> tuple[Step, ...]:
    """Steps: nothing has gone wrong."""
    return (ping(data), Lives(data))


def refuses(*codes: int, stream: int = 1) -> tuple[Step, ...]:
    """Steps: a message ends, and all others go on."""
    data = b"and on.."
    return (Refused(codes, stream), ping(data), Lives(data, optional=True))
