"""treq with our bodies: the Content-Type is there, and treq's own calls work."""

from __future__ import annotations

from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.web.client import HTTPConnectionPool

from txmultipart import FormData, MultipartReader, MultipartResource, StreamingSite
from txmultipart.treq import client


class Names(MultipartResource):
    """Answers with the names of the parts."""

    isLeaf = True

    async def render_multipart(self, request: Any, reader: MultipartReader) -> bytes:
        """Read every part."""
        return ",".join([str(part.name) async for part in reader]).encode()


async def test_a_form_needs_no_headers() -> None:
    port = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(
        StreamingSite(Names())
    )
    form = FormData()
    form.add_field("one", "1")
    form.add_file("two", b"2")
    http = client(reactor, pool=HTTPConnectionPool(reactor, persistent=False))
    url = f"http://127.0.0.1:{port.getHost().port}/"
    response = await http.post(url, data=form)
    assert await response.text() == "one,two"
    await port.stopListening()
