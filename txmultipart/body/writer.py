"""MultipartWriter and FormData: multipart bodies to be sent, as ``IBodyProducer``."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from twisted.internet.defer import Deferred
from twisted.python.components import registerAdapter
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH

from txmultipart.body.parts_source import PartsSource, naming
from txmultipart.body.payload import DelegatingPayload, Payload
from txmultipart.body.payloads import bytes_payload, payload_of
from txmultipart.body.producer import BodyProducer
from txmultipart.body.progress import ProgressCallback
from txmultipart.body.sinks import MemorySink
from txmultipart.errors import MisuseError
from txmultipart.interfaces import IPayload, Source
from txmultipart.limits import UNLIMITED
from txmultipart.sansio.boundary import boundary_parameter
from txmultipart.sansio.parameters import quoted_parameter
from txmultipart.sansio.serializer import MultipartSerializer

_TOKEN = re.compile(r"[0-9A-Za-z!#$%&'*+.^_`|~-]+")


class MultipartWriter(BodyProducer):
    """A ``multipart/<subtype>`` body: append parts, then send it.

    ``boundary`` is made up unless given, ``params`` are further parameters of
    the Content-Type, ``close_boundary=False`` leaves the close delimiter out.
    ``progress`` is called with bytes so far, bytes in all or None, and the part
    under way. Parts are sent in the order in which they were appended.
    """

    def __init__(
        self,
        subtype: str = "mixed",
        boundary: str | None = None,
        *,
        close_boundary: bool = True,
        params: Mapping[str, str] | None = None,
        progress: ProgressCallback | None = None,
    ) -> None:
        super().__init__(progress=progress)
        if not _TOKEN.fullmatch(subtype):
            raise MisuseError("a subtype is one token")
        self.subtype = subtype
        self.parts: list[Payload] = []
        self._params = dict(params or {})
        self._close_boundary = close_boundary
        self._source_in_use: PartsSource | None = None
        self._begun = False
        self.boundary = MultipartSerializer(boundary).boundary

    # Parts ----------------------------------------------------------------------------

    def append(self, obj: object, headers: Any = None) -> Payload:
        """Append ``obj`` as a part and return its payload, whose headers may be changed.

        It may be text, bytes, a file, a path, an iterable or asynchronous
        iterable of bytes, another writer, or anything that adapts to
        ``IPayload``. ``headers`` replace those of the payload; content codings
        and transfer encodings that they declare are applied. Raises
        ``MisuseError`` for anything else, for a header with CR, LF or NUL, and
        once sending has begun.
        """
        payload = self._made_ready(obj, headers)
        self.parts.append(payload)
        return payload

    def _made_ready(self, obj: object, headers: Any) -> Payload:
        if self._begun:
            raise MisuseError("a part was appended after sending had begun")
        payload = payload_of(obj)
        if isinstance(payload, WriterPayload) and payload.writer._holds(self):
            raise MisuseError("a writer cannot be a part of itself")
        self._describe(payload)
        payload.update_headers(headers)
        return payload

    def _describe(self, payload: Payload) -> None:
        """The headers that this kind of multipart wants by itself."""
        known = payload.headers.hasHeader("Content-Disposition")
        if payload.filename is not None and not known:
            payload.set_content_disposition("attachment", filename=payload.filename)

    def _holds(self, writer: MultipartWriter) -> bool:
        nested = (p.writer for p in self.parts if isinstance(p, WriterPayload))
        return writer is self or any(inner._holds(writer) for inner in nested)

    def append_json(self, obj: Any, headers: Any = None) -> Payload:
        """Append ``obj`` as JSON in UTF-8."""
        payload = bytes_payload(json.dumps(obj, ensure_ascii=False).encode("utf-8"))
        payload.headers.setRawHeaders("Content-Type", ["application/json"])
        return self.append(payload, headers)

    def append_form(
        self, pairs: Mapping[str, str] | Iterable[tuple[str, str]], headers: Any = None
    ) -> Payload:
        """Append ``pairs`` as ``application/x-www-form-urlencoded``."""
        items = pairs.items() if isinstance(pairs, Mapping) else pairs
        payload = bytes_payload(urlencode(list(items)).encode("ascii"))
        kind = "application/x-www-form-urlencoded"
        payload.headers.setRawHeaders("Content-Type", [kind])
        return self.append(payload, headers)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to do: a ``with`` block is only there to be read."""

    # The whole -------------------------------------------------------------------------

    @property
    def content_type(self) -> str:
        """The Content-Type of the body, with its boundary."""
        items = [f"multipart/{self.subtype}", boundary_parameter(self.boundary)]
        items += [quoted_parameter(name, value) for name, value in self._params.items()]
        return "; ".join(items)

    @property
    def headers(self) -> Headers:
        """Headers for a request with this body: a fresh object at each call."""
        return Headers({"Content-Type": [self.content_type]})

    @property
    def length(self) -> int | str:
        """Bytes of the whole body if every part's are known, else ``UNKNOWN_LENGTH``."""
        lengths = [part.length for part in self.parts]
        known = [length for length in lengths if isinstance(length, int)]
        if len(known) < len(lengths):
            return UNKNOWN_LENGTH
        heads = [part.part_headers() for part in self.parts]
        return self._serializer().length(zip(heads, known, strict=True))

    @property
    def replayable(self) -> bool:
        """Whether every part can be sent again."""
        return all(part.replayable for part in self.parts)

    def as_bytes(self) -> Deferred[bytes]:
        """The whole body in memory, for servers that want it so. It counts as sending it."""
        sink = MemorySink(UNLIMITED)
        done: Deferred[Any] = self.startProducing(sink)
        return done.addCallback(lambda _: sink.getvalue())

    def _serializer(self) -> MultipartSerializer:
        return MultipartSerializer(self.boundary, close_boundary=self._close_boundary)

    def _begin(self) -> None:
        """From here on nothing is appended, neither here nor to what is nested here."""
        for number, part in enumerate(self.parts, 1):
            with naming(number):
                part.check()  # now, rather than in the middle of the body
        self._begun = True

    def _make_source(self) -> Source:
        self._begin()
        self._source_in_use = PartsSource(self.parts, self._serializer())
        return self._source_in_use

    @property
    def _current(self) -> Payload | None:
        return self._source_in_use.part if self._source_in_use else None


