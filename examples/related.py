"""Send a page with its picture in it, and read one that comes back as the answer.

python examples/related.py URL PICTURE

``examples/answers.py`` gives back what it is sent at /echo.
"""

import sys
from pathlib import Path

import treq
from twisted.internet.task import react

from txmultipart import ContentIndex, MultipartReader, RelatedWriter


def make_page(path):
    page = RelatedWriter()
    picture = page.append(path, {"Content-Description": "a picture"})
    picture.set_content_disposition("inline", filename=path.name)
    html = f'<p>Look: <img src="{page.cid_url(picture)}">'
    page.set_root(html, {"Content-Type": "text/html; charset=utf-8"})
    return page


async def main(reactor, url, path):
    page = make_page(Path(path))
    response = await treq.post(url, data=page, headers=page.headers, unbuffered=True)
    reader = MultipartReader.from_response(response)
    index = ContentIndex(reader.params)
    async for part in reader:
        index.add(part.headers, (part.filename, await part.read()))
    html = index.root[1].decode()
    print(html)
    name, content = index.resolve(html.split('"')[1])
    print(f"{name}: {len(content)} bytes")


react(main, sys.argv[1:] if len(sys.argv) == 3 else sys.exit(__doc__))
