"""Send a multipart with all that a writer can do, and print the answer.

python examples/nested.py URL FILE

``examples/answers.py`` gives back what it is sent at /echo.
"""

import sys
from pathlib import Path

import treq
from twisted.internet.task import react

from txmultipart import MultipartWriter


def letter(path):
    with MultipartWriter("mixed", params={"version": "1"}) as root:
        root.append("text in UTF-8", {"X-Mood": "fine"})
        root.append_json({"sent": True})
        root.append_form([("name", "Žofie"), ("name", "Jan")])
        part = root.append(path, {"Content-Encoding": "gzip"})
        part.set_content_disposition("attachment", filename="secret.txt")
        root.append(path, {"Content-Transfer-Encoding": "base64"})
        with MultipartWriter("alternative") as inner:
            root.append(inner)  # and still grows
            inner.append("plain")
            inner.append("<b>bold</b>", {"Content-Type": "text/html; charset=utf-8"})
    return root


async def send(reactor, url, path):
    body = letter(Path(path))
    # Some servers want to know the length: then send the bytes as a whole.
    whole = await letter(Path(path)).as_bytes()
    print(f"{len(body.parts)} parts, length {body.length}, or {len(whole)} at once")
    response = await treq.post(url, data=body, headers=body.headers)
    print(await response.text())


react(send, sys.argv[1:] if len(sys.argv) == 3 else sys.exit(__doc__))
