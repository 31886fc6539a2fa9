"""The pool: one connection to an origin for all, HTTP/1.1 where there is no other."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, ConnectionDone, ConnectionLost
from twisted.web.client import (
    Agent,
    HTTPConnectionPool,
    ProxyAgent,
    RequestGenerationFailed,
    RequestTransmissionFailed,
    ResponseDone,
    ResponseNeverReceived,
)
from twisted.web.http_headers import Headers

from tests.web.far import KEY, URL, Asked, Far
from tests.web.test_response import Taker
from txmultipart.body.producer import RawBody
from txmultipart.http2 import ClientOptions, ConnectionTerminated, StreamReset
from txmultipart.web.exchange import RequestNotProcessed
from txmultipart.web.negotiation import InadequateSecurity
from txmultipart.web.pool import CLOSING_TIME
from txmultipart.web.retry import RETRIES

REFUSED, CANCEL = 7, 8


def answer_all(far: Far) -> None:
    """Every request gets an empty 200."""
    for end in far.ends:
        for number, request in end.open_requests.items():
            if request.reset is None and not end.is_lost and number not in end.answered:
                end.answer(number, 200, end=True)


# One connection for all -----------------------------------------------------------------


def test_the_pool_takes_the_place_of_a_stock_one() -> None:
    assert isinstance(Far().pool, HTTPConnectionPool)


def test_requests_share_one_connection() -> None:
    far = Far()
    asked = [far.ask(str(number)) for number in range(5)]
    far.end.greet()
    answer_all(far)
    assert [a.response.code for a in asked] == [200] * 5
    assert asked[0].response.version == (b"HTTP", 2, 0)
    far.close()


def test_all_wait_for_the_one_that_is_being_made() -> None:
    far = Far(slow=True)
    asked = [far.ask(str(number)) for number in range(5)]
    assert len(far.waiting) == 1
    far.connected()
    assert sorted(r.head[":path"] for r in far.end.open_requests.values()) == [
        f"/{number}" for number in range(5)
    ]
    answer_all(far)
    assert all(a.response for a in asked)
    far.close()


def test_they_wait_for_its_handshake_too() -> None:
    far = Far(shy=True)
    asked = [far.ask(str(number)) for number in range(3)]
    assert far.end.transport.value() == b""
    far.end.shake_hands()
    answer_all(far)
    assert all(a.response for a in asked)
    far.close()


def test_one_that_is_cancelled_does_not_disturb_the_others() -> None:
    far = Far(slow=True)
    first, second, third = (far.ask(str(number)) for number in range(3))
    first.cancel()
    third.cancel()
    assert first.failure.check(CancelledError)
    assert far.cancelled == 0
    far.connected()
    answer_all(far)
    assert second.response.code == 200
    far.close()


def test_if_all_are_cancelled_so_is_the_connection() -> None:
    far = Far(slow=True)
    asked = [far.ask(str(number)) for number in range(3)]
    for one in asked:
        one.cancel()
    assert all(one.failure.check(CancelledError) for one in asked)
    assert far.cancelled == 1
    far.close()


def test_cancelled_while_shaking_hands() -> None:
    far = Far(shy=True)
    asked = far.ask()
    asked.cancel()
    assert asked.failure.check(CancelledError)
    assert far.end.transport.aborting
    again = far.ask()
    far.ends[1].shake_hands()
    answer_all(far)
    assert again.response.code == 200
    far.close()


def test_a_connection_that_cannot_be_made_fails_all() -> None:
    far = Far(slow=True)
    asked = [far.ask(str(number)) for number in range(3)]
    far.failed(ConnectError())
    assert all(one.failure.check(ConnectError) for one in asked)
    again = far.ask()
    far.connected()
    answer_all(far)
    assert again.response
    far.close()


def test_a_handshake_that_fails_is_told_as_on_http1() -> None:
    far = Far(shy=True)
    asked = [far.ask(str(number)) for number in range(2)]
    far.end.lose(ConnectionLost())
    for one in asked:
        assert one.failure.check(ResponseNeverReceived)
        assert isinstance(one.reason, ConnectionLost)
    far.close()


def test_a_handshake_that_takes_too_long() -> None:
    far = Far(shy=True, handshake_timeout=5)
    asked = far.ask()
    far.advance(4.9)
    assert asked.is_open
    far.advance(0.2)
    assert asked.failure.check(TimeoutError) or "took too long" in str(asked.error)
    assert far.end.transport.aborting
    far.close()


def test_two_origins_have_two_connections() -> None:
    far = Far()
    far.ask()
    far.ask(url=b"https://other.test/")
    far.ask(url=b"https://example.test:8443/")
    assert len(far.ends) == 3
    answer_all(far)
    far.close()


def test_what_is_sent() -> None:
    far = Far()
    far.ask("a?b=c", b"PUT", RawBody(b"content"), {"X-One": ["1", "2"]})
    far.ask("d", b"POST")
    put, post = far.end.open_requests.values()
    assert put.head[":method"] == "PUT"
    assert put.head[":scheme"] == "https"
    assert put.head[":authority"] == "example.test"
    assert put.head[":path"] == "/a?b=c"
    assert put.head["content-length"] == "7"
    assert put.names.count("x-one") == 2
    assert put.body == b"content"
    assert put.ended
    assert post.head["content-length"] == "0"
    assert post.ended
    answer_all(far)
    far.close()


def test_a_length_that_the_caller_says_is_not_sent_beside_the_true_one() -> None:
    far = Far()
    far.ask("", b"PUT", RawBody(b"content"), {"Content-Length": ["5"]})
    assert far.end.open_requests[1].head["content-length"] == "7"
    answer_all(far)
    far.close()


class Summed(RawBody):
    """A body that knows its sum when all of it was sent."""

    @property
    def trailers(self) -> Headers:
        return Headers({"X-Sum": [str(self.sent)]})


def test_trailers_both_ways() -> None:
    far = Far()
    asked = far.ask("", b"PUT", Summed(b"content"))
    assert far.end.open_requests[1].trailers == {"x-sum": "7"}
    far.end.answer(1, 200)
    taker = Taker()
    asked.response.deliverBody(taker)
    far.end.data(1, b"answer")
    far.end.trailers(1, ("x-sum", "6"))
    assert taker.data == b"answer"
    assert isinstance(taker.reason, ResponseDone)
    assert asked.response.trailers.getRawHeaders("X-Sum") == ["6"]
    far.close()


def test_trailers_that_cannot_be_sent() -> None:
    class Bad(RawBody):
        trailers = Headers({"Content-Length": ["7"]})

    far = Far()
    asked = far.ask("", b"PUT", Bad(b"content"))
    assert asked.failure.check(RequestGenerationFailed)
    far.close()


def test_a_whole_response_outlives_its_connection() -> None:
    far = Far()
    asked = far.ask()
    far.end.answer(1, 200)
    far.end.data(1, b"answer", end=True)
    far.end.lose(ConnectionLost())
    taker = Taker()
    asked.response.deliverBody(taker)
    assert taker.data == b"answer"
    assert isinstance(taker.reason, ResponseDone)
    far.close()


def test_interim_responses_are_passed_over() -> None:
    far = Far()
    asked = far.ask()
    for status in (100, 103):
        far.end.answer(1, status)
    far.end.answer(1, 204, end=True)
    assert asked.response.code == 204
    assert asked.response.length == 0
    far.close()


def test_credit_returns_when_bytes_are_taken() -> None:
    far = Far()
    asked = far.ask()
    far.end.answer(1, 200)
    taker = Taker("pauseProducing")
    asked.response.deliverBody(taker)
    far.end.data(1, b"x" * 100_000)
    assert far.end.credit[1] == 0
    assert taker.data == b""
    taker.transport.resumeProducing()
    far.end.read()
    assert len(taker.data) == 100_000
    assert far.end.credit[1] >= 100_000
    taker.transport.loseConnection()
    far.close()


# HTTP/1.1 where there is no other -------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize("speaks", [b"http/1.1", None])
def test_http1_on_the_same_connection(speaks: bytes | None) -> None:
    far = Far(speaks=speaks)
    asked = far.ask("a")
    assert far.end.offers == [b"h2", b"http/1.1"]
    assert far.end.transport.value().startswith(b"GET /a HTTP/1.1\r\n")
    far.end.protocol.dataReceived(OK)
    assert asked.response.version == (b"HTTP", 1, 1)
    again = far.ask("b")
    far.end.protocol.dataReceived(OK)
    assert again.response.code == 200
    far.close_http1()


def test_those_who_waited_get_one_each_on_http1() -> None:
    far = Far(speaks=b"http/1.1", slow=True)
    asked = [far.ask(str(number)) for number in range(3)]
    assert len(far.waiting) == 1
    far.connected()
    assert len(far.waiting) == 2
    far.connected()
    far.connected()
    # And from now on nobody waits for another.
    asked.append(far.ask("3"))
    far.connected()
    for end in far.ends:
        end.protocol.dataReceived(OK)
    assert all(one.response.code == 200 for one in asked)
    assert len(far.ends) == 4
    far.close_http1()


def test_http1_of_the_second_is_cancelled() -> None:
    far = Far(speaks=b"http/1.1", slow=True)
    first, second = far.ask("1"), far.ask("2")
    far.connected()
    second.cancel()
    assert second.failure.check(CancelledError)
    assert far.cancelled == 1
    far.end.protocol.dataReceived(OK)
    assert first.response
    far.close_http1()


def test_http1_for_the_one_that_is_left() -> None:
    """The first who waited has gone: the connection is not lost with him."""
    far = Far(speaks=b"http/1.1", slow=True)
    first, second = far.ask("1"), far.ask("2")
    first.cancel()
    far.connected()
    assert far.end.transport.value().startswith(b"GET /2 HTTP/1.1\r\n")
    far.end.protocol.dataReceived(OK)
    assert second.response
    far.close_http1()


def test_an_origin_that_learns_http2() -> None:
    far = Far(speaks=b"http/1.1")
    far.ask()
    far.end.protocol.dataReceived(OK)
    far.end.lose()
    far.speaks = b"h2"
    asked = [far.ask(str(number)) for number in range(3)]
    assert len(far.ends) == 2
    far.ends[1].greet()
    for number in far.ends[1].open_requests:
        far.ends[1].answer(number, end=True)
    assert all(one.response.version == (b"HTTP", 2, 0) for one in asked)
    far.close_http1()


def test_an_origin_that_forgets_http2() -> None:
    far = Far()
    first = far.ask()
    answer_all(far)
    far.end.lose()
    far.speaks = b"http/1.1"
    second = far.ask("2")
    far.ends[1].protocol.dataReceived(OK)
    assert (first.response.code, second.response.version[1]) == (200, 1)
    far.close_http1()


def test_a_cached_connection_of_http1_that_died_is_tried_again_as_ever() -> None:
    far = Far(speaks=b"http/1.1")
    far.ask()
    far.end.protocol.dataReceived(OK)
    asked = far.ask("again")
    far.ends[0].lose(ConnectionLost())
    far.ends[1].protocol.dataReceived(OK)
    assert asked.response.code == 200
    far.close_http1()


@pytest.mark.parametrize("url", [b"http://example.test/", b"http://example.test:8080/"])
def test_in_the_clear_it_is_a_stock_pool(url: bytes) -> None:
    far = Far(secure=False)
    asked = [far.ask(url=url) for _ in range(3)]
    assert len(far.ends) == 3
    for end in far.ends:
        assert end.transport.value().startswith(b"GET / HTTP/1.1\r\n")
        assert not end.offers
        end.protocol.dataReceived(OK)
    assert all(one.response.code == 200 for one in asked)
    assert far.pool._origins == {}
    far.close_http1()


def test_prior_knowledge() -> None:
    far = Far(secure=False, h2c=True)
    asked = far.ask(url=b"http://example.test:8080/a")
    assert far.end.open_requests[1].head[":scheme"] == "http"
    assert far.end.open_requests[1].head[":authority"] == "example.test:8080"
    answer_all(far)
    assert asked.response.code == 200
    far.close()


def test_a_proxy_is_spoken_to_as_ever() -> None:
    far = Far(secure=False, h2c=True)
    done = ProxyAgent(far, far.clock, far.pool).request(b"GET", b"http://a.test/b")
    assert far.end.transport.value().startswith(b"GET http://a.test/b HTTP/1.1\r\n")
    far.end.protocol.dataReceived(OK)
    assert Asked(done).response.code == 200
    far.close_http1()


def test_a_key_of_ones_own_and_no_tls() -> None:
    """Whoever has a key for a way of his own is asked what is spoken there."""
    far = Far(secure=False)
    given: list[Any] = []
    far.pool.getConnection("mine", far).addCallback(given.append)
    assert type(given[0]).__name__ == "PromptHTTP1"
    far.close_http1()


# Ciphers --------------------------------------------------------------------------------


@pytest.mark.parametrize("cipher", ["ECDHE-RSA-AES128-GCM-SHA256", None])
def test_a_good_cipher(cipher: str | None) -> None:
    far = Far(cipher=cipher)
    asked = far.ask()
    answer_all(far)
    assert asked.response.version == (b"HTTP", 2, 0)
    far.close()


def test_a_bad_cipher_means_http1_on_a_second_connection() -> None:
    far = Far(cipher="AES128-GCM-SHA256")
    asked = [far.ask(), far.ask()]
    assert far.ends[0].farewell == 0xC
    assert far.ends[1].offers == [b"http/1.1"]
    for end in far.ends[1:]:
        end.protocol.dataReceived(OK)
    assert [one.response.version for one in asked] == [(b"HTTP", 1, 1)] * 2
    far.close_http1()


def test_a_server_that_insists_on_it() -> None:
    far = Far(cipher="AES128-SHA", insists=True)
    asked = far.ask()
    assert len(far.ends) == 2
    assert asked.failure.check(InadequateSecurity)
    assert "AES128-SHA" in str(asked.error)
    far.close()


# Room -----------------------------------------------------------------------------------


def test_requests_wait_for_room_in_order() -> None:
    far = Far()
    far.ask("0")
    far.end.greet({3: 1})
    asked = [far.ask(str(number)) for number in range(1, 4)]
    for number in range(4):
        assert list(far.end.open_requests) == list(range(1, 2 * number + 2, 2))
        assert far.end.open_requests[2 * number + 1].head[":path"] == f"/{number}"
        far.end.answer(2 * number + 1, end=True)
    assert all(one.response.code == 200 for one in asked)
    assert len(far.ends) == 1
    far.close()


def test_one_that_waits_is_cancelled() -> None:
    far = Far()
    far.ask("0")
    far.end.greet({3: 1})
    first, second = far.ask("1"), far.ask("2")
    first.cancel()
    assert first.failure.check(CancelledError)
    far.end.answer(1, end=True)
    assert far.end.request_on("/2") == 3
    far.end.answer(3, end=True)
    assert second.response
    far.close()


def test_no_room_at_all_is_waited_for() -> None:
    far = Far()
    far.ask("0")
    far.end.greet({3: 0})
    far.end.answer(1, end=True)
    asked = far.ask("1")
    far.advance(100)
    assert asked.is_open
    far.end.set(MAX_CONCURRENT_STREAMS=1)
    answer_all(far)
    assert asked.response.code == 200
    far.close()


def test_a_second_connection_when_that_is_allowed() -> None:
    far = Far(max_connections_per_origin=2)
    asked = [far.ask("0")]
    far.end.greet({3: 1})
    asked += [far.ask("1"), far.ask("2")]
    assert len(far.ends) == 2
    # How many the second takes is not known yet: as many as the first.
    assert len(far.ends[1].open_requests) == 1
    far.ends[1].greet()
    assert len(far.ends[1].open_requests) == 2
    answer_all(far)
    assert all(one.response for one in asked)
    far.close()


@pytest.mark.parametrize("allowed", [0, 2, 1000])
def test_what_a_server_allowed_holds_for_the_next_connection(allowed: int) -> None:
    far = Far(http2=ClientOptions(streams_at_first=5))
    asked = [far.ask()]
    far.end.greet().answer(1, end=True).set(MAX_CONCURRENT_STREAMS=allowed)
    far.end.lose()
    asked += [far.ask(str(number)) for number in range(8)]
    first = {0: 1, 2: 2, 1000: 5}[allowed]
    assert len(far.ends[1].open_requests) == first
    far.ends[1].greet()  # and allows more now
    assert len(far.ends[1].open_requests) == 8
    answer_all(far)
    assert all(one.response for one in asked)
    far.close()


def test_not_before_the_limit_is_known() -> None:
    far = Far(max_connections_per_origin=2, http2=ClientOptions(streams_at_first=1))
    asked = [far.ask("0"), far.ask("1")]
    assert len(far.ends) == 1
    far.end.greet()
    assert len(far.end.open_requests) == 2
    answer_all(far)
    assert all(one.response for one in asked)
    far.close()


def test_the_second_one_cannot_be_made() -> None:
    far = Far(max_connections_per_origin=2)
    far.ask("0")
    far.end.greet({3: 1})
    far.refuses = ConnectError()
    asked = [far.ask("1"), far.ask("2")]
    assert all(one.is_open for one in asked)
    for number in (1, 3, 5):
        far.end.answer(number, end=True)
    assert all(one.response for one in asked)
    far.close()


def test_all_who_wait_lose_their_only_connection() -> None:
    """They had not begun: they go to the next one."""
    far = Far()
    far.ask("0")
    far.end.greet({3: 1})
    asked = [far.ask("1"), far.ask("2")]
    far.ends[0].lose()
    assert len(far.ends) == 2
    far.ends[1].greet()
    assert len(far.ends[1].open_requests) >= 2
    for number in far.ends[1].open_requests:
        far.ends[1].answer(number, end=True)
    assert all(one.response for one in asked)
    far.close()


# The end of connections -----------------------------------------------------------------


def test_idle_connections_are_closed_in_time() -> None:
    far = Far()
    far.pool.cachedConnectionTimeout = 10
    asked = far.ask()
    far.end.greet()
    far.advance(100)  # a request is on it
    answer_all(far)
    assert asked.response
    far.advance(9)
    assert far.end.farewell is None
    again = far.ask()
    far.advance(9)
    answer_all(far)
    far.advance(9)
    assert again.response
    assert far.end.farewell is None
    far.advance(1)
    assert far.end.farewell == 0
    assert far.end.transport.disconnecting
    far.close()


def test_not_persistent() -> None:
    far = Far(persistent=False)
    far.ask("0")
    second = far.ask("1")
    assert len(far.ends) == 1
    answer_all(far)
    assert second.response
    far.advance(0)
    assert far.end.farewell == 0
    far.ask("2")
    assert len(far.ends) == 2
    answer_all(far)
    far.close()


def test_close_waits_until_it_is_closed() -> None:
    far = Far()
    far.ask()
    answer_all(far)
    closed: list[None] = []
    far.pool.closeCachedConnections().addCallback(closed.append)
    assert far.end.farewell == 0
    assert closed == []
    far.end.lose()
    assert closed == [None]
    far.close()


def test_close_with_nothing_there() -> None:
    closed: list[None] = []
    far = Far()
    far.pool.closeCachedConnections().addCallback(closed.append)
    assert closed == [None]


def test_close_lets_requests_finish() -> None:
    far = Far()
    asked = far.ask()
    far.end.greet()
    closed: list[None] = []
    far.pool.closeCachedConnections().addCallback(closed.append)
    later = far.ask("later")
    assert len(far.ends) == 2
    answer_all(far)
    assert asked.response
    assert later.response
    assert far.ends[0].farewell == 0
    assert closed == []
    far.ends[0].lose()
    assert closed == [None]
    far.close()


def test_close_does_not_wait_for_ever() -> None:
    far = Far()
    asked = far.ask()
    far.end.greet()
    closed: list[None] = []
    far.pool.closeCachedConnections().addCallback(closed.append)
    far.advance(CLOSING_TIME)
    assert closed == [None]
    assert asked.is_open
    answer_all(far)
    assert asked.response
    far.close()


def test_close_twice() -> None:
    far = Far()
    far.ask()
    answer_all(far)
    closed: list[None] = []
    for _ in range(2):
        far.pool.closeCachedConnections().addCallback(closed.append)
    far.end.lose()
    assert closed == [None, None]
    far.pool.closeCachedConnections().addCallback(closed.append)
    assert len(closed) == 3
    far.close()


def test_closed_connections_of_http1() -> None:
    far = Far(speaks=b"http/1.1")
    far.ask()
    far.end.protocol.dataReceived(OK)
    closed: list[None] = []
    far.pool.closeCachedConnections().addCallback(closed.append)
    assert far.end.transport.disconnecting
    assert closed == []
    far.end.lose()
    assert closed == [None]


def test_one_of_http1_that_the_server_does_not_close() -> None:
    far = Far(speaks=b"http/1.1")
    far.ask()
    far.end.protocol.dataReceived(OK)
    closed: list[None] = []
    far.pool.closeCachedConnections().addCallback(closed.append)
    far.advance(CLOSING_TIME)
    assert closed == [None]
    far.end.lose()


def test_old_connections_retire() -> None:
    far = Far(http2=ClientOptions(retire_after=2))
    asked = [far.ask(str(number)) for number in range(3)]
    assert len(far.ends) == 2
    answer_all(far)
    assert all(one.response for one in asked)
    assert far.ends[0].farewell == 0
    far.close()


def test_a_ping_that_nobody_answers() -> None:
    far = Far(http2=ClientOptions(ping_interval=30, ping_time=20))
    asked = far.ask("", b"PUT", RawBody(b"x"))
    far.end.greet()
    far.advance(30)
    assert far.end.read().pings
    far.advance(20)
    assert asked.failure.check(ResponseNeverReceived)
    assert isinstance(asked.reason, ConnectionLost)
    far.close()


def test_many_origins_are_forgotten_in_part(monkeypatch: Any) -> None:
    monkeypatch.setattr("txmultipart.web.pool._MOST_ORIGINS", 20)
    far = Far(slow=True)
    busy = far.ask(url=b"https://busy.test/")
    for number in range(50):
        one = far.ask(url=b"https://%d.test/" % number)
        one.cancel()
    assert len(far.pool._origins) <= 20
    assert (b"https", b"busy.test", 443) in far.pool._origins
    busy.cancel()
    far.close()


# What is sent again ---------------------------------------------------------------------


def test_a_refused_request_is_sent_again() -> None:
    far = Far()
    asked = far.ask("", b"PUT", RawBody(b"content"))
    far.end.greet()
    far.end.reset(1, REFUSED)
    assert far.end.open_requests[3].body == b"content"
    answer_all(far)
    assert asked.response.code == 200
    far.close()


def test_refused_for_ever() -> None:
    far = Far()
    asked = far.ask()
    far.end.greet()
    for number in range(RETRIES + 1):
        far.advance(1)
        far.end.reset(2 * number + 1, REFUSED)
    assert asked.failure.check(RequestNotProcessed)
    assert f"sent {RETRIES + 1} times" in str(asked.error)
    assert isinstance(asked.reason, StreamReset)
    assert asked.reason.error_code == REFUSED
    far.close()


def test_cancelled_between_two_attempts() -> None:
    far = Far()
    asked = far.ask()
    far.end.greet()
    far.end.reset(1, REFUSED)
    far.end.reset(3, REFUSED)
    asked.cancel()
    assert asked.failure.check(CancelledError)
    far.close()


class Once(RawBody):
    """A body that can be sent once only."""

    @property
    def replayable(self) -> bool:
        return False


def test_a_body_that_cannot_be_sent_again() -> None:
    far = Far()
    asked = far.ask("", b"PUT", Once(b"content"))
    far.end.greet()
    far.end.reset(1, REFUSED)
    assert asked.failure.check(RequestNotProcessed)
    assert "body had begun" in str(asked.error)
    far.close()


def test_one_that_has_not_begun_can() -> None:
    far = Far()
    asked = far.ask("", b"PUT", Once(b"content"), {"Expect": ["100-continue"]})
    far.end.greet()
    far.end.reset(1, REFUSED)
    assert asked.is_open
    far.end.answer(3, 100)
    assert far.end.open_requests[3].body == b"content"
    answer_all(far)
    assert asked.response
    far.close()


def test_goaway_in_flight() -> None:
    far = Far()
    asked = [far.ask(str(n), b"PUT", RawBody(b"content")) for n in range(4)]
    far.end.greet()
    far.ends[0].leave(3)
    assert sorted(r.head[":path"] for r in far.ends[1].open_requests.values()) == [
        "/2",
        "/3",
    ]
    for end, numbers in ((far.ends[0], (1, 3)), (far.ends[1], (1, 3))):
        for number in numbers:
            end.answer(number, end=True)
    assert all(one.response.code == 200 for one in asked)
    assert len(far.ends) == 2
    far.close()


def test_goaway_for_ever() -> None:
    far = Far()
    asked = far.ask()
    for number in range(RETRIES + 1):
        far.ends[number].greet()
        far.ends[number].leave(0)
    assert asked.failure.check(RequestNotProcessed)
    assert isinstance(asked.reason, ConnectionTerminated)
    far.close()


def test_an_old_connection_has_died() -> None:
    far = Far()
    far.ask()
    far.end.greet()
    answer_all(far)
    asked = far.ask("again")
    far.ends[0].lose(ConnectionLost())
    far.ends[1].greet()
    far.ends[1].answer(1, end=True)
    assert asked.response.code == 200
    far.close()


@pytest.mark.parametrize(
    ("method", "body", "automatically", "failure"),
    [
        (b"POST", None, True, ResponseNeverReceived),
        (b"GET", RawBody(b"x"), True, ResponseNeverReceived),
        (b"GET", None, False, ResponseNeverReceived),
    ],
)
def test_not_what_may_have_been_done(
    method: bytes, body: Any, automatically: bool, failure: type[Exception]
) -> None:
    far = Far()
    far.pool.retryAutomatically = automatically
    far.ask()
    far.end.greet()
    answer_all(far)
    asked = far.ask("again", method, body)
    far.ends[0].lose(ConnectionLost())
    assert asked.failure.check(failure)
    assert isinstance(asked.reason, ConnectionLost)
    far.close()


def test_a_new_connection_that_dies_is_not_forgiven() -> None:
    far = Far()
    asked = far.ask()
    far.end.greet()
    far.end.lose(ConnectionLost())
    assert asked.failure.check(ResponseNeverReceived)
    far.close()


def test_twice_dead() -> None:
    far = Far()
    far.ask()
    far.end.greet()
    answer_all(far)
    asked = far.ask("again")
    far.ask("other")
    far.ends[0].lose(ConnectionLost())
    far.ends[1].greet()
    far.ends[1].lose(ConnectionLost())
    assert asked.failure.check(ResponseNeverReceived)
    far.close()


def test_a_reset_is_not_forgiven() -> None:
    far = Far()
    far.ask()
    far.end.greet()
    answer_all(far)
    asked = far.ask("again")
    far.end.reset(3, 2)
    assert asked.failure.check(ResponseNeverReceived)
    assert asked.reason.error_code == 2
    far.close()


def test_misdirected() -> None:
    far = Far()
    asked = far.ask("", b"PUT", RawBody(b"content"))
    far.end.greet()
    far.ends[0].answer(1, 421)
    assert far.ends[1].open_requests[1].body == b"content"
    far.ends[1].answer(1, 421, end=True)
    assert asked.response.code == 421
    assert len(far.ends) == 2
    far.close()


def test_misdirected_with_a_body_that_is_gone() -> None:
    far = Far()
    asked = far.ask("", b"PUT", Once(b"content"))
    far.end.greet()
    far.end.answer(1, 421, end=True)
    assert asked.response.code == 421
    far.close()


@pytest.mark.parametrize("body", [None, RawBody(b"content")])
def test_http1_is_required(body: Any) -> None:
    far = Far()
    asked = far.ask("a", b"PUT", body)
    far.ends[0].greet()
    far.speaks = b"http/1.1"
    far.ends[0].reset(1, 0xD)
    assert far.ends[1].offers == [b"http/1.1"]
    assert far.ends[1].transport.value().startswith(b"PUT /a HTTP/1.1\r\n")
    far.ends[1].protocol.dataReceived(OK)
    assert asked.response.version == (b"HTTP", 1, 1)
    far.close_http1()


def test_http1_is_required_of_all() -> None:
    far = Far()
    asked = [far.ask("a", b"PUT", RawBody(b"content")) for _ in range(2)]
    far.ends[0].greet()
    far.speaks = b"http/1.1"
    far.ends[0].leave(0, 0xD)
    for end in far.ends[1:]:
        assert end.offers == [b"http/1.1"]
        end.protocol.dataReceived(OK)
    assert [one.response.version for one in asked] == [(b"HTTP", 1, 1)] * 2
    far.close_http1()


def test_a_server_that_wants_calm() -> None:
    far = Far()
    asked = far.ask()
    for number in range(3):
        far.ends[number].greet()
        far.ends[number].leave(0, 0xB)
        assert len(far.ends) == (2 if number == 0 else number + 1)
        far.advance(1)
    answer_all(far)
    assert asked.response.code == 200
    far.close()


def test_a_request_that_cannot_be_sent() -> None:
    """It fails, and neither those who wait nor the connection mind."""
    far = Far()
    asked = far.ask("", b"GET", None, {"X": ["a\x00b"]})
    far.end.greet()
    assert asked.failure.check(RequestGenerationFailed)
    far.advance(far.pool.cachedConnectionTimeout)
    assert far.end.farewell == 0
    far.close()


class Stock(Far):
    """The same with a stock pool."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.pool: Any = HTTPConnectionPool(self.clock)
        self.agent = Agent.usingEndpointFactory(self.clock, self, self.pool)


