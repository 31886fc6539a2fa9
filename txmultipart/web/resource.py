"""MultipartResource: a resource that is given its multipart body part by part."""

from __future__ import annotations

from typing import Any

from twisted.web.resource import Resource
from zope.interface import implementer

from txmultipart.body.reader import MultipartReader
from txmultipart.interfaces import IStreamingResource
from txmultipart.limits import Limits
from txmultipart.web.answer import answer_call


@implementer(IStreamingResource)
class MultipartResource(Resource):
    """Subclass it and write ``render_multipart``: POST leads there.

    With ``isLeaf = True`` it is asked for everything below its place as well; without, as
    any ``Resource``, for ``/place`` but not for ``/place/`` or ``/``, if it is the root.

    For PUT as well, write ``render_PUT = MultipartResource.render_POST``.

    Under a ``StreamingSite`` the parts come while the sender sends them; under
    a stock ``Site`` the same code runs when all of the body is there. Errors of
    the body that ``render_multipart`` does not catch are answered as one line
    of JSON with the right status: 400, 413, 415, 431.
    """

    #: What a body may have; a subclass or an instance sets its own.
    limits = Limits()

    def render_multipart(self, request: Any, reader: MultipartReader) -> object:
        """Handle one body: read its parts from ``reader``.

        Return the answer: bytes, a writer, None for 204, or a Deferred or
        coroutine that gives one of these.
        """
        raise NotImplementedError("write render_multipart")

    def render_POST(self, request: Any) -> int | bytes:
        """Read the body as a multipart."""
        return answer_call(request, self._handle, request)

    def make_reader(self, request: Any) -> MultipartReader:
        """The reader that ``render_multipart`` is given.

        Override it for one with other options, ``decide`` or ``progress``, or of
        another class.
        """
        return MultipartReader.from_request(request, limits=self.limits)

    def _handle(self, request: Any) -> object:
        return self.render_multipart(request, self.make_reader(request))
