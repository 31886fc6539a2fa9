"""TLS: which suites are there, and what is said to who has none of them."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL
from twisted.internet.endpoints import serverFromString

from tests.app.serving import curl
from tests.http2.client import Client, Pipe
from tests.http2.resources import Echo
from tests.web.test_channel import Secure
from txmultipart import StreamingSite
from txmultipart.web import ciphers
from txmultipart.web.ciphers import weak_cipher
from txmultipart.web.tls import tls_endpoint, tls_options


class Files:
    """An authority, and a certificate with its key: in one file, and in two."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.trust, self.pair = folder / "trust.pem", folder / "pair.pem"
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        issued = authority.create_child_ca().issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(str(self.trust))
        issued.private_key_and_cert_chain_pem.write_to_path(str(self.pair))
        issued.private_key_pem.write_to_path(str(self.key))
        chain = b"".join(each.bytes() for each in issued.cert_chain_pems)
        self.certificate.write_bytes(chain)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("certificates"))


class Listening:
    """A site on an endpoint while an ``async with`` lasts."""

    def __init__(self, endpoint: Any) -> None:
        self.endpoint = endpoint

    async def __aenter__(self) -> str:
        self.port = await self.endpoint.listen(StreamingSite(Echo()))
        return f"https://127.0.0.1:{self.port.getHost().port}/"

    async def __aexit__(self, *_: object) -> None:
        await self.port.stopListening()


def good(files: Files, way: str) -> Any:
    from twisted.internet import reactor

    split = [files.certificate, files.key] if way == "two files" else [files.pair]
    return tls_endpoint(reactor, 0, *split, interface="127.0.0.1")


async def ask(files: Files, url: str, *options: str) -> tuple[str, int]:
    return await curl("--cacert", str(files.trust), *options, url)


@pytest.mark.parametrize("way", ["one file", "two files"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_a_good_endpoint(files: Files, way: str, version: str) -> None:
    options = ["--tls-max", version, f"--tlsv{version}"]
    async with Listening(good(files, way)) as url:
        out, _ = await ask(files, url, *options, "-w", " %{http_version}")
        assert out == "hello 2"
        out, _ = await ask(files, url, *options, "--http1.1", "-w", " %{http_version}")
        assert out == "hello 1.1"


@pytest.mark.parametrize(
    "options",
    [
        [
            "--tls-max",
            "1.2",
            "--ciphers",
            "ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA",
        ],
        ["--tls-max", "1.2", "--ciphers", "AES128-GCM-SHA256"],
        ["--tls-max", "1.1", "--tlsv1.0", "--ciphers", "DEFAULT@SECLEVEL=0"],
    ],
    ids=["no AEAD", "no ephemeral key", "TLS 1.1"],
)
async def test_what_a_good_endpoint_does_not_take(
    files: Files, options: list[str]
) -> None:
    async with Listening(good(files, "one file")) as url:
        out, code = await ask(files, url, *options)
        assert (out, code) == ("", 35)


BAD = ["--tls-max", "1.2", "--ciphers", "ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES128-SHA"]


async def test_http2_on_a_suite_that_is_not_for_it(files: Files) -> None:
    """With Twisted's own string: its options let such a suite in, for HTTP/1.1."""
    from twisted.internet import reactor

    described = f"ssl:0:privateKey={files.pair}:certKey={files.pair}"
    endpoint = serverFromString(reactor, described + ":interface=127.0.0.1")
    async with Listening(endpoint) as url:
        out, code = await curl("--insecure", *BAD, "--http2", url)
        assert out == ""
        assert code != 0
        out, _ = await curl("--insecure", *BAD, "--http1.1", url)
        assert out == "hello"
        out, _ = await curl("--insecure", "-w", " %{http_version}", url)
        assert out == "hello 2"


def test_a_file_without_a_certificate(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_bytes(b"nothing")
    with pytest.raises(ValueError, match="no certificate"):
        tls_options(empty)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        tls_options(tmp_path / "nothing.pem")


def test_a_key_of_another(files: Files, tmp_path: Path) -> None:
    other = Files(tmp_path)
    with pytest.raises(ValueError, match="does not go with"):
        tls_options(files.certificate, other.key)


@pytest.mark.parametrize("what", ["no key", "a locked one"])
def test_a_file_without_a_key_that_can_be_read(
    files: Files, tmp_path: Path, what: str
) -> None:
    key = files.certificate
    if what == "a locked one":
        key = tmp_path / "locked.pem"
        opened = serialization.load_pem_private_key(files.key.read_bytes(), None)
        locked = opened.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
        key.write_bytes(locked)
    with pytest.raises(ValueError, match="no key"):
        tls_options(files.certificate, key)


class Handle:
    """As pyOpenSSL's connection."""

    def __init__(self, version: str, suite: str | None) -> None:
        self.version, self.suite = version, suite

    def get_protocol_version_name(self) -> str:
        return self.version

    def get_cipher_name(self) -> str | None:
        return self.suite


class Sealed(Secure):
    """A transport on TLS with a suite that a test chooses."""

    def __init__(self, handle: Any) -> None:
        super().__init__(b"h2")
        self.handle = handle

    def getHandle(self) -> Any:
        return self.handle


SUITES = {
    ("TLSv1.3", "TLS_AES_128_GCM_SHA256"): True,
    ("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256"): True,
    ("TLSv1.2", "DHE-RSA-AES256-CCM8"): True,
    ("TLSv1.2", "ECDHE-ECDSA-CHACHA20-POLY1305"): True,
    ("TLSv1.2", "ECDHE-RSA-AES128-SHA256"): False,
    ("TLSv1.2", "AES128-GCM-SHA256"): False,
    ("TLSv1.2", "ADH-AES128-GCM-SHA256"): False,
    ("TLSv1.2", "PSK-AES128-GCM-SHA256"): False,
    ("TLSv1.1", "ECDHE-RSA-AES128-SHA"): False,
}


@pytest.mark.parametrize(("suite", "adequate"), SUITES.items())
def test_9_2_2_suites(suite: tuple[str, str], adequate: bool) -> None:
    client = Client(Echo(), greet=False, transport=Sealed(Handle(*suite)))
    client.protocol.handshakeCompleted()
    client.read()
    assert client.code == (None if adequate else 12)
    assert client.is_closed is not adequate
    client.lose()


@pytest.mark.parametrize("transport", [Pipe(), Sealed(None), Sealed(Handle("", None))])
def test_nobody_knows(transport: Any) -> None:
    assert weak_cipher(transport) is None


def test_every_suite_that_is_offered_is_good(files: Files) -> None:
    context = tls_options(files.pair).getContext()
    names = SSL.Connection(context).get_cipher_list()
    assert names
    for name in names:
        version = "TLSv1.3" if name.startswith("TLS_") else "TLSv1.2"
        assert ciphers.is_good(version, name), name
    assert ssl.OPENSSL_VERSION_INFO >= (1, 1, 1)
