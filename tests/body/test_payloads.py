"""Payloads: what a part can be made of, its headers, and how often it can be sent."""

from __future__ import annotations

import io
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.python.components import registerAdapter
from twisted.python.filepath import FilePath
from twisted.web.http_headers import Headers
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.body.doubles import Downstream
from txmultipart.body.payload import DEFAULT_TYPE, Payload
from txmultipart.body.payloads import payload_of
from txmultipart.body.producer import RawBody
from txmultipart.body.sources import BytesSource
from txmultipart.body.writer import FormData, MultipartWriter
from txmultipart.errors import MisuseError, PayloadError
from txmultipart.interfaces import IPayload, Source

TEXT = "žluť"
DATA = TEXT.encode()


async def sent(payload: object) -> bytes:
    """What is sent of a payload."""
    consumer = Downstream()
    await RawBody(payload).startProducing(cast(Any, consumer))
    return consumer.data


class Kit:
    """Makes things that can be sent, and closes what has to be closed."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "photo.jpg"
        self.path.write_bytes(DATA)
        self.files: list[Any] = []

    def opened(self, start: int = 0) -> BinaryIO:
        file = self.path.open("rb")
        file.seek(start)
        self.files.append(file)
        return file

    def temporary(self) -> Any:
        file = tempfile.NamedTemporaryFile(suffix=".jpg")  # noqa: SIM115
        self.files.append(file)
        file.write(DATA)
        file.seek(0)
        return file

    def pipe(self) -> BinaryIO:
        reading, writing = os.pipe()
        os.write(writing, DATA)
        os.close(writing)
        self.files.append(file := os.fdopen(reading, "rb"))
        return file

    async def later(self) -> AsyncIterator[bytes]:
        yield DATA[:2]
        yield await succeed(DATA[2:])

    def pieces(self) -> Iterator[bytes]:
        yield DATA[:2]
        yield DATA[2:]


class Again:
    """An asynchronous iterable that can be gone through again."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._pieces()

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield DATA


@pytest.fixture
def kit(tmp_path: Path) -> Iterator[Kit]:
    kit = Kit(tmp_path)
    yield kit
    for file in kit.files:
        file.close()


TEXT_TYPE = "text/plain; charset=utf-8"
JPEG = "image/jpeg"
Row = tuple[Callable[[Kit], object], Any, str, Any, bool]

# What is given, and its length (None: that of DATA), type, file name, replayable.
KINDS: dict[str, Row] = {
    "text": (lambda kit: TEXT, None, TEXT_TYPE, None, True),
    "bytes": (lambda kit: DATA, None, DEFAULT_TYPE, None, True),
    "bytearray": (lambda kit: bytearray(DATA), None, DEFAULT_TYPE, None, True),
    "memoryview": (lambda kit: memoryview(DATA), None, DEFAULT_TYPE, None, True),
    "path": (lambda kit: kit.path, None, JPEG, "photo.jpg", True),
    "FilePath": (lambda kit: FilePath(str(kit.path)), None, JPEG, "photo.jpg", True),
    "FilePath of bytes": (
        lambda kit: FilePath(os.fsencode(kit.path)),
        None,
        JPEG,
        "photo.jpg",
        True,
    ),
    "open file": (lambda kit: kit.opened(), None, JPEG, "photo.jpg", True),
    "temporary file": (lambda kit: kit.temporary(), None, JPEG, ..., True),
    "file in memory": (lambda kit: io.BytesIO(DATA), None, DEFAULT_TYPE, None, True),
    "pipe": (lambda kit: kit.pipe(), UNKNOWN_LENGTH, DEFAULT_TYPE, None, False),
    "list": (lambda kit: [DATA, b""], UNKNOWN_LENGTH, DEFAULT_TYPE, None, True),
    "generator": (lambda kit: kit.pieces(), UNKNOWN_LENGTH, DEFAULT_TYPE, None, False),
    "async generator": (
        lambda kit: kit.later(),
        UNKNOWN_LENGTH,
        DEFAULT_TYPE,
        None,
        False,
    ),
    "async iterable": (lambda kit: Again(), UNKNOWN_LENGTH, DEFAULT_TYPE, None, True),
}
each_kind = pytest.mark.parametrize(
    ("make", "length", "kind", "filename", "again"), KINDS.values(), ids=KINDS
)


