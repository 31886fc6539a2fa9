"""HTTP/2 servers that others wrote, started for a test on 127.0.0.1.

``await start_nginx(reactor, folder, documents)`` gives a ``Server``: where it listens,
whom to trust, how to ask what it got, and how to stop it. ``START`` has them all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.interop.servers.apache import start_apache
from tests.interop.servers.caddy import start_caddy
from tests.interop.servers.golang import start_go
from tests.interop.servers.h2o import start_h2o
from tests.interop.servers.haproxy import start_haproxy
from tests.interop.servers.nghttpd import start_nghttpd
from tests.interop.servers.nginx import start_nginx
from tests.interop.servers.node import start_node
from tests.interop.servers.server import Server

#: Takes a reactor, a folder to work in, and one with the documents to serve.
Start = Callable[[Any, Path, Path], Awaitable[Server]]

START: dict[str, Start] = {
    "apache": start_apache,
    "caddy": start_caddy,
    "go": start_go,
    "h2o": start_h2o,
    "haproxy": start_haproxy,
    "nghttpd": start_nghttpd,
    "nginx": start_nginx,
    "node": start_node,
}
