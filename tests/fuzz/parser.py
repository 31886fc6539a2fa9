"""Fuzz the parser with atheris.

    pip install atheris
    python -m tests.fuzz.parser -max_total_time=600 [CORPUS FOLDER]

The first bytes choose the profile, the limits and the cuts, the rest is the body.
It must never raise anything but ``MultipartError``, hold more than its bound, or
give other events when the same bytes are cut otherwise.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["txmultipart.sansio"]):
    from tests.sansio.runs import run
    from txmultipart.limits import Limits
    from txmultipart.sansio import FORM_DATA, MIME, REPLACE

PROFILES = (FORM_DATA, MIME, REPLACE)
LIMITS = (
    Limits(),
    Limits(max_header_bytes=60, max_header_line=40, max_headers=2, max_parts=2),
    Limits(max_part_size=7, max_body_size=200, max_preamble=5, max_epilogue=3),
)
BOUNDARIES = (b"B", b"-", b"--B", b"a b", b"----WebKitFormBoundary")


def test_one(data: bytes) -> None:
    """Parse one input whole and in pieces, and compare."""
    choose = atheris.FuzzedDataProvider(data)
    profile = PROFILES[choose.ConsumeIntInRange(0, 2)]
    limits = LIMITS[choose.ConsumeIntInRange(0, 2)]
    boundary = BOUNDARIES[choose.ConsumeIntInRange(0, 4)]
    step = choose.ConsumeIntInRange(1, 9)
    body = choose.ConsumeBytes(choose.remaining_bytes())
    pieces = [body[i : i + step] for i in range(0, len(body), step)]
    whole = run([body], boundary, profile, limits)
    cut = run(pieces, boundary, profile, limits)
    assert whole == cut, (profile.name, limits, boundary, step, body)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one)
    atheris.Fuzz()