@each_kind
async def test_everything_that_can_be_sent(
    make: Callable[[Kit], object],
    length: Any,
    kind: str,
    filename: Any,
    again: bool,
    kit: Kit,
) -> None:
    payload = payload_of(make(kit))
    verifyObject(IPayload, payload)
    assert payload.length == (len(DATA) if length is None else length)
    assert payload.headers.getRawHeaders("Content-Type") == [kind]
    assert filename in (payload.filename, ...)
    assert payload.replayable == again
    assert await sent(payload) == DATA
    if again:
        assert await sent(payload) == DATA
    else:
        with pytest.raises(PayloadError, match="only once") as caught:
            payload.open()
        assert caught.value.code == "consumed"
    assert all(not file.closed for file in kit.files)


def test_a_payload_is_itself() -> None:
    payload = payload_of(b"a")
    assert payload_of(payload) is payload


async def test_a_file_is_sent_from_where_it_stands(kit: Kit) -> None:
    payload = payload_of(file := kit.opened(2))
    assert payload.length == len(DATA) - 2
    for _ in range(2):
        assert await sent(payload) == DATA[2:]
    file.seek(0, 2)
    assert payload_of(file).length == 0


def test_a_file_behind_its_end_has_nothing(kit: Kit) -> None:
    assert payload_of(kit.opened(100)).length == 0


def text_files(kit: Kit) -> Iterator[Any]:
    yield io.StringIO("text")
    yield kit.path.open(encoding="utf-8")
    yield tempfile.NamedTemporaryFile("w+")  # noqa: SIM115
    yield tempfile.SpooledTemporaryFile(mode="w+")  # noqa: SIM115


def test_a_file_of_text_is_refused_at_once(kit: Kit) -> None:
    for file in text_files(kit):
        kit.files.append(file)
        with pytest.raises(MisuseError, match='open it with "rb"'):
            payload_of(file)


def test_a_file_that_is_closed_is_refused_at_once(kit: Kit) -> None:
    for file in (kit.opened(), kit.temporary(), io.BytesIO()):
        file.close()
        with pytest.raises(MisuseError, match="closed"):
            payload_of(file)


def test_a_file_that_cannot_be_read_is_refused_at_once(kit: Kit) -> None:
    kit.files.append(file := kit.path.open("ab"))
    with pytest.raises(MisuseError, match="only written"):
        payload_of(file)


async def test_a_file_that_is_closed_before_it_is_sent(kit: Kit) -> None:
    writer = MultipartWriter()
    writer.append(b"first")
    writer.append(file := kit.opened())
    file.close()
    with pytest.raises(PayloadError, match=r"closed too early \(part 2\)"):
        await writer.as_bytes()


def test_folders_pipes_and_sockets_have_no_content(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "socket"))
        for kind in ("folder", "pipe", "socket"):
            for path in (tmp_path / kind, FilePath(str(tmp_path / kind))):
                with pytest.raises(MisuseError, match=f"a {kind} cannot be sent"):
                    payload_of(path)


async def test_a_device_has_no_size() -> None:
    payload = payload_of(Path("/dev/null"))
    assert (payload.length, payload.replayable) == (UNKNOWN_LENGTH, False)
    assert await sent(payload) == b""


def test_what_was_not_waited_for_is_no_content() -> None:
    async def coroutine() -> bytes:
        return b""

    waiting = coroutine()
    for thing in (succeed(b"a"), Deferred[bytes](), waiting):
        with pytest.raises(MisuseError, match="await it first"):
            payload_of(thing)
        with pytest.raises(MisuseError, match="await it first"):
            FormData().add_field("a", thing)
    waiting.close()


def test_a_file_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        payload_of(tmp_path / "none")


def test_a_number_is_text_if_its_sender_says_so() -> None:
    with pytest.raises(MisuseError, match=r"an int cannot be .* use str\(\)"):
        FormData().add_field("n", 5)


