"""Who comes first (RFC 9218): what clients say of it, and what comes of that."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hyperframe.frame import DataFrame

from tests.http2.client import Client, Field
from tests.http2.resources import Text, Writer
from txmultipart.http2.frames import frame
from txmultipart.http2.lines import Lines
from txmultipart.http2.priority import SILENT, Priority, parse_priority

KiB = 1 << 10
QUANTUM = 64 * KiB


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (b"", (3, False)),
        (b"u=0", (0, False)),
        (b"u=7, i", (7, True)),
        (b"i", (3, True)),
        (b"i=?1,u=1", (1, True)),
        (b"i=?0", (3, False)),
        (b" u=2 , i ", (2, True)),
        (b"u=2;x=1, i;y", (2, True)),
        (b"u=5, u=1", (1, False)),
        (b"u=8", (3, False)),
        (b"u=-1, i", (3, True)),
        (b"u", (3, False)),
        (b"u=a, i=1", (3, False)),
        (b"x=1, u=1, other", (1, False)),
        (b"U=1", (3, False)),
        (b"\xff, u=1", (1, False)),
        (b"," * 10_000 + b"u=1", (3, False)),
        (b"u=1" + b" " * 10_000, (1, False)),
    ],
)
def test_what_is_said(said: bytes, meant: tuple[int, bool]) -> None:
    assert parse_priority(said) == meant


def test_who_says_nothing_and_who_says_it_twice() -> None:
    client = Client(Writer())
    client.request()
    client.request("GET", "/", ("priority", "u=1"), ("priority", "i"))
    priorities = [each.priority for each in client.connection.streams.values()]
    assert priorities == [SILENT, (1, True)]
    client.lose()


class Somebody:
    """Waits."""

    def __init__(self, stream_id: int, urgency: int = 3, i: bool = True) -> None:
        self.stream_id = stream_id
        self.priority = Priority(urgency, i)


def turns(lines: Lines[Somebody], count: int) -> list[int]:
    """Who has so many turns; everybody has always more to send."""
    found = []
    for _ in range(count):
        chosen = lines.next()
        found.append(chosen.stream_id)
        lines.add(chosen, again=True)
    return found


def lines_of(*waiting: Somebody) -> Lines[Somebody]:
    lines: Lines[Somebody] = Lines()
    for each in waiting:
        lines.add(each)
        lines.add(each)
    return lines


def test_turns() -> None:
    lines = lines_of(Somebody(1), Somebody(3), Somebody(5))
    assert turns(lines, 20) == [1, 3, 5] * 6 + [1, 3]
    assert len(lines) == 3


def test_the_urgent_come_first_and_nobody_waits_for_ever() -> None:
    lines = lines_of(Somebody(1, 7), Somebody(3, 0), Somebody(5, 7))
    found = turns(lines, 80)
    assert found[:7] == [3] * 7
    assert (found.count(3), found.count(1), found.count(5)) == (70, 5, 5)


def test_what_is_of_use_only_whole_comes_one_after_the_other() -> None:
    lines = lines_of(Somebody(1, i=False), Somebody(3, i=False), Somebody(5, i=False))
    found = turns(lines, 80)
    assert found[:7] == [1] * 7
    assert found.count(3) + found.count(5) == 10


def test_whoever_is_gone_waits_no_more() -> None:
    one, two = Somebody(1), Somebody(3, urgency=5)
    lines = lines_of(one, two)
    assert turns(lines, 8) == [1, 1, 1, 1, 1, 1, 1, 3]
    lines.gone(two)
    lines.gone(two)
    assert two not in lines
    assert turns(lines, 8) == [1] * 8
    lines.gone(one)
    assert not lines
    lines.add(two)
    assert lines.next() is two


def test_streams_that_are_over_do_not_wait_for_the_transport() -> None:
    writer = Writer()
    client = Client(writer)
    client.connection.pauseProducing()
    streams = [client.request() for _ in range(20)]
    for request in writer.requests:
        request.write(b"abc")
    assert len(client.connection._scheduler._waiting) == 20
    for stream_id in streams:
        client.reset(stream_id)
    assert len(client.connection._scheduler._waiting) == 0
    client.connection.resumeProducing()
    assert {client.answers[each].body for each in streams} == {b""}
    client.lose()


def test_another_priority() -> None:
    first, second = Somebody(1), Somebody(3)
    lines = lines_of(first, second)
    second.priority = Priority(0, True)
    lines.moved(second)
    assert turns(lines, 3) == [3] * 3
    lines.next()
    lines.next()
    other = Somebody(9)
    lines.moved(other)
    assert other not in lines


def order(client: Client) -> list[int]:
    """Whose DATA came, in turns."""
    ids = [f.stream_id for f in client.seen if isinstance(f, DataFrame) and f.data]
    return ids[:1] + [b for a, b in pairwise(ids) if a != b]


def download(*fields: list[Field]) -> Client:
    """One request for each, and then all answers at once."""
    client = Client(Text(bytes(4 * QUANTUM)), window=0)
    client.update(1 << 30)
    for each in fields:
        client.request("GET", "/", *each)
    return client


def open_all(client: Client) -> list[int]:
    from hyperframe.frame import SettingsFrame

    client.send(SettingsFrame(0, {4: 1 << 20}))
    return order(client)


def test_a_field() -> None:
    client = download([("priority", "u=5")], [], [("priority", "u=1")])
    assert open_all(client) == [5, 3, 1, 3, 1] or open_all(client)[0] == 5
    assert all(client.answers[n].ended for n in (1, 3, 5))
    client.lose()


def test_incremental_answers_take_turns_and_others_do_not() -> None:
    whole: list[Field] = [("priority", "u=1")]
    assert open_all(download(whole, whole)) == [1, 3]
    pieces: list[Field] = [("priority", "u=1, i")]
    assert open_all(download(pieces, pieces)) == [1, 3] * 4


def update(stream_id: int, value: bytes) -> bytes:
    return frame(0x10, 0, 0, stream_id.to_bytes(4, "big") + value)


def test_an_update() -> None:
    client = download([], [])
    client.raw(update(3, b"u=0"))
    assert open_all(client) == [3, 1]
    client.lose()


def test_an_update_while_it_waits() -> None:
    client = Client(Text(bytes(4 * QUANTUM)), window=1 << 20)
    client.update(1 << 30)
    client.connection.pauseProducing()
    client.request()
    client.request()
    client.raw(update(3, b"u=0"))
    client.connection.resumeProducing()
    client.read()
    assert order(client) == [3, 1]
    client.lose()


def test_updates_that_say_nothing_here() -> None:
    client = Client(Writer())
    client.request()
    client.raw(update(99, b"u=0") + update(1, b"\xff" * 500) + update(1, b"x" * 2000))
    client.raw(update(1, b"u=1")[:12])
    client.raw(update(1, b"u=1")[12:])
    assert client.connection.streams[1].priority == (1, False)
    assert client.code is None
    client.lose()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(0x10, 0, 0, b"\0\0\0"), 6),
        (frame(0x10, 0, 0, b"\0\0\0\0u=1"), 1),
        (frame(0x10, 0, 1, b"\0\0\0\1u=1"), 1),
    ],
    ids=["7.1-short", "7.1-no-stream", "7.1-on-a-stream"],
)
def test_updates_that_are_wrong(sent: bytes, code: int) -> None:
    client = Client(Writer()).raw(sent)
    assert client.code == code


def test_many_updates() -> None:
    client = Client(Writer())
    client.request()
    count = 0
    while client.code is None and count < 2000:
        client.raw(update(1, b"u=1") * 50)
        count += 50
    assert (client.code, count) == (11, 1050)
    client.lose()
