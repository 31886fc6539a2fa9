"""Ports for programs that cannot take one from the system."""

from __future__ import annotations

import random
import socket

#: Below those that Linux gives to whoever asks for any: no test's own port 0 and no
#: connection's near end gets one of these in the time between looking and listening.
RANGE = range(20_000, 32_000)


def free_ports(count: int) -> list[int]:
    """``count`` ports of 127.0.0.1 on which nobody listens now."""
    candidates = (port for port in random.sample(RANGE, len(RANGE)) if _is_free(port))
    return [next(candidates) for _ in range(count)]


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
