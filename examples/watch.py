"""Save the next pictures of a camera (MJPEG) in a folder.

python examples/watch.py URL FOLDER COUNT

``examples/mjpeg.py`` is such a camera.
"""

import sys
from pathlib import Path

import treq
from twisted.internet.task import react

from txmultipart import MultipartReader


async def main(reactor, url, folder, count):
    response = await treq.get(url, unbuffered=True)
    # What a camera calls it matters little; its boundary is read off the body.
    kind = "multipart/x-mixed-replace"
    reader = MultipartReader.from_response(response, content_type=kind)
    for number in range(1, int(count) + 1):
        if (picture := await reader.next_part()) is None:
            break
        size = await picture.save(Path(folder) / f"{number}.jpg")
        print(f"{number}.jpg: {size} bytes")


react(main, sys.argv[1:] if len(sys.argv) == 4 else sys.exit(__doc__))
