"""What we send is understood by whoever parses it: the same fields, files and bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, cast

import multipart  # type: ignore[import-untyped]
import pytest
from python_multipart import FormParser
from python_multipart.multipart import File, parse_options_header
from requests_toolbelt import MultipartDecoder  # type: ignore[import-untyped]
from twisted.internet.defer import execute
from twisted.web.resource import Resource
from twisted.web.server import Site
from werkzeug.formparser import parse_form_data

from tests.body.doubles import Downstream, value_of
from tests.web.wire import Wire, chunks, request_bytes
from txmultipart.body import sources
from txmultipart.body.writer import FormData, MultipartWriter
from txmultipart.sansio import parse_content_disposition

CONTENT = bytes(range(256)) * 300
NAMES = ["plain", "žluť", "日本語", "semi;colon", "back\\slash", "a b"]

#: Name, value or content, and file name (None: it is a field).
Entry = tuple[str, bytes, str | None]
ENTRIES: list[Entry] = [
    *((name, f"value of {name}\r\n--b".encode(), None) for name in NAMES),
    ("again", b"1", None),
    ("file", CONTENT, "a b.png"),
    ("again", b"", None),
    ("empty", b"", "empty"),
    ("žluť", CONTENT[::-1], "žluť.bin"),
]
#: With a quote, which not everybody reads as browsers write it.
QUOTED: Entry = ("quo", b"x", 'a "b".png')


def make_form(*entries: Entry) -> FormData:
    """A form of ours."""
    form = FormData()
    for name, data, filename in entries:
        if filename is None:
            form.add_field(name, data.decode())
        else:
            form.add_file(name, data, filename=filename)
    return form


def by_werkzeug(kind: str, data: bytes) -> list[Entry]:
    """As Flask's ``request.form`` and ``request.files``."""
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": kind,
        "CONTENT_LENGTH": str(len(data)),
        "wsgi.input": io.BytesIO(data),
    }
    _, form, files = parse_form_data(cast(Any, environ))
    told: list[Entry] = [(n, v.encode(), None) for n, v in form.items(multi=True)]
    for name, file in files.items(multi=True):
        told.append((name, file.read(), file.filename))
        file.close()
    return told


def by_python_multipart(kind: str, data: bytes) -> list[Entry]:
    """As Starlette's and FastAPI's."""
    told: list[Entry] = []

    def on_field(field: Any) -> None:
        told.append((field.field_name.decode(), field.value or b"", None))

    def on_file(file: File) -> None:
        file.file_object.seek(0)
        content = file.file_object.read()
        file.close()
        assert file.field_name is not None
        assert file.file_name is not None
        told.append((file.field_name.decode(), content, file.file_name.decode()))

    boundary = parse_options_header(kind)[1][b"boundary"]
    config = {"MAX_MEMORY_FILE_SIZE": 1 << 30}
    parser = FormParser(
        "multipart/form-data",
        on_field,
        cast(Any, on_file),
        boundary=boundary,
        config=cast(Any, config),
    )
    parser.write(data)
    parser.finalize()
    return told


def by_multipart(kind: str, data: bytes) -> list[Entry]:
    """As Bottle's, and that of Twisted's cgi successor."""
    boundary = multipart.parse_options_header(kind)[1]["boundary"]
    parser = multipart.MultipartParser(io.BytesIO(data), boundary, strict=True)
    parts = [(part.name, part.raw, part.filename) for part in parser.parts()]
    for part in parser.parts():
        part.close()
    return parts


def by_toolbelt(kind: str, data: bytes) -> list[Entry]:
    """As requests-toolbelt reads an answer."""
    parts = MultipartDecoder(data, kind).parts
    entries = []
    for part in parts:
        value = part.headers[b"Content-Disposition"].decode()
        params = parse_content_disposition(value)[1]
        entries.append((params["name"], part.content, params.get("filename")))
    return entries


def by_email(kind: str, data: bytes) -> list[Entry]:
    """As Python's own reader of MIME."""
    head = b"Content-Type: " + kind.encode() + b"\r\n\r\n"
    message = BytesParser(EmailMessage, policy=HTTP).parsebytes(head + data)
    assert message.is_multipart()
    assert not message.defects
    return [entry_of(part) for part in cast(list[Message], message.get_payload())]


def entry_of(part: Message) -> Entry:
    name = cast(str, part.get_param("name", header="content-disposition"))
    filename = cast(
        "str | None", part.get_param("filename", None, "content-disposition")
    )
    return name, cast(bytes, part.get_payload(decode=True)), filename


