"""Fixtures for tests that talk to programs that others wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.exchanges import configure
from tests.interop.servers.documents import write_documents
from tests.interop.servers.server import TRANSPORTS, Transport


def pytest_configure(config: pytest.Config) -> None:
    """See ``exchanges``."""
    configure(config)


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with what the servers offer: ``small`` and ``large``."""
    folder = tmp_path_factory.mktemp("documents")
    write_documents(folder)
    yield folder
    (folder / "large").unlink()


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> Transport:
    """Each way to ask a ``Server``."""
    way: Transport = request.param
    return way
