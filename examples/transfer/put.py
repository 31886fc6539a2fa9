"""Send one huge file as the whole body of a PUT, with fields of its own and a display.

python examples/transfer/put.py https://files.example/api/fs/put FILE [TOKEN]
"""

import os
import sys
from pathlib import Path
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from txmultipart import BodyReader, Limits, RawBody
from txmultipart.treq import client

PATIENCE = 300  # seconds: some servers do a lot with a file before they answer


async def put(http, url, body, headers):
    response = await http.put(url, data=body, headers=headers, unbuffered=True)
    print(file=sys.stderr)
    print(response.version, response.code, end=" ", flush=True)
    answer = BodyReader.from_response(response, limits=Limits(max_memory=1 << 16))
    print((await answer.read()).decode("utf-8", "replace"))
    await http.pool.closeCachedConnections()
    sys.exit(response.code >= 300)  # redirects were followed


async def main(reactor, url, path, token=""):
    def show(sent, total, part):
        patience.reset(PATIENCE)
        done = f"{sent / total:6.1%} of {total:,}" if total else f"{sent:,}"
        print(f"\r{done} bytes", end="", file=sys.stderr)

    name = os.fsencode(Path(path).name)
    headers = {"File-Path": quote(b"/uploads/" + name), "As-Task": "true"}
    if token:
        headers["Authorization"] = token
    body = RawBody(Path(path), progress=show)  # read from disk as the server takes it
    patience = reactor.callLater(PATIENCE, lambda: putting.cancel())
    putting = Deferred.fromCoroutine(put(client(reactor), url, body, headers))
    late = f"the server did nothing for {PATIENCE} seconds"
    await putting.addErrback(lambda r: r if patience.active() else sys.exit(late))


react(main, sys.argv[1:] if len(sys.argv) in (3, 4) else sys.exit(__doc__))
