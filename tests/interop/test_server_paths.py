"""What only our own programs on node and Go can do, tried with curl first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.interop.clients import curl, nghttp
from tests.interop.each import each_server
from tests.interop.servers import START
from tests.interop.servers.server import Server, Transport, sum_of, told

CONTENT = bytes(range(256)) * 100

server = each_server(START, "go", "node")


@pytest.fixture
def sent(tmp_path: Path) -> Path:
    """A file with CONTENT."""
    (tmp_path / "sent").write_bytes(CONTENT)
    return tmp_path / "sent"


@pytest.fixture
def upload(sent: Path) -> list[str]:
    """What makes curl send CONTENT."""
    return ["-T", str(sent)]


only = {
    name: pytest.mark.parametrize("server", [name], indirect=True, scope="module")
    for name in START
}


async def test_trailers(server: Server, transport: Transport, sent: Path) -> None:
    url = server.url(transport, "trailers")
    answer = await nghttp.put(url, sent, "--trailer", "their: own")
    assert answer.length > 64
    assert {"x-after: all said", "echo-their: own"} <= set(answer.fields)


async def test_informational(
    server: Server, transport: Transport, tmp_path: Path, upload: list[str]
) -> None:
    answer = await curl.ask(server, transport, "informational", tmp_path, *upload)
    assert "< http/2 103" in answer.said
    assert "\n< link: </style.css>; rel=preload" in answer.said
    assert answer.status == 200
    assert await told("", answer.body) == sum_of(CONTENT)


async def test_expect(
    server: Server, transport: Transport, tmp_path: Path, upload: list[str]
) -> None:
    asking = ["-H", "Expect: 100-continue", *upload]
    answer = await curl.ask(server, transport, "expect", tmp_path, *asking)
    assert "< http/2 100" in answer.said
    assert await told("", answer.body) == sum_of(CONTENT)


async def test_refused_at_once(
    server: Server, transport: Transport, tmp_path: Path
) -> None:
    answer = await curl.ask(server, transport, "refused", tmp_path, "-X", "PUT")
    assert answer.status == 413
    assert b"too large" in answer.body


async def test_redirect(server: Server, transport: Transport, sent: Path) -> None:
    url = server.url(transport, "redirect?code=307&to=/upload/there")
    # curl 7.88 loses an answer when the RST_STREAM behind it comes in the same read.
    answer = await nghttp.put(url, sent)
    assert answer.statuses == [307]
    assert "location: /upload/there" in answer.fields


#: curl's, for a time that is over.
TIMEOUT = 28

#: Longer than any window.
LONG = ["-T", "/dev/zero"]


async def test_early(server: Server, transport: Transport, tmp_path: Path) -> None:
    impatient = ["--max-time", "1", *LONG]
    answer = await curl.ask(server, transport, "early", tmp_path, *impatient)
    assert (answer.status, answer.body) == (200, b"early\n")
    assert answer.exit_code == TIMEOUT


async def test_slow(server: Server, transport: Transport, tmp_path: Path) -> None:
    impatient = ["--max-time", "1", *LONG, "-w", "2 %{size_upload}\n"]
    answer = await curl.ask(server, transport, "slow", tmp_path, *impatient)
    assert answer.exit_code == TIMEOUT
    taken = answer.status
    assert 0 < taken < 1 << 22, "a window is taken, and no more"


@only["go"]
async def test_multipart(server: Server, transport: Transport, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(CONTENT)
    form = ["-F", "a=b", "-F", f"f=@{tmp_path / 'f'};type=x/y"]
    answer = await curl.ask(server, transport, "multipart", tmp_path, *form)
    field, file = json.loads(answer.body)
    assert (field["name"], field["size"]) == ("a", 1)
    assert (file["filename"], file["headers"]["Content-Type"]) == ("f", ["x/y"])
    assert (file["sha256"], file["size"]) == sum_of(CONTENT)


@only["node"]
async def test_refuse(
    server: Server, transport: Transport, tmp_path: Path, upload: list[str]
) -> None:
    path = f"refuse/{transport}"
    answer = await curl.ask(server, transport, path, tmp_path, *upload)
    assert "refused_stream, retrying a fresh connect" in answer.said
    assert await told("", answer.body) == sum_of(CONTENT)


@only["node"]
async def test_goaway(server: Server, transport: Transport, sent: Path) -> None:
    answer = await nghttp.put(server.url(transport, "goaway"), sent)
    assert "(last_stream_id=13, error_code=NO_ERROR" in answer.shown
    assert answer.statuses == [200]


@only["node"]
async def test_goaway_once(server: Server, transport: Transport, sent: Path) -> None:
    url = server.url(transport, f"goaway-once/{transport}?last=5")
    lost = await nghttp.put(url, sent)
    assert lost.statuses == []
    assert "(last_stream_id=5, error_code=NO_ERROR" in lost.shown
    assert (await nghttp.put(url, sent)).statuses == [200]


@only["node"]
async def test_settings(server: Server, transport: Transport, sent: Path) -> None:
    url = server.url(transport, "settings?maxConcurrentStreams=7")
    answer = await nghttp.put(url, sent)
    assert "SETTINGS_MAX_CONCURRENT_STREAMS(0x03):7" in answer.shown
    assert answer.statuses == [200]
