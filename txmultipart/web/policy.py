"""HTTP2PolicyForHTTPS: TLS as HTTP/2 wants it, for an ``Agent``."""

from __future__ import annotations

from typing import Any

from twisted.internet.ssl import AcceptableCiphers, optionsForClientTLS
from twisted.web.iweb import IPolicyForHTTPS
from zope.interface import implementer

from txmultipart.web import ciphers


@implementer(IPolicyForHTTPS)
class HTTP2PolicyForHTTPS:
    """As ``BrowserLikePolicyForHTTPS``, with such ciphers only as HTTP/2 may use.

    Give it to an ``Agent`` as ``contextFactory``. With the other policy, which is the
    default of an ``Agent``, a server may choose a cipher that HTTP/2 forbids (RFC 9113
    section 9.2.2); the pool then goes on with HTTP/1.1, on a second connection.

    ``trustRoot`` is that of ``optionsForClientTLS``. Server name indication and the
    check of the name are as there. A policy of your own has to return a connection
    creator that takes over what a factory offers by ALPN, as ``optionsForClientTLS``
    does; with any other the pool speaks HTTP/1.1.
    """

    def __init__(self, trustRoot: Any = None) -> None:
        self._trust_root = trustRoot

    def creatorForNetloc(self, hostname: bytes, port: int) -> Any:
        """What makes the TLS of a connection to ``hostname``; see ``IPolicyForHTTPS``."""
        return optionsForClientTLS(
            hostname.decode("ascii"),
            trustRoot=self._trust_root,
            extraCertificateOptions={
                "acceptableCiphers": AcceptableCiphers.fromOpenSSLCipherString(
                    ciphers.CLIENT
                )
            },
        )
