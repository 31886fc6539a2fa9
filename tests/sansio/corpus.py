"""The recorded messages of ``tests/corpus``, as bodies to be parsed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from txmultipart.sansio import REPLACE, Profile, parse_content_type
from txmultipart.sansio.profiles import profile_for

FOLDER = Path(__file__).parent.parent / "corpus"

#: Bodies that were recorded without their heads, and what was declared for them.
BARE = {
    "resp-ffmpeg-mpjpeg-body-first-frames": b"",
    "resp-motion-mjpeg-body-first-frame": b"BoundaryString",
}

#: Recorded behind the chunked framing that its head declares.
UNFRAMED = {"resp-yoga-defer-stream"}


@dataclass(frozen=True)
class Recorded:
    """One body: what was declared for it, and its bytes."""

    boundary: bytes
    profile: Profile
    body: bytes


def recorded(name: str) -> Recorded:
    """The body in the file of this name, without its ending."""
    if name in BARE:
        return Recorded(BARE[name], REPLACE, (FOLDER / f"{name}.bin").read_bytes())
    head, _, body = (FOLDER / f"{name}.http").read_bytes().partition(b"\r\n\r\n")
    fields = _fields(head)
    if fields.get("transfer-encoding") == "chunked" and name not in UNFRAMED:
        body = _dechunked(body)
    kind, parameters = parse_content_type(fields["content-type"])
    return Recorded(parameters["boundary"].encode(), profile_for(kind), body)


def _fields(head: bytes) -> dict[str, str]:
    lines = [line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:]]
    return {name.lower(): value.strip() for name, _, value in lines}


def _dechunked(data: bytes) -> bytes:
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return body
        body += data[:length]
        data = data[length + 2 :]


NAMES = sorted(path.stem for path in FOLDER.iterdir() if path.suffix != ".md")
CORPUS = {name: recorded(name) for name in NAMES}