class FormData(MultipartWriter):
    """A ``multipart/form-data`` body (RFC 7578), written as browsers write it."""

    def __init__(
        self, boundary: str | None = None, *, progress: ProgressCallback | None = None
    ) -> None:
        super().__init__("form-data", boundary, progress=progress)

    def add_field(
        self,
        name: str,
        value: object,
        *,
        content_type: str | None = None,
        headers: Any = None,
    ) -> Payload:
        """Append a field. Text has no Content-Type unless one is given (section 4.4)."""
        payload = payload_of(value)
        if not (isinstance(value, Payload) or payload.described):
            payload.headers.removeHeader("Content-Type")
        return self._add(payload, {"name": name}, content_type, headers)

    def add_file(
        self,
        name: str,
        source: object,
        *,
        filename: str | None = None,
        content_type: str | None = None,
        headers: Any = None,
    ) -> Payload:
        """Append a file: a path, an open file, or anything that can be a part.

        ``str`` and ``bytes`` are the content itself, never a path. The name is
        ``filename``, that of the path or file, or ``name``.
        """
        payload = payload_of(source)
        filename = filename or payload.filename or name
        disposition = {"name": name, "filename": filename}
        return self._add(payload, disposition, content_type, headers)

    def _add(
        self,
        payload: Payload,
        disposition: dict[str, str],
        content_type: str | None,
        headers: Any,
    ) -> Payload:
        if content_type is not None:
            payload.update_headers({"Content-Type": content_type})
        payload.set_content_disposition("form-data", **disposition)
        return self.append(payload, headers)

    def _describe(self, payload: Payload) -> None:
        """``add_field`` and ``add_file`` have said it all."""


class WriterPayload(DelegatingPayload):
    """A multipart inside a multipart; it may grow until sending begins."""

    def __init__(self, writer: MultipartWriter) -> None:
        kind = writer.content_type
        super().__init__(writer, writer._make_source, content_type=kind)
        self.writer = writer

    def check(self) -> None:
        """Raise as ``Payload.check`` does, for the parts within too."""
        super().check()
        self.writer._begin()


registerAdapter(WriterPayload, MultipartWriter, IPayload)
