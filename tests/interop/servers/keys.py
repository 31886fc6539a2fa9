"""Certificates for programs that serve on 127.0.0.1."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Keys:
    """A certificate for 127.0.0.1 and localhost, and who vouches for it, as PEM files."""

    #: For clients: the authority's certificate.
    trust: Path
    certificate: Path
    key: Path
    #: The key and the certificate in one file.
    pair: Path


def keys_in(folder: Path) -> Keys:
    """New keys, in ``folder``."""
    names = ("trust", "certificate", "key", "pair")
    keys = Keys(*(folder / f"{name}.pem" for name in names))
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(keys.trust))
    issued.cert_chain_pems[0].write_to_path(str(keys.certificate))
    issued.private_key_pem.write_to_path(str(keys.key))
    issued.private_key_and_cert_chain_pem.write_to_path(str(keys.pair))
    return keys