@pytest.mark.parametrize(
    "thing", [7, None, object(), {"a": b"b"}], ids=["int", "none", "object", "dict"]
)
def test_what_cannot_be_sent(thing: object) -> None:
    with pytest.raises(
        MisuseError, match=rf"^an? {type(thing).__name__} cannot be sent"
    ):
        payload_of(thing)


# One's own ---------------------------------------------------------------------------


class Point:
    """Something of somebody else's."""


@implementer(IPayload)
class PointPayload:
    """As little as ``IPayload`` asks for."""

    length = 3
    replayable = True

    def __init__(self, point: Point) -> None:
        self.headers = Headers({"Content-Type": ["x/point"]})

    def open(self) -> Source:
        return BytesSource(b"1,2")


registerAdapter(PointPayload, Point, IPayload)


async def test_ones_own_types_can_be_adapted() -> None:
    payload = payload_of(Point())
    assert (payload.length, payload.replayable, payload.filename) == (3, True, None)
    assert await sent(payload) == await sent(Point()) == b"1,2"
    payload.set_content_disposition("attachment", filename="p")
    with MultipartWriter(boundary="b") as writer:
        writer.append(Point(), {"X": "y"})
    assert await writer.as_bytes() == (
        b"--b\r\nContent-Type: x/point\r\nX: y\r\n\r\n1,2\r\n--b--\r\n"
    )


async def test_what_is_adapted_is_coded_too_and_keeps_its_type_in_a_form() -> None:
    form = FormData("b")
    form.add_field("p", Point(), headers={"Content-Transfer-Encoding": "base64"})
    assert (form.length, form.replayable) == (len(await form.as_bytes()), True)
    assert await form.as_bytes() == (
        b'--b\r\nContent-Disposition: form-data; name="p"\r\nContent-Type: x/point\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\nMSwy\r\n--b--\r\n"
    )


def test_what_is_adapted_may_have_a_name() -> None:
    class Named(Point):
        pass

    class NamedPayload(PointPayload):
        filename = "p.txt"

    registerAdapter(NamedPayload, Named, IPayload)
    payload = FormData().add_field("p", Named())
    assert b'filename="p.txt"' in dict(raw(payload))[b"Content-Disposition"]


def test_an_adapter_that_gives_a_payload_gives_it_as_it_is() -> None:
    class Special:
        payload = Payload(lambda: BytesSource(b"a"))

    registerAdapter(lambda special: special.payload, Special, IPayload)
    assert payload_of(Special()) is Special.payload


def test_a_payload_may_have_no_type() -> None:
    payload = Payload(lambda: BytesSource(b"a"), content_type=None)
    assert payload.part_headers().raw == ()
    assert (payload.length, payload.replayable) == (UNKNOWN_LENGTH, False)


# Headers -----------------------------------------------------------------------------


def raw(payload: Payload) -> list[tuple[bytes, bytes]]:
    return list(payload.part_headers().raw)


DISPOSITIONS: dict[str, tuple[str, dict[str, str], bytes]] = {
    "bare": ("inline", {}, b"inline"),
    "form": (
        "form-data",
        {"name": 'a"b\r\n', "filename": "\\c"},
        b'form-data; name="a%22b%0D%0A"; filename="\\c"',
    ),
    "other": (
        "attachment",
        {"filename": 'a"b\\c'},
        b'attachment; filename="a\\"b\\\\c"',
    ),
    "utf-8": ("form-data", {"name": "ž"}, 'form-data; name="ž"'.encode()),
}


@pytest.mark.parametrize(
    ("disposition", "params", "value"), DISPOSITIONS.values(), ids=DISPOSITIONS
)
def test_a_disposition_is_escaped(
    disposition: str, params: dict[str, str], value: bytes
) -> None:
    payload = payload_of(b"")
    payload.set_content_disposition(disposition, **params)
    assert raw(payload)[0] == (b"Content-Disposition", value)


EVIL = "x\r\nEvil: 1"


