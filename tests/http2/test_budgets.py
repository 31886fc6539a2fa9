"""What windows come to: of one stream, of a connection, and of a whole site."""

from __future__ import annotations

from typing import Any

import pytest

from tests.http2.client import Client
from tests.http2.resources import Taker
from txmultipart.http2 import HTTP2Options, SharedBudget
from txmultipart.http2.window import Budget, StreamWindow
from txmultipart.web.site import StreamingSite

KiB, MiB = 1 << 10, 1 << 20
FIRST, LARGEST = 128 * KiB, 4 * MiB
REFUSED = 7


def advance(client: Client, seconds: int) -> None:
    for _ in range(seconds):
        client.advance(1)


class TestShrinking:
    """A window that grew goes back when nobody takes the body any more."""

    def grown(self, **options: Any) -> tuple[Client, Taker, int, int]:
        """A stream with the largest window; how much may be sent on it."""
        taker = Taker()
        client = Client(taker, timeout=20, **options)
        stream_id = client.request("PUT", "/", end=False)
        taker.take()
        sent = 0
        while client.connection.budget.granted < LARGEST:
            client.data(stream_id, bytes(64 * KiB))
            sent += 64 * KiB
        return client, taker, stream_id, FIRST + client.credit[stream_id] - sent

    def fill(self, client: Client, stream_id: int, size: int) -> None:
        for at in range(0, size, 64 * KiB):
            client.data(stream_id, bytes(min(64 * KiB, size - at)))

    def test_it_gives_its_share_back_as_it_is_taken(self) -> None:
        client, taker, stream_id, left = self.grown()
        taker.sink.producer.pauseProducing()
        self.fill(client, stream_id, left)
        advance(client, 60)
        # What the peer may send cannot be taken from it, nor what it has sent.
        assert client.connection.budget.granted == LARGEST
        credit = client.credit[stream_id]
        taker.sink.producer.resumeProducing()
        client.read()
        assert client.connection.budget.granted <= 4 * FIRST
        assert client.credit[stream_id] - credit <= 4 * FIRST
        assert client.answers[stream_id].reset is None
        client.lose()

    def test_and_grows_again_when_it_is_taken_again(self) -> None:
        client, taker, stream_id, left = self.grown()
        taker.sink.producer.pauseProducing()
        self.fill(client, stream_id, left)
        advance(client, 60)
        before = client.credit[stream_id]
        taker.sink.producer.resumeProducing()
        left = client.read().credit[stream_id] - before
        sent = 0
        for _ in range(200):
            self.fill(client, stream_id, 64 * KiB)
            sent += 64 * KiB
        assert client.connection.budget.granted == LARGEST
        assert left + client.credit[stream_id] - before - sent <= 2 * LARGEST
        client.lose()

    def test_a_moment_is_no_stall(self) -> None:
        client, taker, stream_id, _ = self.grown()
        for _ in range(20):
            taker.sink.producer.pauseProducing()
            client.advance(4)
            taker.sink.producer.resumeProducing()
            client.advance(1)
            self.fill(client, stream_id, 64 * KiB)
        assert client.connection.budget.granted == LARGEST
        client.lose()

    def test_a_first_window_stays(self) -> None:
        options = HTTP2Options()
        window = StreamWindow(options, Budget(options))
        window.shrink()
        window.consumed(FIRST)
        assert window.due(part=2) == 4 * FIRST
        assert window.size == 4 * FIRST

    def test_a_body_that_is_here_needs_none(self) -> None:
        taker = Taker()
        client = Client(taker)
        client.upload(b"abc")
        assert client.connection.budget.granted == FIRST
        taker.take()
        assert client.connection.budget.granted == 0
        taker.answer()
        client.lose()
        assert client.connection.budget.granted == 0


class TestOfSite:
    """All connections of a site share one budget."""

    def clients(self, count: int, **options: Any) -> tuple[list[Client], Taker]:
        taker = Taker()
        made = [Client(taker, **options) for _ in range(count)]
        shared = made[0].site.http2_budget
        for each in made:
            each.connection.budget._shared = shared
        return made, taker

    def test_a_site_has_one(self) -> None:
        site = StreamingSite(Taker(), http2=HTTP2Options(windows_of_site=7 * MiB))
        assert site.http2_budget._total == 7 * MiB
        client = Client(Taker(), windows_of_site=MiB)
        client.request("PUT", "/", end=False)
        assert client.site.http2_budget.granted == FIRST
        client.lose()
        assert client.site.http2_budget.granted == 0

    def test_bodies_for_which_there_is_no_memory_are_refused(self) -> None:
        (one, two), _ = self.clients(2, windows_of_site=10 * FIRST)
        for _ in range(5):
            one.request("PUT", "/", end=False)
            two.request("PUT", "/", end=False)
        late = two.request("PUT", "/", end=False)
        assert two.answers[late].reset == REFUSED
        other = two.request("GET", "/")
        assert two.answers[other].reset is None
        one.reset(1)
        again = two.request("PUT", "/", end=False)
        assert two.answers[again].reset is None
        for each in (one, two):
            assert each.code is None
            each.lose()
        assert one.site.http2_budget.granted == 0

    def test_whoever_has_no_body_may_have_one(self) -> None:
        """A few others who hold all that there is do not keep it out."""
        (one, two), _ = self.clients(2, windows_of_site=2 * FIRST)
        for _ in range(2):
            one.request("PUT", "/", end=False)
        first = two.request("PUT", "/", end=False)
        assert two.answers[first].reset is None
        second = two.request("PUT", "/", end=False)
        assert two.answers[second].reset == REFUSED
        two.reset(first)
        third = two.request("PUT", "/", end=False)
        assert two.answers[third].reset is None
        for each in (one, two):
            each.lose()
        assert one.site.http2_budget.granted == 0

    def test_growth_leaves_half_to_others(self) -> None:
        (one, two), taker = self.clients(2, windows_of_site=40 * FIRST)
        for _ in range(10):
            stream_id = one.request("PUT", "/", end=False)
            taker.take()
            for _ in range(40):
                one.data(stream_id, bytes(64 * KiB))
            # Those that begin later have their first windows, and no more.
            assert one.connection.budget.granted <= 29 * FIRST
        assert one.connection.budget.granted > 20 * FIRST
        streams = [two.request("PUT", "/", end=False) for _ in range(11)]
        assert {two.answers[each].reset for each in streams} == {None}
        for each in (one, two):
            each.lose()

    def test_windows_grow_while_there_is_something_left(self) -> None:
        (one, two), taker = self.clients(2, windows_of_site=14 * FIRST)
        for client in (one, two):
            stream_id = client.request("PUT", "/", end=False)
            taker.take()
            for _ in range(40):
                client.data(stream_id, bytes(64 * KiB))
        assert one.connection.budget.granted == 4 * FIRST
        assert two.connection.budget.granted == FIRST
        assert one.site.http2_budget.granted == 5 * FIRST
        for client in (one, two):
            client.lose()
        assert one.site.http2_budget.granted == 0


@pytest.mark.parametrize("size", [99, 100, 101])
def test_a_shared_budget(size: int) -> None:
    budget = SharedBudget(100)
    assert budget.has(size) == (size <= 100)
    assert budget.may_grow(size // 2) == (size <= 101)
    assert not budget.may_grow(51)
    budget.take(60)
    assert not budget.has(41)
    budget.give(60)
    assert budget.granted == 0
