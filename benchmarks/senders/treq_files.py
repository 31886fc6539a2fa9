"""treq with files=, over HTTP/1.1: python treq_files.py KIND URL FILE CA"""

import sys
import time

import treq
from twisted.internet import task
from twisted.web.client import HTTPConnectionPool

kind, url, path, ca = sys.argv[1:]


async def upload(pool, name, file):
    response = await treq.post(url, files={"file": (name, file)}, pool=pool)
    assert response.code == 200
    return int(await response.content())


async def main(reactor):
    pool = HTTPConnectionPool(reactor)
    with open("/dev/null", "rb") as small, open(path, "rb") as file:
        await upload(pool, "small.bin", small)
        started, used = time.perf_counter(), time.process_time()
        told = await upload(pool, "file.bin", file)
        print(time.perf_counter() - started, time.process_time() - used, told)
    await pool.closeCachedConnections()


task.react(main)
