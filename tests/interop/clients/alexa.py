"""alexa_client on hyper, both as PyPI has them, and the names that they miss.

``python alexa.py PORT TRUST recognize|live`` talks to a voice service on TLS, and prints
what it got as one line of JSON. They want versions of other packages of their own time:
``installed`` puts these into a folder.
"""

from __future__ import annotations

import collections
import collections.abc
import importlib
import io
import json
import os
import ssl
import sys
import time
from pathlib import Path
from typing import Any

#: Without what pip would look up: the requirements of one are not written as pip wants.
PACKAGES = [
    "alexa_client==1.5.1",
    "hyper==0.7.0",
    "h2==2.6.2",
    "hpack==3.0.0",
    "hyperframe==3.2.0",
    "resettabletimer==0.7.0",
    "requests-toolbelt==1.0.0",
    "requests",
    "urllib3",
    "idna",
    "certifi",
    "charset-normalizer",
]

#: 10 ms of sound.
FRAME = bytes(320)

BOUNDARY = "this-is-a-boundary"


async def installed(folder: Path) -> dict[str, str]:
    """Install them in ``folder``; gives the environment to run this program in."""
    # One of them has requirements that newer ones of pip do not read.
    old = folder / "pip"
    await _install({}, "--target", str(old), "pip<24.1")
    packages = folder / "packages"
    line = ("--no-deps", "--target", str(packages), *PACKAGES)
    await _install({"PYTHONPATH": str(old)}, *line)
    return {"PYTHONPATH": str(packages)}


async def _install(environment: dict[str, str], *line: str) -> None:
    from twisted.internet.utils import getProcessOutputAndValue

    from tests.peers import missing

    pip = ["-m", "pip", "--disable-pip-version-check", "-q", "install"]
    _, err, code = await getProcessOutputAndValue(
        sys.executable, [*pip, *line], {**os.environ, **environment}
    )
    if code:
        why = err.decode(errors="replace")[-300:]
        missing(f"hyper and alexa_client cannot be installed: {why}")


def restore_names() -> None:
    """What newer Pythons have elsewhere, or not at all."""
    names = ("MutableMapping", "Mapping", "MutableSet", "Iterable", "Callable")
    for name in (*names, "Sequence"):
        setattr(collections, name, getattr(collections.abc, name))
    if not hasattr(ssl, "match_hostname"):
        # The context has looked at the name before hyper does.
        vars(ssl)["match_hostname"] = lambda certificate, host: None


def connect(port: int, trust: str) -> Any:
    """A connection of hyper."""
    hyper = importlib.import_module("hyper")
    context = hyper.tls.init_context(cert_path=trust)
    return hyper.HTTP20Connection(
        "localhost", port=port, secure=True, force_proto="h2", ssl_context=context
    )


def recognize(connection: Any) -> dict[str, Any]:
    """The usual round of alexa_client: downchannel, state, two seconds of sound, ping."""
    module = importlib.import_module("alexa_client.alexa_client.connection")
    manager = module.ConnectionManager()
    manager.connection = connection
    headers = {"authorization": "Bearer x"}
    manager.establish_downchannel_stream(headers)
    manager.synchronise_device_state({}, headers)
    sound = io.BytesIO(FRAME * 200)
    form = "AUDIO_L16_RATE_16000_CHANNELS_1"
    answer = manager.send_audio_file(sound, {}, headers, "dialog", "CLOSE_TALK", form)
    directives = [[d.name, len(d.audio_attachment)] for d in answer]
    return {"directives": directives, "ping": manager.ping(headers).status}


def live(connection: Any) -> dict[str, Any]:
    """hyper by hand: sound while it is recorded, as the DuerOS samples send it."""
    stream = connection.putrequest("POST", "/dcs/v1/events")
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    connection.putheader("content-type", kind, stream_id=stream)
    connection.endheaders(final=False, stream_id=stream)
    connection.send(_part("metadata", "application/json") + b"{}", stream_id=stream)
    head = b"\r\n" + _part("audio", "application/octet-stream")
    connection.send(head, stream_id=stream)
    for _ in range(20):
        time.sleep(0.01)
        connection.send(FRAME, stream_id=stream)
    end = f"\r\n--{BOUNDARY}--\r\n".encode()
    connection.send(end, final=True, stream_id=stream)
    answer = connection.get_response(stream)
    return {"status": answer.status, "size": len(answer.read())}


def _part(name: str, kind: str) -> bytes:
    lines = [
        f"--{BOUNDARY}",
        f'Content-Disposition: form-data; name="{name}"',
        f"Content-Type: {kind}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


if __name__ == "__main__":
    restore_names()
    port, trust, what = sys.argv[1:]
    talk = {"recognize": recognize, "live": live}[what]
    print(json.dumps(talk(connect(int(port), trust))))
