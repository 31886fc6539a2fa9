"""An Agent with our pool and a FormData: python ours.py KIND URL FILE CA"""

import sys
import time
from pathlib import Path

from twisted.internet import ssl, task
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, readBody

from txmultipart import FormData, HTTP2ConnectionPool, MultipartAgent

kind, url, path, ca = sys.argv[1:]


async def upload(agent, content):
    form = FormData()
    form.add_file("file", content, filename="file.bin")
    response = await agent.request(b"POST", url.encode(), bodyProducer=form)
    said = await readBody(response)
    version = 1 if kind == "http1" else 2
    assert (response.code, response.version[1]) == (200, version)
    return int(said) if said.isdigit() else 0


async def main(reactor):
    pool = HTTP2ConnectionPool(reactor, h2c=kind == "h2c")
    trust = ssl.trustRootFromCertificates(
        [ssl.Certificate.loadPEM(Path(ca).read_bytes())]
    )
    policy = BrowserLikePolicyForHTTPS(trust)
    agent = MultipartAgent(Agent(reactor, policy, pool=pool))
    await upload(agent, b"small")
    started, used = time.perf_counter(), time.process_time()
    told = await upload(agent, Path(path))
    print(time.perf_counter() - started, time.process_time() - used, told)
    await pool.closeCachedConnections()


task.react(main)
