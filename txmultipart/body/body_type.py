"""Body types: what a Content-Type header says of a multipart body."""

from __future__ import annotations

from dataclasses import replace

from txmultipart.errors import NotMultipart
from txmultipart.limits import ENDLESS, UNLIMITED, Limits
from txmultipart.sansio.parameters import parse_content_type
from txmultipart.sansio.profiles import Profile, profile_for

# Frames that were read and dropped do not add up; each has a bound of its own.
_ENDLESS = replace(ENDLESS, max_memory=UNLIMITED)


def read_content_type(value: str | bytes | None) -> tuple[str, dict[str, str]]:
    """Type and parameters of a body's Content-Type, if it is a multipart at all.

    Raises ``NotMultipart`` or ``MalformedMultipart``.
    """
    if value is None:
        raise NotMultipart("there is no Content-Type", code="no-content-type")
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


def limits_for_response(
    content_type: str | bytes | None, profile: Profile | None
) -> Limits:
    """Limits for a response that we asked for: a camera's has no end.

    A request's body is never given these: its sender chooses the Content-Type.
    """
    kind, _ = read_content_type(content_type)
    return _ENDLESS if (profile or profile_for(kind)).endless else Limits()
