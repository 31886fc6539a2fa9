"""Reverse proxies in front of a server of ours, each with HTTP/2 on both doors.

``await start_proxy(reactor, folder, "haproxy", port)`` passes all on to ``port``:

- nginx with HTTP/1.1, as it comes and without keeping it first,
- haproxy, caddy and apache with HTTP/2 in the clear, by prior knowledge.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.interop.servers.apache import USER, load
from tests.interop.servers.keys import keys_in
from tests.interop.servers.program import (
    Child,
    launch,
    launch_on_free_ports,
    version_of,
)
from tests.interop.servers.server import Server, told, urls
from tests.peers import peer

NGINX = """
daemon off;
{nginx_user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{tls} ssl http2;
        listen 127.0.0.1:{h2c} http2;
        ssl_certificate {keys.certificate};
        ssl_certificate_key {keys.key};
        client_max_body_size 0;
        proxy_http_version 1.1;
        proxy_request_buffering off;
        location / {{ proxy_pass http://127.0.0.1:{target}; }}
    }}
}}
"""

HAPROXY = """
global
    maxconn 200
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend here
    bind 127.0.0.1:{tls} ssl crt {keys.pair} alpn h2,http/1.1
    bind 127.0.0.1:{h2c} proto h2
    default_backend there
backend there
    server ours 127.0.0.1:{target} proto h2
"""

CADDY = """{{
    admin off
    auto_https off
    grace_period 1s
    servers {{
        protocols h1 h2 h2c
    }}
}}
(site) {{
    bind 127.0.0.1
    reverse_proxy h2c://127.0.0.1:{target}
}}
https://:{tls} {{
    tls {keys.certificate} {keys.key}
    import site
}}
http://:{h2c} {{
    import site
}}
"""

APACHE = """
ServerRoot {folder}
ServerName 127.0.0.1
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
DefaultRuntimeDir {folder}
Mutex sem
{apache_user}
{modules}
Listen 127.0.0.1:{tls}
Listen 127.0.0.1:{h2c}
Protocols h2 h2c http/1.1
LimitRequestBody 0
ProxyPass / h2c://127.0.0.1:{target}/
<VirtualHost 127.0.0.1:{tls}>
    SSLEngine on
    SSLCertificateFile {keys.certificate}
    SSLCertificateKeyFile {keys.key}
    ProxyPass / h2c://127.0.0.1:{target}/
</VirtualHost>
"""

MODULES = ("mpm_event", "authz_core", "ssl", "http2", "proxy", "proxy_http2")

#: Configuration, the program's options before its file, and what tells its version.
PROXIES: dict[str, tuple[str, list[str], str]] = {
    "apache2": (APACHE, ["-DFOREGROUND", "-f"], "-v"),
    "caddy": (CADDY, ["run", "--adapter", "caddyfile", "--config"], "version"),
    "haproxy": (HAPROXY, ["-db", "-f"], "-v"),
    "nginx": (NGINX, ["-c"], "-v"),
}


async def start_proxy(reactor: Any, folder: Path, name: str, target: int) -> Server:
    """Start the proxy ``name`` in front of the port ``target``."""
    configuration, options, version = PROXIES[name]
    program, keys = peer(name), keys_in(folder)
    written, root = folder / "configuration", os.getuid() == 0
    names = {
        "folder": folder,
        "keys": keys,
        "target": target,
        "modules": "\n".join(map(load, MODULES)),
        "nginx_user": "user root;" if root else "",
        "apache_user": USER if root else "",
    }

    def attempt(ports: list[int]) -> Child:
        tls, h2c = ports
        written.write_text(configuration.format(**names, tls=tls, h2c=h2c))
        return launch(reactor, folder, program, *options, written)

    ports, child = await launch_on_free_ports(2, attempt)
    seen = await version_of(program, version)
    return Server(name, seen, keys, *urls(*ports), told, [child])
