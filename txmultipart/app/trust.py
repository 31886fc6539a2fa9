"""Which servers a sender trusts: those of the machine, of a file, or all of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from OpenSSL.crypto import Error
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import (
    IOpenSSLClientConnectionCreator,
    IProtocolNegotiationFactory,
)
from twisted.internet.ssl import (
    AcceptableCiphers,
    Certificate,
    CertificateOptions,
    trustRootFromCertificates,
)
from twisted.web.client import BrowserLikePolicyForHTTPS
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from txmultipart.web import ciphers
from txmultipart.web.policy import HTTP2PolicyForHTTPS

_BLOCK = re.compile(b"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.S)


def policy_of(authorities: str | None, *, only_http1: bool = False) -> IPolicyForHTTPS:
    """Trust those whose certificates are in a file, or those that the machine trusts.

    ``only_http1`` lets in ciphers that HTTP/2 forbids, for servers with no better ones.
    Raises ``OSError`` if the file cannot be read, ``ValueError`` if it has no certificate,
    or one that is broken.
    """
    root = None if authorities is None else _root_of(authorities)
    return BrowserLikePolicyForHTTPS(root) if only_http1 else HTTP2PolicyForHTTPS(root)


def _root_of(authorities: str) -> Any:
    blocks = _BLOCK.findall(Path(authorities).read_bytes())
    if not blocks:
        raise ValueError(f"there is no certificate in {authorities!r}")
    try:
        found = [Certificate.loadPEM(block) for block in blocks]
    except (Error, ValueError) as error:
        raise ValueError(f"a certificate in {authorities!r} is broken") from error
    return trustRootFromCertificates(found)


@implementer(IPolicyForHTTPS)
class TrustAll:
    """Trust whoever answers, as curl does with ``--insecure``."""

    def __init__(self, *, only_http1: bool = False) -> None:
        suites = AcceptableCiphers.fromOpenSSLCipherString(ciphers.CLIENT)
        # Without a trust root nothing is verified.
        self._options = CertificateOptions(
            acceptableCiphers=None if only_http1 else suites
        )

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        """What makes the TLS of a connection to ``hostname``; see ``IPolicyForHTTPS``."""
        return _Unchecked(hostname.decode("ascii"), self._options.getContext())


@implementer(IOpenSSLClientConnectionCreator)
class _Unchecked:
    def __init__(self, hostname: str, context: SSL.Context) -> None:
        self._hostname, self._context = hostname, context

    def clientConnectionForTLS(self, tlsProtocol: Any) -> SSL.Connection:
        connection = SSL.Connection(self._context, None)
        # RFC 6066 section 3: addresses are not permitted.
        if not (isIPAddress(self._hostname) or isIPv6Address(self._hostname)):
            connection.set_tlsext_host_name(self._hostname.encode("ascii"))
        factory = tlsProtocol.factory.wrappedFactory
        if IProtocolNegotiationFactory.providedBy(factory):
            connection.set_alpn_protos(list(factory.acceptableProtocols()))
        return connection
