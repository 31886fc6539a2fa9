"""apache2: passes everything on to a backend.

What is too long by its Content-Length it refuses itself, at once: its LimitRequestBody is
not for what is passed on over HTTP/2. It listens to a backend only after it has sent all,
so that from 18 MiB on the backend's 413 is lost: that one reads 16 MiB more than it wants
and ends the connection then, which apache calls 502.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.interop.servers.backend import start_backend
from tests.interop.servers.keys import keys_in
from tests.interop.servers.program import (
    Child,
    launch,
    launch_on_free_ports,
    version_of,
)
from tests.interop.servers.server import Server, told, urls
from tests.peers import peer

MODULES = ("mpm_event", "authz_core", "ssl", "http2", "proxy", "proxy_http", "rewrite")

#: It listens; what it does with a request comes next.
BEGIN = """
ServerRoot {folder}
ServerName 127.0.0.1
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
DefaultRuntimeDir {folder}
Mutex sem
{user}
{modules}
Listen 127.0.0.1:{tls}
Listen 127.0.0.1:{h2c}
Protocols h2 h2c http/1.1
"""

#: In the virtual host of the one port.
TLS = """
    SSLEngine on
    SSLCertificateFile {keys.certificate}
    SSLCertificateKeyFile {keys.key}
"""

CONFIGURATION = (
    BEGIN
    + """
<Location /upload/>
    LimitRequestBody 0
</Location>
<VirtualHost 127.0.0.1:{h2c}>
    {announced}
    ProxyPass / http://127.0.0.1:{backend}/
</VirtualHost>
<VirtualHost 127.0.0.1:{tls}>
    {announced}
    ProxyPass / http://127.0.0.1:{backend}/
"""
    + TLS
    + "</VirtualHost>\n"
)

#: What says that it is too long, in eight digits, is refused without a look at it.
ANNOUNCED = """RewriteEngine on
    RewriteCond %{HTTP:Content-Length} ^[0-9]{8,}$
    RewriteRule ^/limited/ - [R=413]"""


async def start_apache(reactor: Any, folder: Path, documents: Path) -> Server:
    """Start it and its backend."""
    program, keys = peer("apache2"), keys_in(folder)
    written = folder / "apache.conf"
    behind, backend = await start_backend(reactor, folder, documents)
    modules = "\n".join(map(load, MODULES))
    user = user_lines()

    def attempt(ports: list[int]) -> Child:
        names = {"folder": folder, "keys": keys, "backend": backend, "user": user}
        tls, h2c = ports
        text = CONFIGURATION.format(
            **names, modules=modules, tls=tls, h2c=h2c, announced=ANNOUNCED
        )
        written.write_text(text)
        return launch(reactor, folder, program, "-DFOREGROUND", "-f", written)

    ports, child = await launch_on_free_ports(2, attempt)
    version = await version_of(program, "-v")
    return Server("apache", version, keys, *urls(*ports), told, [child, behind])


def user_lines() -> str:
    """It never serves as root, so then it becomes somebody who needs no file of ours."""
    return "User nobody\nGroup nogroup" if os.getuid() == 0 else ""


def load(module: str) -> str:
    """The line that loads a module, where Debian has them."""
    return f"LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so"