PARSERS: dict[str, Callable[[str, bytes], list[Entry]]] = {
    "werkzeug": by_werkzeug,
    "python-multipart": by_python_multipart,
    "multipart": by_multipart,
    "requests-toolbelt": by_toolbelt,
}


def fields_first(entries: list[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: entry[2] is not None)


@pytest.mark.parametrize("name", PARSERS)
def test_a_form_is_understood(name: str) -> None:
    form = make_form(*ENTRIES)
    told = PARSERS[name](form.content_type, value_of(form.as_bytes()))
    if name != "werkzeug":
        assert told == ENTRIES
        return
    # It keeps fields and files apart, and takes the backslash of browsers for an escape.
    expected = [(n.replace("\\", ""), data, file) for n, data, file in ENTRIES]
    assert told == fields_first(expected)


def test_a_quote_in_a_name_is_written_as_browsers_write_it() -> None:
    form = make_form(QUOTED)
    data = value_of(form.as_bytes())
    assert b'filename="a %22b%22.png"' in data
    told = {name: parse(form.content_type, data) for name, parse in PARSERS.items()}
    # Those that do not know it show it; nothing breaks out of its quotes.
    names = {name: entries[0][2] for name, entries in told.items()}
    assert set(names.values()) <= {'a "b".png', "a %22b%22.png"}


def test_one_that_streams_understands_it() -> None:
    form = make_form(("file", CONTENT, "a.bin"), ("field", b"1", None))
    # Not built beforehand for every machine.
    package = pytest.importorskip("streaming_form_data")
    targets = pytest.importorskip("streaming_form_data.targets")
    parser = package.StreamingFormDataParser({"Content-Type": form.content_type})
    file = targets.ValueTarget()
    field = targets.ValueTarget()
    parser.register("file", file)
    parser.register("field", field)
    consumer: Any = Downstream()
    value_of(form.startProducing(consumer))
    for piece in consumer.pieces:
        parser.data_received(piece)
    assert file.value == CONTENT
    assert file.multipart_filename == "a.bin"
    assert field.value == b"1"


# Twisted's own -----------------------------------------------------------------------


class Args(Resource):
    """Keeps what Twisted makes of a form."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.args: dict[bytes, list[bytes]] = {}

    def render_POST(self, request: Any) -> bytes:
        self.args = request.args
        return b""


@pytest.mark.parametrize("sized", [True, False], ids=["sized", "chunked"])
def test_twisteds_own_args(sized: bool) -> None:
    # Names beyond ASCII it cannot read, whoever wrote them.
    entries = [entry for entry in ENTRIES if entry[0].isascii()]
    form, resource = make_form(*entries), Args()
    consumer: Any = Downstream()
    value_of(form.startProducing(consumer))
    kind = f"Content-Type: {form.content_type}"
    if sized:
        request = request_bytes("POST", "/", consumer.data, kind)
    else:
        head = request_bytes("POST", "/", None, kind, "Transfer-Encoding: chunked")
        request = head + chunks(*consumer.pieces)
    assert Wire(resource, Site).send(request).answer.status == 200
    expected: dict[bytes, list[bytes]] = {}
    for name, data, _ in entries:
        expected.setdefault(name.encode(), []).append(data)
    assert resource.args == expected


# Codings, and what is nested ---------------------------------------------------------


def test_mail_readers_undo_our_codings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "deferToThread", execute)
    writer = MultipartWriter()
    for transfer in ("base64", "quoted-printable", "8bit"):
        content = b"text = \t \r\n" * 99 if transfer == "8bit" else CONTENT
        headers = {
            "Content-Transfer-Encoding": transfer,
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; name="{transfer}"; filename="f"',
        }
        writer.append(io.BytesIO(content), headers)
    told = by_email(writer.content_type, value_of(writer.as_bytes()))
    assert told[0] == ("base64", CONTENT, "f")
    assert told[1] == ("quoted-printable", CONTENT, "f")
    assert told[2][1].strip() == (b"text = \t \r\n" * 99).strip()


def test_mail_readers_see_what_is_nested() -> None:
    outer, inner = MultipartWriter(), MultipartWriter("alternative")
    outer.append("before")
    outer.append(inner)
    inner.append("plain")
    inner.append("<b>", {"Content-Type": "text/html; charset=utf-8"})
    head = b"Content-Type: " + outer.content_type.encode() + b"\r\n\r\n"
    data = head + value_of(outer.as_bytes())
    message = BytesParser(EmailMessage, policy=HTTP).parsebytes(data)
    before, nested = message.iter_parts()
    assert before.get_content() == "before"
    assert nested.get_content_type() == "multipart/alternative"
    assert [part.get_content() for part in nested.iter_parts()] == ["plain", "<b>"]
