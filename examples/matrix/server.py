"""Media for other Matrix servers (MSC3916): a JSON object, then the file or where it is.

python examples/matrix/server.py FOLDER [ENDPOINT]
"""

import sys
from pathlib import Path

from twisted.internet import endpoints, reactor
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource

from txmultipart import MultipartWriter, StreamingSite, answer_with
from txmultipart.sansio import safe_filename

ELSEWHERE = {"moved": "https://cdn.example/moved"}


def media(path, location=None):
    answer = MultipartWriter("mixed")
    answer.append_json({})
    if location is None:
        answer.append(path)
    else:  # a part that has only headers
        part = answer.append(b"", {"Location": location})
        part.headers.removeHeader("Content-Type")
    return answer


class Media(Resource):
    isLeaf = True

    def render_GET(self, request):
        name = safe_filename(request.postpath[-1].decode("utf-8", "replace"))
        return answer_with(request, self.answer(request, name))

    async def answer(self, request, name):
        path, location = Path(folder, name), ELSEWHERE.get(name)
        if location is None and not await deferToThread(path.is_file):
            request.setResponseCode(404)
            return b'{"errcode": "M_NOT_FOUND"}'
        return media(path, location)


words = sys.argv[1:] or sys.exit(__doc__)
folder, listen = [*words, "tcp:8080"][:2]
endpoint = endpoints.serverFromString(reactor, listen)
listening = endpoint.listen(StreamingSite(Media()))
listening.addCallback(lambda port: print(port, flush=True))
reactor.run()
