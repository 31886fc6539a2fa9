"""TLS as HTTP/2 wants it (RFC 9113 section 9.2), and as it is good for HTTP/1.1 too.

::

    TLS 1.3   every suite
    TLS 1.2   those with a key for each connection (ECDHE, DHE) and a cipher that
              guards what it hides (AEAD); RFC 9113 appendix A has all others
    older     not at all

The strings ``ssl:`` and ``tls:`` for endpoints do as well: Twisted prefers these suites,
and lets others in only if a client has nothing better. Such a client is told so when it
wants HTTP/2 of all things, with ``INADEQUATE_SECURITY``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from OpenSSL.crypto import FILETYPE_PEM
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.ssl import (
    AcceptableCiphers,
    Certificate,
    CertificateOptions,
    KeyPair,
    TLSVersion,
)

_CIPHERS = AcceptableCiphers.fromOpenSSLCipherString(
    "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:"
    "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!PSK"
)

_BLOCK = re.compile(b"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.S)

#: How OpenSSL names suites that RFC 9113 appendix A does not have.
_GOOD = re.compile(r"(ECDHE|DHE)-.*(GCM|CCM|CCM8|POLY1305)(-|$).*")


def tls_options(
    certificate: str | Path, key: str | Path | None = None
) -> CertificateOptions:
    """What a server needs for TLS: the suites named above, and a certificate.

    ``certificate`` is a file in PEM format: the server's own certificate first, then
    those that lead to an authority. ``key`` is the file with its private key; None: it
    is in the same file. Raises ``OSError`` if they cannot be read, ``ValueError`` if
    there is no certificate in it, and OpenSSL's ``Error`` if the two do not match.
    """
    found = _BLOCK.findall(Path(certificate).read_bytes())
    if not found:
        raise ValueError(f"there is no certificate in {str(certificate)!r}")
    own, *chain = [Certificate.loadPEM(block).original for block in found]
    private = KeyPair.load(Path(key or certificate).read_bytes(), FILETYPE_PEM)
    return CertificateOptions(
        privateKey=private.original,
        certificate=own,
        extraCertChain=chain,
        acceptableCiphers=_CIPHERS,
        raiseMinimumTo=TLSVersion.TLSv1_2,
    )


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


def is_adequate(transport: Any) -> bool:
    """Whether HTTP/2 may be spoken on it (RFC 9113 section 9.2.2).

    So it is taken to be where nobody knows, on a transport of somebody else's making.
    """
    handle: Any = getattr(transport, "getHandle", lambda: None)()
    suite = getattr(handle, "get_cipher_name", lambda: None)()
    if suite is None:
        return True
    version = handle.get_protocol_version_name()
    return version == "TLSv1.3" or (
        version == "TLSv1.2" and _GOOD.fullmatch(suite) is not None
    )
