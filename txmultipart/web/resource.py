"""MultipartResource: a resource that is given its multipart body part by part."""

from __future__ import annotations

from typing import Any

from twisted.python.reflect import prefixedMethodNames
from twisted.web.error import UnsupportedMethod
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

    def render(self, request: Any) -> Any:
        """Call the ``render_`` method for ``request``; see ``Resource``.

        ``render_multipart`` is none of these, whatever a client calls its method. HEAD
        leads to ``render_GET``, and is refused where that is missing.
        """
        if not _has(self, request.method.decode("latin-1")):
            allowed = getattr(self, "allowedMethods", None) or _methods_of(self)
            raise UnsupportedMethod(allowed)
        return super().render(request)

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


def _has(resource: Resource, method: str) -> bool:
    """Whether ``method`` is answered by ``resource``."""
    if method == "multipart":
        return False
    if method == "HEAD" and type(resource).render_HEAD is Resource.render_HEAD:
        method = "GET"  # to which the inherited one leads
    return hasattr(resource, f"render_{method}")


def _methods_of(resource: Resource) -> list[bytes]:
    """The methods that ``resource`` answers, for an Allow field."""
    names = sorted(prefixedMethodNames(type(resource), "render_"))
    return [name.encode("ascii") for name in names if _has(resource, name)]
