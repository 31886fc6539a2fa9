"""Ciphers: one list for both sides, and one rule for what they meet."""

from __future__ import annotations

import re
import subprocess
from typing import Any

import pytest

from tests.peers import peer
from tests.web.far import SecurePipe
from txmultipart.web import ciphers
from txmultipart.web.ciphers import weak_cipher


def names(string: str) -> list[str]:
    """What OpenSSL makes of it, for TLS 1.2."""
    command = [peer("openssl"), "ciphers", "-s", "-tls1_2", string]
    return subprocess.check_output(command, text=True).strip().split(":")


@pytest.mark.parametrize("string", [ciphers.SERVER, ciphers.CLIENT])
def test_all_that_is_offered_is_good(string: str) -> None:
    offered = names(string)
    assert len(offered) >= 6
    assert [name for name in offered if not ciphers.is_good("TLSv1.2", name)] == []


def test_a_server_of_ours_has_no_dhe() -> None:
    more = set(names(ciphers.CLIENT)) - set(names(ciphers.SERVER))
    assert more
    assert all(name.startswith("DHE-") for name in more)


def test_each_good_cipher_of_openssl_is_ephemeral_and_authenticated() -> None:
    listed = subprocess.check_output(
        [peer("openssl"), "ciphers", "-v", "-s", "-tls1_2", "ALL"], text=True
    )
    for line in listed.splitlines():
        name, *_ = line.split()
        is_good = re.search(r"Kx=(ECDH|DH|DHEPSK|ECDHEPSK) ", line) and "AEAD" in line
        is_good = bool(is_good) and not name.startswith(("ADH", "AECDH"))
        if ciphers.is_good("TLSv1.2", name):
            assert is_good, line


@pytest.mark.parametrize(
    ("cipher", "weak"),
    [
        ("ECDHE-RSA-AES128-GCM-SHA256", False),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", False),
        ("DHE-RSA-AES256-CCM8", False),
        ("AES128-GCM-SHA256", True),
        ("ECDHE-RSA-AES128-SHA256", True),
        ("DHE-RSA-AES256-SHA", True),
        ("ADH-AES128-GCM-SHA256", True),
        (None, False),
    ],
)
def test_which_are(cipher: str | None, weak: bool) -> None:
    assert weak_cipher(SecurePipe(b"h2", cipher)) == (cipher if weak else None)


def test_any_of_tls_1_3_is_good() -> None:
    transport: Any = SecurePipe(b"h2", "TLS_AES_128_GCM_SHA256")
    transport.get_protocol_version_name = lambda: "TLSv1.3"
    assert weak_cipher(transport) is None
