"""The mark by which a resource says that it wants bodies while they arrive."""

from __future__ import annotations

import klein
from twisted.web.resource import Resource
from zope.interface import implementer

from txmultipart import MultipartResource
from txmultipart.interfaces import IStreamingResource
from txmultipart.web.marker import streaming


def test_it_marks_one_and_returns_it() -> None:
    resource = Resource()
    assert streaming(resource) is resource
    assert IStreamingResource.providedBy(resource)
    assert not IStreamingResource.providedBy(Resource())


def test_twice_is_once() -> None:
    assert IStreamingResource.providedBy(streaming(streaming(Resource())))


def test_it_marks_what_others_wrote() -> None:
    assert IStreamingResource.providedBy(streaming(klein.Klein().resource()))


def test_a_class_is_marked_by_decorating_it() -> None:
    @implementer(IStreamingResource)
    class Marked(Resource):
        """Ours."""

    assert IStreamingResource.providedBy(Marked())
    assert IStreamingResource.providedBy(MultipartResource())
