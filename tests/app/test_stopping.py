"""SIGTERM in the middle of an upload: it comes to its end, whoever runs the service."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.app.serving import child, command, is_temporary, plugin_environment, until
from tests.http2.test_interop import certificates
from tests.peers import peer

SIZE = 400_000

#: How each program is begun; the endpoint and the folder follow.
PROGRAMS = {
    "serve": command("serve"),
    "twist": ["twist", "txmultipart"],
    "twist on asyncio": ["twist", "--reactor=asyncio", "txmultipart"],
}

#: What curl is told, and how it says that it did so.
LINKS = {
    "h1": (["--http1.1"], "1.1"),
    "h2c": (["--http2-prior-knowledge"], "2"),
    "h2": (["--http2", "--insecure"], "2"),
    "h1 tls": (["--http1.1", "--insecure"], "1.1"),
}


@contextmanager
def serving(program: str, link: str, folder: Path, tmp: Path) -> Iterator[Any]:
    """The process and its URL."""
    first, *more = PROGRAMS[program]
    endpoint = "tcp:0"
    if link in ("h2", "h1 tls"):
        _, pair = certificates(tmp)
        endpoint = f"ssl:0:privateKey={pair}:certKey={pair}"
    listen = ["--listen", endpoint + ":interface=127.0.0.1"]
    if program == "serve":
        line = [first, *more, str(folder), *listen]
    else:
        line = [peer(first), *more, "--directory", str(folder), *listen]
    with child(*line, env=plugin_environment(tmp)) as process:
        assert process.stdout is not None
        said = iter(process.stdout.readline, "")
        welcome = next(each for each in said if "Receiving at" in each)
        yield process, next(word for word in welcome.split() if "://" in word)


def upload(link: str, path: Path, url: str, *options: str) -> list[str]:
    line = [peer("curl"), "-s", *LINKS[link][0], "-w", "\n%{http_version}", *options]
    return [*line, "-H", "Expect:", "-T", str(path), url]


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_an_upload_comes_to_its_end(program: str, link: str, tmp_path: Path) -> None:
    sent, folder = tmp_path / "sent.bin", tmp_path / "inbox"
    sent.write_bytes(bytes(range(256)) * (SIZE // 256))
    folder.mkdir()
    with serving(program, link, folder, tmp_path) as (process, url):
        quick = subprocess.check_output(upload(link, sent, url + "quick"), text=True)
        assert quick.endswith(LINKS[link][1])
        slow = upload(link, sent, url, "--limit-rate", "300k")
        with child(*slow) as curl:
            until(lambda: any(map(is_temporary, folder.iterdir())), curl)
            process.send_signal(signal.SIGTERM)
            answer, _ = curl.communicate(timeout=30)
        body, _, version = answer.rpartition("\n")
        assert version == LINKS[link][1]
        (part,) = json.loads(body)["parts"]
        assert part["size"] == len(sent.read_bytes())
        out, err = process.communicate(timeout=30)
        # twist ends itself by the signal that it was sent, when all else is done.
        assert process.returncode in (0, -signal.SIGTERM)
        assert "Traceback" not in out + err
    assert (folder / "sent.bin").read_bytes() == sent.read_bytes()
