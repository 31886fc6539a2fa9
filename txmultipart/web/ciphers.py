"""Ciphers: what HTTP/2 may be spoken on (RFC 9113 section 9.2.2), for both sides.

::

    TLS 1.3   every suite
    TLS 1.2   those with a key for each connection (ECDHE, DHE) and a cipher that
              guards what it hides (AEAD); appendix A of RFC 9113 has all others
    older     not at all

A server of ours has no DHE: that needs parameters of its own, and all clients have ECDHE.
"""

from __future__ import annotations

import re
from typing import Any

_TLS_1_3 = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"
_ECDHE = "ECDHE+AESGCM:ECDHE+CHACHA20"
_DHE = "DHE+AESGCM:DHE+CHACHA20"
_NEVER = "!aNULL:!PSK"

#: What a server of ours takes and what a client of ours offers, as OpenSSL has it.
SERVER = f"{_TLS_1_3}:{_ECDHE}:{_NEVER}"
CLIENT = f"{_TLS_1_3}:{_ECDHE}:{_DHE}:{_NEVER}"

#: How OpenSSL names suites of TLS 1.2 that appendix A does not have.
_GOOD = re.compile(r"(ECDHE|DHE)-.*(GCM|CCM8?|POLY1305)(-.*)?")


def weak_cipher(transport: Any) -> str | None:
    """The cipher of ``transport`` if HTTP/2 must not be spoken on it.

    None where nobody knows, on a transport of somebody else's making.
    """
    handle: Any = getattr(transport, "getHandle", lambda: None)()
    suite = getattr(handle, "get_cipher_name", lambda: None)()
    if suite is None:
        return None
    version = handle.get_protocol_version_name()
    return None if is_good(version, suite) else str(suite)


def is_good(version: str, suite: str) -> bool:
    """Whether HTTP/2 may be spoken with it; both as OpenSSL calls them."""
    return version == "TLSv1.3" or (
        version == "TLSv1.2" and _GOOD.fullmatch(suite) is not None
    )
