"""RelatedWriter: a document and the things it refers to, in one ``multipart/related``.

RFC 2387 for the whole, RFC 2392 for the ``cid:`` URLs by which a part is named.
"""

from __future__ import annotations

import re

from txmultipart.body.checked_headers import HeadersGiven
from txmultipart.body.content_ids import bare, cid_url
from txmultipart.body.payload import Payload
from txmultipart.body.progress import ProgressCallback
from txmultipart.body.writer import MultipartWriter
from txmultipart.errors import MisuseError
from txmultipart.sansio.boundary import make_boundary
from txmultipart.sansio.parameters import quoted_parameter

# What a Content-ID may be between its brackets. RFC 2045 section 7 wants an "@" in
# it, and voice services do not; what matters is that nothing breaks out.
_ID = re.compile(r"[!-;=?-~]+")


class RelatedWriter(MultipartWriter):
    """A ``multipart/related`` body: a root, which is sent first, and what it refers to.

    The root may be set last, when the URLs of the others are known::

        page = RelatedWriter()
        photo = page.append(Path("photo.jpg"))
        page.set_root(f'<img src="{page.cid_url(photo)}">', {"Content-Type": "text/html"})
    """

    def __init__(
        self,
        root: object = None,
        headers: HeadersGiven = None,
        *,
        boundary: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        super().__init__("related", boundary, progress=progress)
        self.root: Payload | None = None
        if root is not None:
            self.set_root(root, headers)

    def set_root(self, obj: object, headers: HeadersGiven = None) -> Payload:
        """Make ``obj`` the first part. Raises ``MisuseError`` if there is a root already."""
        if self.root is not None:
            raise MisuseError("a related body has one root")
        self.root = self.append(obj, headers)
        self.parts.insert(0, self.parts.pop())
        return self.root

    def append(
        self,
        obj: object,
        headers: HeadersGiven = None,
        *,
        content_id: str | None = None,
    ) -> Payload:
        """Append ``obj`` as a part with a Content-ID: the one given, or one made up.

        ``headers`` may have one too. Raises ``MisuseError`` as ``MultipartWriter``
        does, for an identifier that no Content-ID can be, and for one that
        another part has: whoever reads could not tell which is meant.
        """
        if content_id is not None:
            content_id = _bracketed(content_id)
        payload = self._made_ready(obj, headers)
        if content_id or not payload.headers.hasHeader("Content-ID"):
            made = content_id or f"<{make_boundary()}@related.invalid>"
            payload.headers.setRawHeaders("Content-ID", [made])
        _check_names([*self.parts, payload])
        self.parts.append(payload)
        return payload

    def cid_url(self, payload: Payload) -> str:
        """The URL by which other parts refer to ``payload``."""
        return cid_url(_content_id(payload))

    @property
    def content_type(self) -> str:
        """The Content-Type of the body: its boundary, type and root.

        Raises ``MisuseError`` as long as there is no root.
        """
        root = self._checked_root()
        kind = root.part_headers().content_type or "application/octet-stream"
        start = quoted_parameter("start", _content_id(root))
        return f"{super().content_type}; {quoted_parameter('type', kind)}; {start}"

    def _checked_root(self) -> Payload:
        if self.root is None:
            raise MisuseError("a related body needs a root")
        return self.root

    def _begin(self) -> None:
        self._checked_root()
        _check_names(self.parts)  # headers may have changed
        super()._begin()


def _check_names(parts: list[Payload]) -> None:
    found = [part.headers.getRawHeaders("Content-ID") for part in parts]
    names = [bare(values[0]) for values in found if values]
    if len(set(names)) < len(names):
        raise MisuseError("two parts of a related body have the same Content-ID")


def _content_id(payload: Payload) -> str:
    value = payload.part_headers().get("Content-ID")
    if value is None:
        raise MisuseError("the part has no Content-ID")
    return value


def _bracketed(content_id: str) -> str:
    inside = bare(content_id)
    if not _ID.fullmatch(inside):
        raise MisuseError("a Content-ID is printable ASCII without spaces and brackets")
    return f"<{inside}>"