@pytest.mark.parametrize("url", [URL, b"http://example.test/"])
@pytest.mark.parametrize("persistent", [True, False])
def test_the_bytes_of_http1_are_those_of_a_stock_pool(
    url: bytes, persistent: bool
) -> None:
    """Four requests, two of them at the same time, on one origin."""
    seen = []
    for kind in (Stock, Far):
        far = kind(speaks=b"http/1.1", secure=url.startswith(b"https"))
        far.pool.persistent = persistent
        asked = [far.ask("a", url=url)]
        far.end.protocol.dataReceived(OK)
        asked += [
            far.ask("b", b"PUT", RawBody(b"content"), {"X": ["1"]}, url),
            far.ask("c", b"POST", None, {"Expect": ["100-continue"]}, url),
        ]
        for end in far.ends[-2:]:
            end.protocol.dataReceived(OK)
        asked.append(far.ask("d", b"PUT", RawBody(iter([b"con", b"tent"])), None, url))
        seen.append([end.transport.value() for end in far.ends])
        asked[-1].cancel()
        assert all(one.response.code == 200 for one in asked[:3])
    ours, theirs = seen
    assert ours == theirs
    assert b"".join(ours).count(b"HTTP/1.1\r\n") == 4


def test_http1_is_required_and_the_body_gone() -> None:
    far = Far()
    asked = far.ask("a", b"PUT", Once(b"content"))
    far.ends[0].greet()
    far.ends[0].reset(1, 0xD)
    assert asked.failure.check(ResponseNeverReceived)
    assert asked.reason.error_code == 0xD
    far.close()


def test_lost_in_the_middle_of_the_body() -> None:
    far = Far()
    asked = far.ask("", b"PUT", RawBody(b"x" * 1_000_000))
    far.end.greet()
    far.end.lose(ConnectionDone())
    assert asked.failure.check(RequestTransmissionFailed)
    assert isinstance(asked.reason, ConnectionDone)
    far.close()


def test_get_connection_is_for_others_too() -> None:
    far = Far()
    given: list[Any] = []
    far.pool.getConnection(KEY, far).addCallback(given.append)
    far.pool.getConnection(KEY, far).addCallback(given.append)
    assert len(far.ends) == 1
    assert all(hasattr(one, "request") for one in given)
    assert URL
    far.close()
