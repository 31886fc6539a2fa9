"""Clients that others wrote, against ``txmultipart serve`` as a child process."""

from __future__ import annotations

import hashlib
import json
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import trustme

from tests.app.serving import announced_url, child, command
from tests.interop.memory import MiB, peak, reset_peak, sparse
from tests.peers import peer

#: How much more than when idle the server may hold during an upload of any size.
GROWTH = 24 * MiB

SIZE = 64 * MiB


class Server(NamedTuple):
    """A child that serves, and what curl needs to speak HTTP/2 with it."""

    process: subprocess.Popen[str]
    url: str
    folder: Path
    curl_options: list[str]
    trust: Path | None


@pytest.fixture(params=["h2c", "tls"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / "inbox"
    folder.mkdir()
    endpoint, options, trust = "tcp:0", ["--http2-prior-knowledge"], None
    if request.param == "tls":
        trust, pair = certificates(tmp_path)
        endpoint = f"ssl:0:privateKey={pair}:certKey={pair}"
        options = ["--http2", "--cacert", str(trust)]
    line = command("serve", str(folder), "--listen", endpoint + ":interface=127.0.0.1")
    with child(*line) as process:
        yield Server(process, announced_url(process), folder, options, trust)


def certificates(folder: Path) -> tuple[Path, Path]:
    """Whom to trust, and a key with its certificate."""
    authority = trustme.CA()
    trust, pair = folder / "trust.pem", folder / "pair.pem"
    authority.cert_pem.write_to_path(str(trust))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
        str(pair)
    )
    return trust, pair


def curl(server: Server, *arguments: str) -> str:
    """Run curl; its output has to end with HTTP/2's number."""
    line = [peer("curl"), "-sS", "--max-time", "60", "-w", "\n%{http_version}"]
    ended = subprocess.run(
        [*line, *server.curl_options, *arguments], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    output, _, version = ended.stdout.rpartition("\n")
    assert version == "2"
    return output


@pytest.mark.parametrize("way", ["-F", "-T"])
def test_curl_uploads_in_flat_memory(way: str, server: Server, tmp_path: Path) -> None:
    big = sparse(tmp_path / "big.bin", SIZE)
    curl(server, "-F", "f=@-;filename=warm", server.url)
    reset_peak(server.process.pid)
    idle = peak(server.process.pid)
    value = f"f=@{big}" if way == "-F" else str(big)
    (part,) = json.loads(curl(server, way, value, server.url))["parts"]
    grown = peak(server.process.pid) - idle
    print(f"grew by {grown / MiB:.1f} MiB")
    assert part["size"] == SIZE
    assert part["sha256"] == hashlib.sha256(bytes(SIZE)).hexdigest()
    assert grown < GROWTH


def test_curl_gets(server: Server) -> None:
    assert "<form" in curl(server, server.url)
    assert curl(server, "-I", server.url).startswith("HTTP/2 200")


def test_curl_asks_for_leave(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"content")
    curl(server, "-H", "Expect: 100-continue", "-T", str(path), server.url)
    assert (server.folder / "a.txt").read_bytes() == b"content"


def test_curl_on_http1_on_the_same_port(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"content")
    trust = ["--cacert", str(server.trust)] if server.trust else []
    line = [peer("curl"), "-sS", "--http1.1", *trust, "-w", "%{http_version}"]
    output = subprocess.check_output([*line, "-T", str(path), server.url], text=True)
    assert output.endswith("1.1")
    assert (server.folder / "a.txt").read_bytes() == b"content"


def httpx_client(server: Server) -> httpx.Client:
    """One that speaks HTTP/2 and nothing else."""
    trust: Any = True
    if server.trust is not None:
        trust = ssl.create_default_context(cafile=str(server.trust))
    return httpx.Client(http1=False, http2=True, verify=trust, trust_env=False)


def test_httpx(server: Server) -> None:
    with httpx_client(server) as client:
        content = bytes(range(256)) * 20_000
        for number in range(3):
            answer = client.post(server.url, files={"f": (f"{number}.bin", content)})
            assert (answer.status_code, answer.http_version) == (201, "HTTP/2")
            assert (server.folder / f"{number}.bin").read_bytes() == content
        assert client.get(server.url).status_code == 200
        assert client.put(server.url + "x", content=content).status_code == 201


def test_an_early_refusal_reaches_curl(tmp_path: Path) -> None:
    big = sparse(tmp_path / "big.bin", SIZE)
    options = ["--max-size", "1000", "--listen", "tcp:0:interface=127.0.0.1"]
    with child(*command("serve", str(tmp_path), *options)) as process:
        url = announced_url(process)
        line = [peer("curl"), "-sS", "--http2-prior-knowledge", "-F", f"f=@{big}"]
        output = subprocess.check_output([*line, "-w", "%{http_code}", url], text=True)
    assert output.endswith("413")
    assert '"limit-exceeded"' in output


def test_nghttp(server: Server) -> None:
    # It asks for nothing but that the names match the certificate, and only warns.
    line = [peer("nghttp"), "-v", "-m", "20", "--no-dep", server.url]
    output = subprocess.check_output(line, text=True)
    assert output.count(":status: 200") == 20
    assert "error_code=NO_ERROR" in output


def test_h2load(server: Server) -> None:
    line = [peer("h2load"), "-n", "500", "-c", "4", "-m", "50", server.url]
    output = subprocess.check_output(line, text=True)
    assert "500 succeeded, 0 failed, 0 errored" in output
