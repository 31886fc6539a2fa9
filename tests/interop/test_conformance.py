"""Every case of conformance over real sockets, h2c and TLS.

Ours has to say what was wrong, and ends no more than it has to (``strict``). hypercorn
is the control: a case that a server of another make fails is more likely wrong itself.
"""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen
from typing import NamedTuple

import pytest
import trustme

from tests.app.serving import environment
from tests.http2.conformance import CASES
from tests.http2.conformance.case import Case, run
from tests.http2.conformance.sockets import SocketLink, tls


class Server(NamedTuple):
    """A child that serves."""

    plain: int
    secure: int
    context: ssl.SSLContext
    strict: bool

    def link(self, transport: str) -> SocketLink:
        """A connection to it."""
        if transport == "tls":
            return SocketLink(self.secure, self.context)
        return SocketLink(self.plain, None)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Whom to trust, a certificate and its key."""
    folder = tmp_path_factory.mktemp("keys")
    paths = folder / "trust.pem", folder / "certificate.pem", folder / "key.pem"
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(paths[0]))
    issued.cert_chain_pems[0].write_to_path(str(paths[1]))
    issued.private_key_pem.write_to_path(str(paths[2]))
    return paths


@pytest.fixture(scope="module", params=["ours", "hypercorn"])
def server(
    request: pytest.FixtureRequest, keys: tuple[Path, Path, Path]
) -> Iterator[Server]:
    trust, certificate, key = keys
    is_ours = request.param == "ours"
    module = "tests.http2.conformance.serve"
    line = [sys.executable, "-m", module, request.param, str(certificate), str(key)]
    # A pipe that nobody reads would be full at some time, and stop the child.
    log = trust.with_name(f"{request.param}.log")
    with (
        log.open("w") as errors,
        Popen(
            line, env=environment(), text=True, stdout=PIPE, stderr=errors
        ) as process,
    ):
        try:
            assert process.stdout is not None
            plain, secure = map(int, process.stdout.readline().split())
            yield Server(plain, secure, tls(trust), strict=is_ours)
        finally:
            process.kill()
    assert not (is_ours and log.read_text())


@pytest.mark.parametrize("transport", ["h2c", "tls"])
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case: Case, server: Server, transport: str) -> None:
    link = server.link(transport)
    try:
        run(case, link, strict=server.strict)
    finally:
        link.close()
