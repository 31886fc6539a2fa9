"""Upload a file in a form with treq.

python examples/upload.py URL FILE

``txmultipart serve`` takes it, and ``examples/receive.py``.
"""

import sys
from pathlib import Path

import treq
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import react

from txmultipart import FormData


def make_form(path):
    form = FormData(progress=lambda sent, total, part: print(f"{sent} of {total}"))
    form.add_field("title", path.stem)
    form.add_file("file", path)
    return form


async def upload(url, path):
    body = make_form(path)
    response = await treq.post(url, data=body, headers=body.headers)
    return await response.text()


def upload_with_callbacks(url, path):
    body = make_form(path)
    return treq.post(url, data=body, headers=body.headers).addCallback(
        treq.text_content
    )


def main(reactor, url, path):
    done = ensureDeferred(upload(url, Path(path))).addCallback(print)
    done.addCallback(lambda _: upload_with_callbacks(url, Path(path)))
    return done.addCallback(print)


react(main, sys.argv[1:] if len(sys.argv) == 3 else sys.exit(__doc__))
