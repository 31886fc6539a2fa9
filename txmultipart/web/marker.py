"""How a resource says that it wants its requests' bodies while they arrive."""

from __future__ import annotations

from typing import TypeVar

from zope.interface import alsoProvides

from txmultipart.interfaces import IStreamingResource

R = TypeVar("R")


def streaming(resource: R) -> R:
    """Mark ``resource``, one that somebody else wrote, and return it.

    Under ``StreamingRequest`` it is then rendered as soon as the headers are
    in, and takes the body with ``get_body(request)``. For a class of your own,
    decorate it with ``@implementer(IStreamingResource)``, or subclass
    ``MultipartResource``.
    """
    alsoProvides(resource, IStreamingResource)
    return resource
