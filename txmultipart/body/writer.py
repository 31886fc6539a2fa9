"""MultipartWriter and FormData: multipart bodies to be sent, as ``IBodyProducer``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from twisted.internet.defer import Deferred
from twisted.python.components import registerAdapter
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH

from txmultipart.body.checked_headers import HeadersGiven
from txmultipart.body.coded_source import encoders
from txmultipart.body.nested import (
    WriterPayload,
    check_nesting,
    check_one_shots,
    enclose,
)
from txmultipart.body.parts_source import PartsSource, naming
from txmultipart.body.payload import DelegatingPayload, Payload
from txmultipart.body.payloads import bytes_payload, payload_of, utf8
from txmultipart.body.producer import BodyProducer
from txmultipart.body.progress import ProgressCallback
from txmultipart.body.sinks import MemorySink
from txmultipart.errors import MisuseError
from txmultipart.interfaces import IPayload, Source
from txmultipart.limits import UNLIMITED
from txmultipart.sansio.boundary import boundary_parameter
from txmultipart.sansio.parameters import is_token, quoted_parameter
from txmultipart.sansio.serializer import MultipartSerializer


class MultipartWriter(BodyProducer):
    """A ``multipart/<subtype>`` body: append parts, then send it.

    ``boundary`` is made up unless given, ``params`` are further parameters of
    the Content-Type, ``close_boundary=False`` leaves the close delimiter out.
    ``progress`` is called with bytes so far, bytes in all or None, and the part
    under way. Parts are sent in the order in which they were appended.

    Raises ``MisuseError`` for a subtype or the name of a parameter that is no token, a
    value that no quoting can carry, and a boundary that is none, or among ``params``.
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
        if not is_token(subtype):
            raise MisuseError('a subtype is one token, such as "mixed"')
        self.subtype = subtype
        #: To be looked at, and taken out of; ``append`` alone puts something in.
        self.parts: list[Payload] = []
        self._depth = 1  # 1 for a body that is in no other
        #: Ids of what was appended; of what was taken out again, too.
        self._known: set[int] = set()
        self._params = _checked_params(params or {})
        self._close_boundary = close_boundary
        self._source_in_use: PartsSource | None = None
        self._begun = False
        self.boundary = MultipartSerializer(boundary).boundary

    # Parts ----------------------------------------------------------------------------

    def append(self, obj: object, headers: HeadersGiven = None) -> Payload:
        """Append ``obj`` as a part and return its payload, whose headers may be changed.

        It may be text, bytes, a file, a path, an iterable or asynchronous
        iterable of bytes, another writer, or anything that adapts to
        ``IPayload``. ``headers`` replace those of the payload; content codings
        and transfer encodings that they declare are applied. Raises
        ``MisuseError`` for anything else, for a header with CR, LF or NUL, a
        coding that nobody knows or a Content-Length that is not true, for a payload
        that is a part of this body already, for a writer in itself or more than
        ``nested.MAX_NESTING`` bodies in one another, and once sending has begun.
        """
        payload = self._made_ready(obj, headers)
        self.parts.append(payload)
        return payload

    def _made_ready(self, obj: object, headers: HeadersGiven) -> Payload:
        if self._begun:
            raise MisuseError("a part was appended after sending had begun")
        payload = payload_of(obj)
        self._check_new(payload)
        self._describe(payload)
        payload.update_headers(headers)
        if not isinstance(payload, DelegatingPayload):
            payload.check_headers()
        elif not payload.encoded:  # how long it is may still change
            encoders(payload.part_headers())
        self._known.add(id(payload))
        return payload

    def _check_new(self, payload: Payload) -> None:
        """Raise ``MisuseError`` if ``payload`` cannot be a part; else it knows how deep."""
        # Its headers are those of one part.
        known = id(payload) in self._known
        if known and any(part is payload for part in self.parts):
            raise MisuseError("the payload is a part of this body already")
        enclose(payload, self)

    def _describe(self, payload: Payload) -> None:
        """The headers that this kind of multipart wants by itself."""
        known = payload.headers.hasHeader("Content-Disposition")
        if payload.filename is not None and not known:
            payload.set_content_disposition("attachment", filename=payload.filename)

    def _inside(self) -> list[Payload]:
        """Every payload that is going to be a part, as far as that is known."""
        return self.parts

    def append_json(self, obj: Any, headers: HeadersGiven = None) -> Payload:
        """Append ``obj`` as JSON in UTF-8. Raises what ``json.dumps`` raises."""
        payload = bytes_payload(utf8(json.dumps(obj, ensure_ascii=False)))
        payload.headers.setRawHeaders("Content-Type", ["application/json"])
        return self.append(payload, headers)

    def append_form(
        self,
        pairs: Mapping[str, str] | Iterable[tuple[str, str]],
        headers: HeadersGiven = None,
    ) -> Payload:
        """Append ``pairs`` as ``application/x-www-form-urlencoded``."""
        items = pairs.items() if isinstance(pairs, Mapping) else pairs
        content = urlencode([(_bytes(name), _bytes(value)) for name, value in items])
        payload = bytes_payload(content.encode("ascii"))
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
        check_nesting(self.parts, self._depth)
        lengths = [part.length for part in self.parts]
        known = [length for length in lengths if isinstance(length, int)]
        if len(known) < len(lengths):
            return UNKNOWN_LENGTH
        heads = [part.part_headers() for part in self.parts]
        return self._serializer().length(zip(heads, known, strict=True))

    @property
    def replayable(self) -> bool:
        """Whether every part can be sent again."""
        check_nesting(self.parts, self._depth)
        return all(part.replayable for part in self.parts)

    def as_bytes(self) -> Deferred[bytes]:
        """The whole body in memory, for servers that want it so. It counts as sending it."""
        sink = MemorySink(UNLIMITED)
        done: Deferred[Any] = self.startProducing(sink)
        return done.addCallback(lambda _: sink.getvalue())

    def __repr__(self) -> str:
        parts = f"{len(self.parts)} part{'s' * (len(self.parts) != 1)}"
        kind = f"{type(self).__name__} multipart/{self.subtype}"
        return f"<{kind}, {parts}, {self.state.value}>"

    def _serializer(self) -> MultipartSerializer:
        return MultipartSerializer(self.boundary, close_boundary=self._close_boundary)

    def _begin(self) -> None:
        """From here on nothing is appended, neither here nor to what is nested here."""
        for number, part in enumerate(self.parts, 1):
            with naming(number):
                part.check()  # now, rather than in the middle of the body
        self._begun = True

    def give_up(self) -> None:
        """Tell every part that its turn does not come any more, if it has not."""
        for part in self.parts:
            part.give_up()

    def make_source(self) -> Source:
        """The parts, and what stands between them. Raises what ``startProducing`` raises."""
        check_nesting(self.parts, self._depth)
        check_one_shots(self.parts)
        self._begin()
        self._source_in_use = PartsSource(self.parts, self._serializer())
        return self._source_in_use

    @property
    def _current(self) -> Payload | None:
        return self._source_in_use.part if self._source_in_use else None


