"""Options: figures that no connection could live with are refused where they are said."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.web.resource import Resource

from txmultipart import HTTP2ConnectionPool, MisuseError, StreamingSite
from txmultipart.http2 import ClientOptions, HTTP2Options

BAD: list[dict[str, Any]] = [
    {"quantum": 0},
    {"batch": 0},
    {"high_water": 0},
    {"max_frame": 1000},
    {"max_frame": 1 << 24},
    {"first_window": -1},
    {"first_window": 0},
    {"first_window": 1 << 31},
    {"connection_window": 0},
    {"max_streams": 0},
    {"max_streams": 10**6},
    {"max_streams": True},
    {"max_streams": 2.5},
    {"max_header_list": "a"},
    {"max_resets": -1},
    {"per_second": 0},
    {"least_rate": 0},
    {"most_requests": 0},
    {"preface_time": -1},
    {"preface_time": float("inf")},
    {"preface_time": float("nan")},
    {"preface_time": None},
    {"abort_time": "soon"},
]
BAD_OF_CLIENT: list[dict[str, Any]] = [
    {"streams_at_first": 0},
    {"retire_after": 0},
    {"ping_interval": 0},
    {"ping_time": 0},
    {"stall_time": -1.0},
]


@pytest.mark.parametrize("kind", [HTTP2Options, ClientOptions])
@pytest.mark.parametrize("figures", BAD, ids=str)
def test_figures_that_cannot_be(kind: Any, figures: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(figures))):
        kind(**figures)


@pytest.mark.parametrize("figures", BAD_OF_CLIENT, ids=str)
def test_those_of_a_client(figures: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(figures))):
        ClientOptions(**figures)


def test_first_windows_have_to_fit() -> None:
    with pytest.raises(ValueError, match="windows_together, and is 2000"):
        HTTP2Options(max_streams=20, first_window=100, windows_together=1999)
    HTTP2Options(max_streams=20, first_window=100, windows_together=2000)


@pytest.mark.parametrize("kind", [HTTP2Options, ClientOptions])
def test_each_figure_is_looked_at(kind: Any) -> None:
    for field in fields(kind):
        with pytest.raises(ValueError, match=field.name):
            kind(**{field.name: -1})


def test_no_limit_where_there_may_be_none() -> None:
    options = ClientOptions(ping_interval=None, stall_time=None, preface_time=0)
    assert (options.ping_interval, options.stall_time) == (None, None)


def test_a_pool_takes_those_of_a_client() -> None:
    for options in (HTTP2Options(), {"max_streams": 5}):
        with pytest.raises(MisuseError, match="ClientOptions"):
            HTTP2ConnectionPool(Clock(), options=options)  # type: ignore[arg-type]


def test_a_site_takes_those_of_a_server() -> None:
    for options in (ClientOptions(), None, {"max_streams": 5}):
        with pytest.raises(MisuseError, match="HTTP2Options"):
            StreamingSite(Resource(), http2=options)  # type: ignore[arg-type]
