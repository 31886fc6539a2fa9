"""Send one huge file as the whole body of a PUT, with fields of its own and a display.

python examples/transfer/put.py https://files.example/api/fs/put FILE [TOKEN]
"""

import sys
from pathlib import Path
from urllib.parse import quote

from twisted.internet.task import react

from txmultipart import RawBody
from txmultipart.treq import client


def show(sent, total, part):
    print(f"\r{sent / (total or 1):6.1%} of {total:,} bytes", end="", file=sys.stderr)


async def main(reactor, url, path, token=""):
    file = Path(path)
    headers = {
        "Authorization": token,
        "File-Path": quote(f"/uploads/{file.name}"),
        "As-Task": "true",
    }
    body = RawBody(file, progress=show)  # read from disk as the server takes it
    response = await client(reactor).put(url, data=body, headers=headers)
    print(response.version, response.code, await response.text())


react(main, sys.argv[1:])
