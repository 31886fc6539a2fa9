"""``txmultipart send`` on TLS: what is spoken, who is trusted, and what is said if not."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.ssl import (
    AcceptableCiphers,
    CertificateOptions,
    PrivateCertificate,
    TLSVersion,
)

from tests.app.places import Places, sent, serving
from tests.interop.servers.keys import Keys, keys_in
from tests.interop.servers.rude import rude_server
from txmultipart import StreamingSite


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return keys_in(tmp_path_factory.mktemp("keys"))


def endpoint(pair: Path) -> str:
    return f"ssl:0:privateKey={pair}:certKey={pair}:interface=127.0.0.1"


def certificate(
    folder: Path, name: str, until: datetime.datetime | None = None
) -> Keys:
    """One for ``name``, with its authority; ``until`` says when its time was over."""
    authority = trustme.CA()
    pair, trust = folder / "its-pair.pem", folder / "its-trust.pem"
    issued = authority.issue_cert(name, not_before=until, not_after=until)
    issued.private_key_and_cert_chain_pem.write_to_path(str(pair))
    authority.cert_pem.write_to_path(str(trust))
    return Keys(trust, pair, pair, pair)


@pytest.mark.parametrize(
    ("way", "version"),
    [([], "HTTP/2"), (["--http1.1"], "HTTP/1.1"), (["--h2c"], "HTTP/2")],
)
@pytest.mark.parametrize("kind", ["put", "form"])
async def test_what_is_spoken(
    kind: str,
    way: list[str],
    version: str,
    keys: Keys,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = Places()
    what = ["-T", __file__] if kind == "put" else ["-F", f"f=@{__file__}"]
    async with serving(places, endpoint(keys.pair)) as url:
        trust = ["--cacert", str(keys.trust)]
        assert await sent(url + "taken", *what, *way, *trust) == 0
        assert await sent(url + "taken", *what, *way, "--insecure") == 0
        name = url.replace("127.0.0.1", "localhost") + "taken"
        assert await sent(name, *what, *way, "-k") == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.count(version + " took ") == out.count("took") == 3
    assert len(set(places.taken.sizes)) == 1


@pytest.mark.parametrize("way", [[], ["--http1.1"]])
async def test_nobody_vouches_for_it(way: list[str], keys: Keys) -> None:
    places = Places()
    async with serving(places, endpoint(keys.pair)) as url:
        said = await sent(url + "taken", "-T", __file__, *way)
    assert isinstance(said, str)
    assert said.startswith("txmultipart: the server's certificate is not to be trusted")
    assert "--cacert" in said
    assert "SSL" not in said
    assert places.taken.requests == []


@pytest.mark.parametrize("way", [[], ["--http1.1"]])
async def test_somebody_else_vouches_for_it(
    way: list[str], keys: Keys, tmp_path: Path
) -> None:
    other = keys_in(tmp_path)
    async with serving(Places(), endpoint(keys.pair)) as url:
        words = ["-T", __file__, "--cacert", str(other.trust), *way]
        said = await sent(url, *words)
    assert "not to be trusted" in str(said)


@pytest.mark.parametrize("way", [[], ["--http1.1"]])
async def test_it_is_for_another_host(way: list[str], tmp_path: Path) -> None:
    other = certificate(tmp_path, "another.test")
    async with serving(Places(), endpoint(other.pair)) as url:
        words = ["-T", __file__, "--cacert", str(other.trust), *way]
        said = await sent(url + "taken", *words)
        assert await sent(url + "taken", "-T", __file__, "--insecure", *way) == 0
    assert "the server's certificate is for another host" in str(said)


async def test_its_time_is_over(tmp_path: Path) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    old = certificate(tmp_path, "127.0.0.1", past)
    async with serving(Places(), endpoint(old.pair)) as url:
        said = await sent(url, "-T", __file__, "--cacert", str(old.trust))
    assert "its time has not begun or is over" in str(said)


@pytest.mark.parametrize("trust", [True, False])
async def test_old_ciphers(
    trust: bool, keys: Keys, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as HTTP/2 forbids: a server that has no better ones."""
    from twisted.internet import reactor

    own = PrivateCertificate.loadPEM(keys.pair.read_text())
    old = AcceptableCiphers.fromOpenSSLCipherString(
        "ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA"
    )
    options = CertificateOptions(
        privateKey=own.privateKey.original,
        certificate=own.original,
        acceptableCiphers=old,
        lowerMaximumSecurityTo=TLSVersion.TLSv1_2,
    )
    listening = SSL4ServerEndpoint(reactor, 0, options, interface="127.0.0.1")
    port: Any = await listening.listen(StreamingSite(Places()))
    url = f"https://127.0.0.1:{port.getHost().port}/taken"
    words = ["--cacert", str(keys.trust)] if trust else ["--insecure"]
    said = await sent(url, "-F", "a=b", *words)
    assert str(said).startswith("txmultipart: TLS failed: ")
    assert "handshake failure" in str(said)
    assert await sent(url, "-F", "a=b", "--http1.1", *words) == 0
    assert capsys.readouterr().out.startswith("HTTP/1.1 took ")
    await port.stopListening()


async def test_a_server_without_tls() -> None:
    async with serving(Places()) as url:
        said = await sent(url.replace("http:", "https:"), "-T", __file__)
    assert isinstance(said, str)
    assert said.startswith("txmultipart: TLS failed: ")
    assert "[" not in said


async def test_a_server_that_does_not_speak_http2() -> None:
    from twisted.internet import reactor

    async with rude_server(reactor, b"HTTP/1.1 400 Bad Request\r\n\r\n") as url:
        said = await sent(url, "-T", __file__, "--h2c")
    assert isinstance(said, str)
    assert "\n" not in said


def test_a_file_of_authorities_that_is_broken(tmp_path: Path) -> None:
    from twisted.python.usage import UsageError

    from txmultipart.app.send import SendOptions

    broken = tmp_path / "broken.pem"
    begin, end = (f"-----{word} CERTIFICATE-----\n" for word in ("BEGIN", "END"))
    broken.write_text(f"{begin}bm9uZQ==\n{end}")
    with pytest.raises(UsageError, match="is broken"):
        SendOptions().parseOptions(["http://x/", "-T", "a", "--cacert", str(broken)])
