"""A client with a pool for one of the servers, here or in a process of its own.

``python -m tests.interop.pool_client URL TRUST FILE``: PUTs FILE to URL, with the
certificates in the file TRUST as authority; prints an ``Outcome`` as JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import treq
from twisted.internet.defer import CancelledError
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.internet.task import react
from twisted.web.client import Agent, readBody
from twisted.web.http_headers import Headers

from tests.interop.memory import peak, reset_peak
from tests.interop.servers.server import Server, Sum, Transport, echoed
from txmultipart import HTTP2ConnectionPool, HTTP2PolicyForHTTPS, RawBody

#: The most that is kept of an answer, in bytes.
KEPT = 1 << 10


class Client:
    """An agent and its pool, which knows whom to trust; ``http://`` is HTTP/2 too."""

    def __init__(self, reactor: Any, server: Server, transport: Transport) -> None:
        self.agent, self.pool = agent_for(reactor, server.ca)
        #: How many were made so far.
        self.connections = 0
        self._get_connection = self.pool.getConnection
        self.pool.getConnection = self._count
        self._server, self._transport = server, transport

    def _count(self, key: Any, endpoint: Any) -> Any:
        return self._get_connection(key, _Counted(self, endpoint))

    def url(self, path: str) -> str:
        """Where ``path`` of the server is."""
        return self._server.url(self._transport, path)

    async def request(
        self, path: str, body: Any = None, headers: dict[str, list[str]] | None = None
    ) -> Any:
        """The answer to a GET, or to a PUT of ``body``; its own body is not read."""
        method, url = b"GET" if body is None else b"PUT", self.url(path).encode()
        response = await self.agent.request(method, url, Headers(headers or {}), body)
        assert response.version == (b"HTTP", 2, 0)
        return response

    async def ask(
        self, path: str, body: Any = None, headers: dict[str, list[str]] | None = None
    ) -> tuple[int, bytes]:
        """Status and body of the answer."""
        response = await self.request(path, body, headers)
        return response.code, await readBody(response)

    async def close(self) -> None:
        """Close what it has."""
        await self.pool.closeCachedConnections()


class _Counted:
    """An endpoint whose connections are counted."""

    def __init__(self, client: Client, endpoint: Any) -> None:
        self._client, self._endpoint = client, endpoint

    def connect(self, factory: Any) -> Any:
        self._client.connections += 1
        return self._endpoint.connect(factory)


def agent_for(reactor: Any, trust: bytes) -> tuple[Agent, Any]:
    """An agent that trusts whom the certificate ``trust`` vouches for; and its pool."""
    policy = HTTP2PolicyForHTTPS(
        trustRootFromCertificates([Certificate.loadPEM(trust)])
    )
    pool = HTTP2ConnectionPool(reactor, h2c=True)
    return Agent(reactor, contextFactory=policy, pool=pool), pool


# In a process of its own ----------------------------------------------------------------


class Outcome(NamedTuple):
    """What came back, and what it took."""

    status: int
    version: int
    #: The beginning of the answer, and the sum of all of it.
    answer: str
    sha256: str
    size: int
    #: Bytes that the peak of memory grew by, from before the first connection.
    growth: int
    #: Seconds of that process, and of the clock.
    cpu: float
    seconds: float


async def upload(
    server: Server, transport: Transport, path: str, content: Path
) -> Outcome:
    """Send ``content`` to ``path`` of ``server``, from another process."""
    from tests.programs import run  # not where this is the program: it has a reactor

    url, trust = server.url(transport, path), str(server.keys.trust)
    module = "tests.interop.pool_client"
    program = run(sys.executable, "-m", module, url, trust, str(content))
    try:
        printed = await program.ended
    except CancelledError:  # it took too long
        program.transport.signalProcess("KILL")  # type: ignore[union-attr]
        raise
    assert program.clean
    return Outcome(**json.loads(printed))


async def arrived(server: Server, path: str, outcome: Outcome) -> Sum:
    """What ``server`` got, also when it echoes more than is kept of it."""
    if server.arrived is echoed:
        return Sum(outcome.sha256, outcome.size)
    return await server.arrived(path, outcome.answer.encode())


class Answer:
    """The body of an answer: its sum, and its beginning."""

    def __init__(self) -> None:
        self.digest, self.size, self.kept = hashlib.sha256(), 0, b""

    def add(self, data: bytes) -> None:
        """Some bytes of it."""
        self.digest.update(data)
        self.size += len(data)
        self.kept += data[: KEPT - len(self.kept)]


async def send(reactor: Any, url: str, trust: str, path: str) -> Outcome:
    """Send the file, and take the answer."""
    agent, pool = agent_for(reactor, Path(trust).read_bytes())
    answer = Answer()
    reset_peak("self")
    idle, began = peak("self"), reactor.seconds()
    response = await agent.request(b"PUT", url.encode(), None, RawBody(Path(path)))
    await treq.collect(response, answer.add)
    growth, seconds = peak("self") - idle, reactor.seconds() - began
    await pool.closeCachedConnections()
    kept, sha256 = answer.kept.decode("latin-1"), answer.digest.hexdigest()
    told = (response.code, response.version[1], kept, sha256, answer.size)
    return Outcome(*told, growth, time.process_time(), seconds)


async def main(reactor: Any, *words: str) -> None:
    """Send it and print what became of it."""
    outcome = await send(reactor, *words)
    print(json.dumps(outcome._asdict()))


if __name__ == "__main__":
    react(main, sys.argv[1:])
