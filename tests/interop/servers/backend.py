"""What stands behind servers that only pass requests on: ours, as a child."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tests.interop.servers.program import Child, launch


async def start_backend(
    reactor: Any, folder: Path, documents: Path
) -> tuple[Child, int]:
    """The backend and its port."""
    module = "tests.interop.servers.backend_site"
    child = launch(reactor, folder, sys.executable, "-m", module, documents)
    (port,) = await child.ports()
    return child, port
