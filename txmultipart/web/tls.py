"""TLS as HTTP/2 wants it (RFC 9113 section 9.2), and as it is good for HTTP/1.1 too.

``ciphers`` says which suites. The strings ``ssl:`` and ``tls:`` for endpoints do as well:
Twisted prefers these suites, and lets others in only if a client has nothing better. Such
a client is told so when it wants HTTP/2 of all things, with ``INADEQUATE_SECURITY``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from OpenSSL.crypto import FILETYPE_PEM, Error, PKey, load_privatekey
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.ssl import (
    AcceptableCiphers,
    Certificate,
    CertificateOptions,
    TLSVersion,
)

from txmultipart.web import ciphers

_BLOCK = re.compile(b"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.S)


def tls_options(
    certificate: str | Path, key: str | Path | None = None
) -> CertificateOptions:
    """What a server needs for TLS: the suites named above, and a certificate.

    ``certificate`` is a file in PEM format: the server's own certificate first, then
    those that lead to an authority. ``key`` is the file with its private key; None: it
    is in the same file. Raises ``OSError`` if they cannot be read, and ``ValueError`` if
    there is no certificate, or no key that can be read without a password, or one that
    is not the certificate's.
    """
    found = _BLOCK.findall(Path(certificate).read_bytes())
    if not found:
        raise ValueError(f"there is no certificate in {str(certificate)!r}")
    own, *chain = [Certificate.loadPEM(block).original for block in found]
    options = CertificateOptions(
        privateKey=_load_key(Path(key or certificate)),
        certificate=own,
        extraCertChain=chain,
        acceptableCiphers=AcceptableCiphers.fromOpenSSLCipherString(ciphers.SERVER),
        raiseMinimumTo=TLSVersion.TLSv1_2,
    )
    try:
        options.getContext()  # which is kept: now is better than at each connection
    except SSL.Error as error:
        raise ValueError(
            f"the key in {str(key or certificate)!r} does not go with {str(certificate)!r}"
        ) from error
    return options


def _load_key(path: Path) -> PKey:
    try:
        # An empty password: or else OpenSSL asks for one, on the terminal.
        return load_privatekey(FILETYPE_PEM, path.read_bytes(), b"")
    except (Error, ValueError) as error:
        raise ValueError(
            f"there is no key in {str(path)!r}, or a locked one"
        ) from error


def tls_endpoint(
    reactor: Any,
    port: int,
    certificate: str | Path,
    key: str | Path | None = None,
    *,
    interface: str = "",
    backlog: int = 50,
) -> SSL4ServerEndpoint:
    """An endpoint for ``StreamingSite`` on TLS; files as ``tls_options`` takes them.

    A client that can speak HTTP/2 does (ALPN); any other speaks HTTP/1.1.
    """
    options = tls_options(certificate, key)
    return SSL4ServerEndpoint(reactor, port, options, backlog, interface)
