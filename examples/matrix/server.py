"""Media for other Matrix servers (MSC3916): a JSON object, then the file or where it is.

python examples/matrix/server.py FOLDER [ENDPOINT]
"""

import sys
from pathlib import Path

from twisted.internet import endpoints, reactor
from twisted.web.resource import Resource

from txmultipart import MultipartWriter, StreamingSite, answer_with
from txmultipart.sansio.filenames import safe_filename


class Media(Resource):
    isLeaf = True

    def __init__(self, folder, elsewhere):
        super().__init__()
        self.folder, self.elsewhere = folder, elsewhere

    def render_GET(self, request):
        name = safe_filename(request.postpath[-1].decode("utf-8", "replace"))
        answer = MultipartWriter("mixed")
        answer.append_json({})
        if name in self.elsewhere:  # a part that has only headers
            part = answer.append(b"", {"Location": self.elsewhere[name]})
            part.headers.removeHeader("Content-Type")
        elif (self.folder / name).is_file():
            answer.append(self.folder / name)
        else:
            request.setResponseCode(404)
            return b'{"errcode": "M_NOT_FOUND"}'
        return answer_with(request, answer)


def main(folder, listen="tcp:8080"):
    elsewhere = {"moved": "https://cdn.example/moved"}
    endpoint = endpoints.serverFromString(reactor, listen)
    listening = endpoint.listen(StreamingSite(Media(Path(folder), elsewhere)))
    listening.addCallback(lambda port: print(port, flush=True))
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
