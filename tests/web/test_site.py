"""StreamingSite takes what Site takes."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from tests.web.wire import Wire, request_bytes
from txmultipart import StreamingRequest, StreamingSite


def test_it_makes_streaming_requests() -> None:
    site = StreamingSite(Resource())
    assert isinstance(site, Site)
    assert site.requestFactory is StreamingRequest


def test_every_argument_of_site_is_taken() -> None:
    class Mine(StreamingRequest):
        """A request of somebody's own."""

    clock = Clock()
    site = StreamingSite(Resource(), Mine, timeout=7, reactor=clock)
    assert site.timeOut == 7
    assert site.reactor is clock


@pytest.mark.parametrize("way", ["by name", "by place"])
def test_another_request_factory(way: str) -> None:
    class Mine(StreamingRequest):
        """A request of somebody's own."""

    def make_site(root: Any, **options: Any) -> Site:
        if way == "by name":
            return StreamingSite(root, requestFactory=Mine, **options)
        return StreamingSite(root, Mine, **options)

    seen: list[Request] = []

    class Look(Resource):
        isLeaf = True

        def render(self, request: Any) -> bytes:
            seen.append(request)
            return b""

    Wire(Look(), make_site).send(request_bytes("PUT", "/", b"x"))
    assert [type(request) for request in seen] == [Mine]


def test_a_stock_site_may_be_given_the_factory() -> None:
    site = Site(Resource(), requestFactory=StreamingRequest)
    assert site.requestFactory is StreamingRequest