@pytest.mark.parametrize(
    ("disposition", "params"),
    [
        ("attachment", {"filename": "a\r\nb"}),
        ("attachment", {"filename": "\udcff"}),
        ("form-data", {"filename": "\udcff"}),
        ("form-data", {"name": 7}),
        (EVIL, {}),
        ("\udcff", {}),
        ("", {}),
        ('form-data; name="a"', {}),
        ("attachment", {EVIL: "v"}),
        ("form-data", {EVIL: "v"}),
        ("attachment", {'a"; x': "v"}),
    ],
)
def test_what_no_escaping_can_carry_is_refused(disposition: str, params: Any) -> None:
    payload = payload_of(b"")
    before = raw(payload)
    with pytest.raises(MisuseError):
        payload.set_content_disposition(disposition, **params)
    assert raw(payload) == before


def test_a_type_that_would_break_out_is_refused() -> None:
    with pytest.raises(MisuseError):
        Payload(lambda: BytesSource(b""), content_type=EVIL)
    with pytest.raises(MisuseError):
        FormData().add_field("a", "b", content_type=EVIL)


def test_text_that_utf_8_cannot_express_is_refused() -> None:
    writer, form = MultipartWriter(), FormData()
    for append in (
        lambda: writer.append("\udcff"),
        lambda: writer.append_json("\udcff"),
        lambda: writer.append_form({"a": "\udcff"}),
        lambda: form.add_field("\udcff", "a"),
        lambda: form.add_field("a", "\udcff"),
        lambda: form.add_file("a", b"", filename="\udcff"),
    ):
        with pytest.raises(MisuseError, match="lone surrogate"):
            append()
    assert not [*writer.parts, *form.parts]


def test_a_promise_is_made_of_what_there_is_before_coding() -> None:
    payload = payload_of(b"abc")
    payload.update_headers({"Content-Transfer-Encoding": "base64"})
    payload.size = payload.size
    assert (payload.size, payload.length) == (3, 4)
    payload.length = 6
    assert (payload.size, payload.length) == (6, 8)


def test_what_it_is_can_be_read() -> None:
    payload = FormData().add_field("a", "b", content_type="x/y")
    assert repr(payload) == '<Payload, x/y, form-data; name="a", size 1>'
    untyped = Payload(lambda: BytesSource(b"a"), content_type=None)
    assert repr(untyped) == "<Payload, no type, size twisted.web.iweb.UNKNOWN_LENGTH>"


UPDATES: dict[str, Any] = {
    "mapping": {"content-type": "a/b", "X": "1"},
    "pairs": [("Content-Type", "a/b"), (b"X", b"1")],
    "Headers": Headers({"content-type": ["a/b"], "X": ["1"]}),
}


@pytest.mark.parametrize("headers", UPDATES.values(), ids=UPDATES)
def test_headers_are_replaced_by_those_given(headers: Any) -> None:
    payload = payload_of(b"")
    payload.update_headers(headers)
    assert raw(payload) == [(b"Content-Type", b"a/b"), (b"X", b"1")]
    payload.update_headers(None)
    assert len(raw(payload)) == 2


def test_a_header_may_come_twice() -> None:
    payload = payload_of(b"")
    payload.update_headers([("X", "1"), ("x", "2")])
    assert payload.headers.getRawHeaders("X") == ["1", "2"]


BAD_HEADERS: dict[str, Any] = {
    "CR": {"X": "a\rb"},
    "LF": {"X": "a\nX-Evil: 1"},
    "NUL": {"X": "a\0b"},
    "a name that is none": {"X Y": "a"},
    "LF in a name": {"X\n": "a"},
    "a number": {"X": 5},
    "nought": {"Content-Length": 0},
    "nothing": {"X": None},
    "a bytearray": {"X": bytearray(b"a")},
    "a name that is a number": {5: "a"},
    "no pairs": ["5"],
    "no headers at all": 5,
}


@pytest.mark.parametrize("headers", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_headers_that_would_break_out_are_refused_at_the_call(headers: Any) -> None:
    payload = payload_of(b"")
    before = raw(payload)
    with pytest.raises(MisuseError) as caught:
        payload.update_headers(headers)
    assert caught.value.code == "bad-header"
    assert raw(payload) == before
    with pytest.raises(MisuseError):
        MultipartWriter().append(b"", headers)
