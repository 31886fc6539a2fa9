"""Programs that others wrote, for tests that talk to them."""

import os
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import pytest


def peer(name: str) -> str:
    """Return the path of the program ``name``, or skip the calling test.

    Where ``TXMULTIPART_PEERS=required`` is set, as ``.ci/run`` does, a missing
    program fails the test: there, a skipped test is one that nobody ever runs.
    Programs of the running Python's own environment come first.
    """
    path = _beside_python(name) or shutil.which(name)
    if path is None:
        missing(f"the program {name!r} is not installed")
    return path


def _beside_python(name: str) -> str | None:
    return shutil.which(name, path=str(Path(sys.executable).parent))


def missing(reason: str) -> NoReturn:
    """Skip the calling test, or fail it, for ``reason``; see ``peer``."""
    if os.environ.get("TXMULTIPART_PEERS") == "required":
        pytest.fail(reason)
    pytest.skip(reason)
