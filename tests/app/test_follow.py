"""``txmultipart send`` and redirects: an upload goes on as it is, or not at all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from twisted.internet import reactor
from twisted.internet.error import ConnectionRefusedError
from twisted.web.client import Agent

from tests.app.places import Places, sent, serving
from tests.interop.servers.keys import keys_in
from txmultipart import HTTP2ConnectionPool, RawBody
from txmultipart.app.answers import refused
from txmultipart.app.follow import FollowingAgent, NotFollowed
from txmultipart.app.patience import Patience
from txmultipart.web.pooled import pooled_agent

CONTENT = b"content" * 1000

#: All that were followed, by what was sent.
FOLLOWED = {"put": (301, 302, 307, 308), "form": (307, 308)}
CODES = (301, 302, 303, 307, 308)

each_way = pytest.mark.parametrize("way", ["", "--h2c", "--http1.1"])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.bin"
    path.write_bytes(CONTENT)
    return path


def words(kind: str, path: Path) -> list[str]:
    return ["-T", str(path)] if kind == "put" else ["-F", f"file=@{path}"]


@each_way
@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("kind", FOLLOWED)
async def test_each_of_them(
    kind: str, code: int, way: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places()
    name = places.point(code, "/taken")
    line = [*words(kind, path), *([way] if way else [])]
    async with serving(places) as url:
        result = await sent(url + name, *line)
    out, err = capsys.readouterr()
    if code in FOLLOWED[kind]:
        assert (result, err) == (0, "")
        assert places.taken.methods == [b"PUT" if kind == "put" else b"POST"]
        (size,) = places.taken.sizes
        assert (size == len(CONTENT)) is (kind == "put")
        assert size >= len(CONTENT)
        assert out.startswith("HTTP/2" if way == "--h2c" else "HTTP/1.1")
    else:
        assert (result, out) == (22, "")
        assert places.taken.methods == []
        status, body = err.splitlines()
        assert re.match(rf"txmultipart: the server answered {code} \w", status)
        assert f" and points to {url}taken; nothing was uploaded there" in status
        assert body == "go on"


@pytest.mark.parametrize("code", CODES)
async def test_it_points_nowhere(
    code: int, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places()
    name = places.point(code)
    async with serving(places) as url:
        assert await sent(url + name, "-F", "a=b") == 22
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"txmultipart: the server answered {code} ")
    assert "points" not in err
    assert ("does not say where to go" in err) is (code in FOLLOWED["form"])


@each_way
@pytest.mark.parametrize(
    ("location", "said"),
    [
        ("ftp://127.0.0.1/", "neither http:// nor https://"),
        ("http://127.0.0.1/a b", "no URL"),
        ("", "too many redirects"),
    ],
    ids=["another scheme", "no URL", "in circles"],
)
async def test_where_nothing_can_go(
    location: str, said: str, way: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places()
    name = places.point(307, location)
    line = ["-T", str(path), *([way] if way else [])]
    async with serving(places) as url:
        assert await sent(url + name, *line) == 22
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("txmultipart: the server answered 307 Temporary Redirect")
    assert said in err.splitlines()[0]


async def test_what_cannot_be_read_twice() -> None:
    places = Places()
    name = places.point(307, "/taken")
    pool = HTTP2ConnectionPool(reactor)
    agent = FollowingAgent(pooled_agent(reactor, pool), reactor)
    async with serving(places) as url:
        body = RawBody(iter([b"content"]))
        with pytest.raises(NotFollowed, match="cannot be read a second time") as caught:
            await agent.request(b"PUT", (url + name).encode(), None, body)
        assert f" and points to {url}taken; " in str(caught.value)
        patience = Patience(reactor, body, stall_time=0, max_time=0)
        await refused(caught.value.response, patience)
        await pool.closeCachedConnections()
    assert places.taken.methods == []


async def test_what_is_no_redirect_fails_as_it_does() -> None:
    agent = FollowingAgent(Agent(reactor), reactor)
    with pytest.raises(ConnectionRefusedError):
        await agent.request(b"PUT", b"http://127.0.0.1:1/", None, None)


SECRETS = {"Authorization": "s3cret", "X-Api-Key": "s3cret", "x-twice": "1"}
GIVEN = [word for item in SECRETS.items() for word in ("-H", ": ".join(item))]


async def test_another_origin_is_not_told_what_was_given(path: Path) -> None:
    places, other = Places(), Places()
    async with serving(places) as url, serving(other) as further:
        name = places.point(308, f"{further}taken")
        body: list[str | Path] = ["-T", path, "-H", "Content-Language: ay"]
        assert await sent(url + name, *body, *GIVEN, "-H", "X-Twice: 2") == 0
    (request,) = other.taken.requests
    assert request.getHeader("Content-Language") == "ay"
    for name in SECRETS:
        assert request.getHeader(name) is None
    assert other.taken.sizes == [len(CONTENT)]


async def test_the_same_origin_is_told_again(path: Path) -> None:
    places = Places()
    async with serving(places) as url:
        name = places.point(308, "/taken")
        assert await sent(url + name, "-T", path, *GIVEN) == 0
    (request,) = places.taken.requests
    assert {name: request.getHeader(name) for name in SECRETS} == SECRETS


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An endpoint on TLS."""
    pair = keys_in(tmp_path_factory.mktemp("keys")).pair
    return f"ssl:0:privateKey={pair}:certKey={pair}:interface=127.0.0.1"


@pytest.mark.parametrize("way", [[], ["--http1.1"]], ids=["h2", "h1"])
@pytest.mark.parametrize("kind", FOLLOWED)
async def test_not_from_tls_into_the_clear(
    kind: str,
    way: list[str],
    tls: str,
    path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places, other = Places(), Places()
    async with serving(places, tls) as url, serving(other) as clear:
        for code in FOLLOWED[kind]:
            name = places.point(code, f"{clear}taken")
            assert await sent(url + name, *words(kind, path), "-k", *way) == 22
            out, err = capsys.readouterr()
            status, body = err.splitlines()
            where = f" and points to {clear}taken, where it would not be encrypted"
            assert (out, body) == ("", "go on")
            assert status.startswith(f"txmultipart: the server answered {code} ")
            assert status.endswith(where)
    assert other.taken.requests == []


@pytest.mark.parametrize("way", [[], ["--http1.1"]], ids=["h2", "h1"])
async def test_not_on_a_way_round_either(way: list[str], tls: str, path: Path) -> None:
    """From the clear to TLS it goes, and on TLS, but not back."""
    first, second, third = Places(), Places(), Places()
    async with (
        serving(first) as clear,
        serving(second, tls) as url,
        serving(third, tls) as further,
    ):
        line = ["-T", str(path), "-k", *way]
        there = second.point(307, f"{further}taken")
        begin = first.point(307, url + there)
        assert await sent(clear + begin, *line) == 0
        back = second.point(307, f"{clear}taken")
        begin = first.point(307, url + back)
        assert await sent(clear + begin, *line) == 22
    assert third.taken.sizes == [len(CONTENT)]
    assert first.taken.requests == []


async def test_what_is_no_redirect_may_point_into_the_clear(
    tls: str, path: Path
) -> None:
    places = Places()
    name = places.point(201, "http://127.0.0.1/made")
    async with serving(places, tls) as url:
        assert await sent(url + name, "-T", path, "-k") == 0
