"""nginx: stores what is PUT (ngx_http_dav_module), with Debian's defaults otherwise.

By default it ends a connection, with a GOAWAY, after every thousandth request. It takes
PUT only, and answers 201 for a new name and 204 for one that is there. ``guarded/`` is as
``upload/`` for who is "me" and knows the word "secret".
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.interop.servers.keys import keys_in
from tests.interop.servers.program import (
    Child,
    launch,
    launch_on_free_ports,
    version_of,
)
from tests.interop.servers.server import LIMIT, Server, stored_in, urls
from tests.peers import peer

#: It listens, and writes nothing elsewhere; what it does with a request comes next, and
#: then ``END``.
BEGIN = """
daemon off;
{user}
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
"""

END = """
    }}
}}
"""

CONFIGURATION = (
    BEGIN
    + """
        root {folder}/stored;
        dav_methods PUT;
        location /upload/ {{ client_max_body_size 0; }}
        location /guarded/ {{
            client_max_body_size 0;
            auth_basic "here";
            auth_basic_user_file {folder}/passwords;
        }}
        location /limited/ {{ client_max_body_size {limit}; }}
        location / {{ root {documents}; }}
"""
    + END
)


async def start_nginx(reactor: Any, folder: Path, documents: Path) -> Server:
    """Start it."""
    program, keys = peer("nginx"), keys_in(folder)
    stored, written = folder / "stored", folder / "nginx.conf"
    for name in ("upload", "limited", "guarded"):
        (stored / name).mkdir(parents=True)
    (folder / "passwords").write_text("me:{PLAIN}secret\n")
    user = user_line()

    def attempt(ports: list[int]) -> Child:
        names = {"folder": folder, "documents": documents, "keys": keys, "user": user}
        tls, h2c = ports
        text = CONFIGURATION.format(**names, tls=tls, h2c=h2c, limit=LIMIT)
        written.write_text(text)
        errors = str(folder / "start.log")
        return launch(reactor, folder, program, "-e", errors, "-c", written)

    ports, child = await launch_on_free_ports(2, attempt)
    version, arrived = await version_of(program, "-v"), stored_in(stored)
    return Server(
        "nginx", version, keys, *urls(*ports), arrived, [child], stored=stored
    )


def user_line() -> str:
    """As root it would else become somebody who cannot reach a test's folder."""
    return "user root;" if os.getuid() == 0 else ""