class FormData(MultipartWriter):
    """A ``multipart/form-data`` body (RFC 7578), written as browsers write it.

    ``fields`` are names and values for ``add_field``.
    """

    def __init__(
        self,
        boundary: str | None = None,
        *,
        fields: Mapping[str, object] | Iterable[tuple[str, object]] = (),
        progress: ProgressCallback | None = None,
    ) -> None:
        super().__init__("form-data", boundary, progress=progress)
        items = fields.items() if isinstance(fields, Mapping) else fields
        for name, value in items:
            self.add_field(name, value)

    def add_field(
        self,
        name: str,
        value: object,
        *,
        filename: str | None = None,
        content_type: str | None = None,
        headers: HeadersGiven = None,
    ) -> Payload:
        """Append a field. ``str`` and ``bytes`` have no Content-Type unless one is given.

        It is text then (RFC 7578 section 4.4), and some servers take what has one for a
        file. A path or an open file keeps its name, unless ``filename`` is given. Raises
        what ``append`` raises, and ``MisuseError`` for a ``name`` that is no text.
        """
        payload = payload_of(value)
        self._check_new(payload)
        if isinstance(value, (str, bytes, bytearray, memoryview)):
            payload.headers.removeHeader("Content-Type")
        filename = filename or payload.filename
        return self._add(payload, name, filename, content_type, headers)

    def add_file(
        self,
        name: str,
        source: object,
        *,
        filename: str | None = None,
        content_type: str | None = None,
        headers: HeadersGiven = None,
    ) -> Payload:
        """Append a file: a path, an open file, or anything that can be a part.

        ``str`` and ``bytes`` are the content itself, never a path. The name is
        ``filename``, that of the path or file, or ``name``.
        """
        payload = payload_of(source)
        self._check_new(payload)
        filename = filename or payload.filename or name
        return self._add(payload, name, filename, content_type, headers)

    def _add(
        self,
        payload: Payload,
        name: str,
        filename: str | None,
        content_type: str | None,
        headers: HeadersGiven,
    ) -> Payload:
        if not isinstance(name, str):
            raise MisuseError(f"a field's name is a str, not {type(name).__name__}")
        names = {"name": name} | ({} if filename is None else {"filename": filename})
        if content_type is not None:
            payload.update_headers({"Content-Type": content_type})
        payload.set_content_disposition("form-data", **names)
        return self.append(payload, headers)

    def _describe(self, payload: Payload) -> None:
        """``add_field`` and ``add_file`` have said it all."""

    def _begin(self) -> None:
        """Every part of a form has a name (RFC 7578 section 4.2)."""
        for number, part in enumerate(self.parts, 1):
            if not part.headers.hasHeader("Content-Disposition"):
                message = "a form's part needs a name: use add_field or add_file"
                raise MisuseError(message, part=number)
        super()._begin()


def _checked_params(params: Mapping[str, str]) -> dict[str, str]:
    for name, value in params.items():
        quoted_parameter(name, value)
        if name.lower() == "boundary":
            raise MisuseError("a boundary is given as such, not among the parameters")
    return dict(params)


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else utf8(str(value))


registerAdapter(WriterPayload, MultipartWriter, IPayload)
