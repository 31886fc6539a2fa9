"""HTTP2PolicyForHTTPS: test_pool_sockets shows it at work, test_ciphers what it offers."""

from __future__ import annotations

from twisted.web.iweb import IPolicyForHTTPS
from zope.interface.verify import verifyObject

from txmultipart.web.policy import HTTP2PolicyForHTTPS


def test_it_is_a_policy() -> None:
    verifyObject(IPolicyForHTTPS, HTTP2PolicyForHTTPS())
