"""Standard output and error, where whoever runs the program has closed them."""

from __future__ import annotations

import io
import os
import sys


def replace_missing() -> None:
    """Have what goes to a stream that was closed go nowhere.

    To be called before anything is opened, which would get the number of such a stream,
    and what is written to that by a library.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            # Like the streams of Python itself, it is never closed.
            raw = io.FileIO(nowhere, "w", closefd=False)
            stream = io.TextIOWrapper(raw, encoding="utf-8", errors="replace")
            setattr(sys, name, stream)
