"""Reverse proxies in front of a server of ours, each with HTTP/2 on both doors.

``await start_proxy(reactor, folder, "haproxy", port)`` passes all on to ``port``:

- nginx with HTTP/1.1, as it comes and without keeping it first,
- haproxy, caddy and apache with HTTP/2 in the clear, by prior knowledge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.interop.servers import apache, caddy, haproxy, nginx
from tests.interop.servers.keys import keys_in
from tests.interop.servers.program import (
    Child,
    launch,
    launch_on_free_ports,
    version_of,
)
from tests.interop.servers.server import Server, told, urls
from tests.peers import peer

NGINX = (
    nginx.BEGIN
    + """
        client_max_body_size 0;
        proxy_http_version 1.1;
        proxy_request_buffering off;
        location / {{ proxy_pass http://127.0.0.1:{target}; }}
"""
    + nginx.END
)

HAPROXY = haproxy.BEGIN + "    server ours 127.0.0.1:{target} proto h2\n"

CADDY = (
    caddy.BEGIN
    + """
(site) {{
    bind 127.0.0.1
    reverse_proxy h2c://127.0.0.1:{target}
}}
"""
    + caddy.END
)

APACHE = (
    apache.BEGIN
    + """
LimitRequestBody 0
ProxyPass / h2c://127.0.0.1:{target}/
<VirtualHost 127.0.0.1:{tls}>
    ProxyPass / h2c://127.0.0.1:{target}/
"""
    + apache.TLS
    + "</VirtualHost>\n"
)

MODULES = ("mpm_event", "authz_core", "ssl", "http2", "proxy", "proxy_http2")


class Proxy(NamedTuple):
    """How one is started."""

    configuration: str
    #: The program's, before the file with the configuration.
    options: Sequence[str]
    #: What tells its version.
    version: str
    #: Who serves, in the words of the configuration; none where it takes anybody.
    user: Callable[[], str] = str


PROXIES = {
    "apache2": Proxy(APACHE, ["-DFOREGROUND", "-f"], "-v", apache.user_lines),
    "caddy": Proxy(CADDY, ["run", "--adapter", "caddyfile", "--config"], "version"),
    "haproxy": Proxy(HAPROXY, ["-db", "-f"], "-v"),
    "nginx": Proxy(NGINX, ["-c"], "-v", nginx.user_line),
}


async def start_proxy(reactor: Any, folder: Path, name: str, target: int) -> Server:
    """Start the proxy ``name`` in front of the port ``target``."""
    proxy, written = PROXIES[name], folder / "configuration"
    program, keys = peer(name), keys_in(folder)
    names = {
        "folder": folder,
        "keys": keys,
        "target": target,
        "modules": "\n".join(map(apache.load, MODULES)),
        "user": proxy.user(),
    }

    def attempt(ports: list[int]) -> Child:
        tls, h2c = ports
        written.write_text(proxy.configuration.format(**names, tls=tls, h2c=h2c))
        return launch(reactor, folder, program, *proxy.options, written)

    ports, child = await launch_on_free_ports(2, attempt)
    version = await version_of(program, proxy.version)
    return Server(name, version, keys, *urls(*ports), told, [child])
