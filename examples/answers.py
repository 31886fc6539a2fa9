"""Answer with multiparts of several kinds, for the examples that read: see ANSWERS.

And at /echo with what is sent there.

python examples/answers.py [ENDPOINT]
"""

import sys

from twisted.internet import endpoints, reactor
from twisted.web.resource import Resource

from txmultipart import (
    LiveWriter,
    MultipartWriter,
    StreamingSite,
    answer_with,
    get_body,
)


def mixed():
    body, inner = MultipartWriter("mixed"), MultipartWriter("related")
    body.append_json({"a": [1]})
    body.append_form([("b", "2 &")])
    body.append("some text")
    attach(body, "../c.bin", b"c" * 999, {"Content-Encoding": "gzip"})
    inner.append("inner text")
    attach(inner, "d.bin", b"d" * 99)
    body.append(inner)
    return body


def attach(writer, name, content, headers=None):
    part = writer.append(content, headers)
    part.set_content_disposition("attachment", filename=name)


def pairs():
    body = MultipartWriter("mixed")
    for number, names in enumerate(("a", "ab", ""), 1):
        attachments = MultipartWriter("related")
        body.append_json({"_id": f"document {number}"})
        for name in names:
            attach(attachments, f"{name}.png", b"x" * number)
        if names:
            body.append(attachments)
    return body


def lines():
    body = MultipartWriter("mixed")
    for content in (b"one\r\ntwo\nthree", b"c" * 1000, b"p" * 500, b"x", b"y"):
        body.append(content)
    return body


def live(channel=None, number=0):
    channel = channel or LiveWriter("related")
    channel.append_json({"number": number})
    if not channel.closed:  # somebody listens
        reactor.callLater(0.5, live, channel, number + 1)
    return channel


ANSWERS = {b"/mixed": mixed, b"/pairs": pairs, b"/lines": lines, b"/live": live}


class Answers(Resource):
    isLeaf = True

    def render_GET(self, request):
        make = ANSWERS.get(request.path, lambda: b"there are: " + b" ".join(ANSWERS))
        return answer_with(request, make())

    def render_POST(self, request):  # to /echo
        request.setHeader("Content-Type", request.getHeader("Content-Type"))
        return answer_with(request, get_body(request).read())


endpoint = endpoints.serverFromString(reactor, (sys.argv[1:] or ["tcp:8080"])[0])
listening = endpoint.listen(StreamingSite(Answers()))
listening.addCallback(lambda port: print(port, flush=True))
reactor.run()
