"""HTTP2PolicyForHTTPS: which ciphers it has; test_pool_sockets shows it at work."""

from __future__ import annotations

import re
import subprocess

from twisted.web.iweb import IPolicyForHTTPS
from zope.interface.verify import verifyObject

from tests.peers import peer
from txmultipart.web.negotiation import _GOOD_CIPHER
from txmultipart.web.policy import CIPHERS, HTTP2PolicyForHTTPS


def test_it_is_a_policy() -> None:
    verifyObject(IPolicyForHTTPS, HTTP2PolicyForHTTPS())


def test_each_of_its_ciphers_is_good() -> None:
    listed = subprocess.check_output(
        [peer("openssl"), "ciphers", "-s", "-tls1_2", CIPHERS], text=True
    )
    names = listed.strip().split(":")
    assert len(names) >= 6
    assert [name for name in names if not _GOOD_CIPHER.match(name)] == []


def test_each_good_cipher_of_openssl_is_ephemeral_and_authenticated() -> None:
    listed = subprocess.check_output(
        [peer("openssl"), "ciphers", "-v", "-s", "-tls1_2", "ALL"], text=True
    )
    for line in listed.splitlines():
        name, *_ = line.split()
        is_good = re.search(r"Kx=(ECDH|DH|DHEPSK|ECDHEPSK) ", line) and "AEAD" in line
        is_good = bool(is_good) and not name.startswith(("ADH", "AECDH"))
        if _GOOD_CIPHER.match(name):
            assert is_good, line
