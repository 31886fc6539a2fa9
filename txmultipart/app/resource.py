"""InboxResource: the inbox over HTTP."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from txmultipart.app.inbox import Inbox, Stored
from txmultipart.body.delivery import get_body
from txmultipart.body.reader import MultipartReader
from txmultipart.errors import LimitExceeded, MalformedMultipart
from txmultipart.limits import Limits
from txmultipart.web.answer import answer_call, problem_body
from txmultipart.web.resource import MultipartResource

# No script, style or frame: the page needs none, whatever somebody makes of it.
_PAGE_HEADERS = {
    b"Content-Type": b"text/html; charset=utf-8",
    b"Content-Security-Policy": b"default-src 'none'; form-action 'self'",
}


class InboxResource(MultipartResource):
    """``GET /`` shows a form, ``POST /`` takes a multipart, ``PUT /name`` any body."""

    isLeaf = True

    def __init__(self, inbox: Inbox) -> None:
        super().__init__()
        self.inbox = inbox
        # A form is not refused for the size of the one file that it may have.
        body = max(Limits().max_body_size, 2 * inbox.max_size)
        self.limits = Limits(max_part_size=inbox.max_size, max_body_size=body)
        self._page = files("txmultipart.app").joinpath("page.html").read_bytes()

    def render(self, request: Any) -> Any:
        """Refuse what comes on an open connection while the service stops."""
        if not self.inbox.closed:
            return super().render(request)
        request.setHeader(b"Connection", b"close")
        return _refusal(request, 503, "stopping", "the service stops")

    def render_GET(self, request: Any) -> bytes:
        """The form, and nothing else: what was sent is not for everybody to read."""
        if request.postpath != [b""]:
            return _not_found(request)
        for name, value in _PAGE_HEADERS.items():
            request.setHeader(name, value)
        return self._page

    def render_POST(self, request: Any) -> int | bytes:
        """Store the files of a multipart body."""
        if request.postpath != [b""]:
            return _not_found(request)
        return super().render_POST(request)

    async def render_multipart(self, request: Any, reader: MultipartReader) -> bytes:
        """Take each part; the answer tells what became of it."""
        stored: list[Stored] = []
        await self.inbox.take_parts(reader, stored)
        return _answer(request, stored)

    def render_PUT(self, request: Any) -> int:
        """Store the body under the name in the URL."""
        return answer_call(request, self._put, request)

    async def _put(self, request: Any) -> bytes:
        filename = _filename(request)
        body = get_body(request)
        if body.length is not None and body.length > self.inbox.max_size:
            raise LimitExceeded("max_part_size", self.inbox.max_size)
        return _answer(request, [await self.inbox.take(body, filename)])


def _filename(request: Any) -> str:
    """The last component of the path, which must be the only one."""
    if request.requestHeaders.hasHeader("Content-Range"):
        # RFC 9110 section 14.5: a part must not pass for the whole.
        raise MalformedMultipart("a PUT of a range is not supported", code="range")
    name = b"/".join(request.postpath).decode("utf-8", "replace")
    if not name or "/" in name or "\\" in name:
        raise MalformedMultipart("PUT needs one name in the path", code="bad-name")
    return name


def _answer(request: Any, stored: list[Stored]) -> bytes:
    request.setResponseCode(201 if any(part["stored"] for part in stored) else 200)
    request.setHeader(b"Content-Type", b"application/json")
    return json.dumps({"parts": stored}).encode("ascii") + b"\n"


def _not_found(request: Any) -> bytes:
    return _refusal(request, 404, "not-found", "there is nothing at this path")


def _refusal(request: Any, status: int, code: str, message: str) -> bytes:
    return problem_body(request, status, {"error": code, "message": message})
