"""Body types: what a Content-Type header says of a multipart body."""

from __future__ import annotations

from txmultipart.errors import MisuseError, NotMultipart
from txmultipart.sansio.parameters import parse_content_type
from txmultipart.sansio.profiles import Profile, profile_for


def read_content_type(value: str | bytes | None) -> tuple[str, dict[str, str]]:
    """Type and parameters of a body's Content-Type, if it is a multipart at all.

    Raises ``NotMultipart`` or ``MalformedMultipart``, ``MisuseError`` for what is no
    header at all.
    """
    if value is None:
        raise NotMultipart("there is no Content-Type", code="no-content-type")
    if not isinstance(value, str | bytes):
        kind = type(value).__name__
        raise MisuseError(
            f"content_type is a str, not {kind}; "
            "use from_request for a request, from_response for a response"
        )
    content_type, params = parse_content_type(value)
    if not content_type.startswith("multipart/"):
        raise NotMultipart("the Content-Type is not multipart")
    return content_type, params


def boundary_in(params: dict[str, str], profile: Profile) -> str:
    """The boundary, empty where it may be read off the body instead."""
    boundary = params.get("boundary")
    if boundary is None and not profile.endless:
        raise NotMultipart("the Content-Type has no boundary", code="no-boundary")
    return boundary or ""


def is_endless(content_type: str | bytes | None, profile: Profile | None) -> bool:
    """Whether a body of this type has no end by its nature: a camera's has none.

    That is for responses, which we asked for. The sender of a request chooses
    its Content-Type, and must not choose its bounds by that.
    """
    return (profile or profile_for(read_content_type(content_type)[0])).endless
