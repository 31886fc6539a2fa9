"""MultipartWriter and FormData: what is written, how long it is, and whose fault it is."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed
from twisted.web.iweb import UNKNOWN_LENGTH, IBodyProducer
from zope.interface.verify import verifyObject

from tests.body.doubles import (
    Downstream,
    Outcome,
    error_of,
    next_of,
    untimed,
    value_of,
)
from txmultipart.body.mixed_replace import MixedReplaceWriter
from txmultipart.body.payload import DelegatingPayload, Payload
from txmultipart.body.payloads import payload_of
from txmultipart.body.producer import RawBody
from txmultipart.body.reader import MultipartReader
from txmultipart.body.sources import BytesSource, FileSource
from txmultipart.body.writer import FormData, MultipartWriter
from txmultipart.errors import MisuseError, PayloadError


def written(writer: MultipartWriter) -> bytes:
    """The whole, of parts that are here."""
    return value_of(writer.as_bytes())


# What is written ---------------------------------------------------------------------


def test_parts_in_order() -> None:
    writer = MultipartWriter("mixed", "b")
    with writer as same:
        assert same is writer
        first = writer.append("a")
        writer.append(b"b", {"Content-Type": "x/y", "X": "z"})
    assert writer.parts[0] is first
    length = writer.length
    assert written(writer) == (
        b"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\na\r\n"
        b"--b\r\nContent-Type: x/y\r\nX: z\r\n\r\nb\r\n"
        b"--b--\r\n"
    )
    assert length == len(written(writer))


def test_no_parts() -> None:
    assert written(writer := MultipartWriter(boundary="b")) == b"--b--\r\n"
    assert writer.length == 7


def test_a_close_delimiter_may_be_left_out() -> None:
    writer = MultipartWriter(boundary="b", close_boundary=False)
    assert (written(writer), writer.length) == (b"", 0)
    writer = MultipartWriter(boundary="b", close_boundary=False)
    writer.append(b"a", {"Content-Type": "x/y"})
    assert written(writer) == b"--b\r\nContent-Type: x/y\r\n\r\na\r\n"
    assert writer.length == len(written(writer))


def test_it_is_what_it_says() -> None:
    writer = MultipartWriter("related", "b c", params={"start": '<"a">'})
    verifyObject(IBodyProducer, writer)
    kind = 'multipart/related; boundary="b c"; start="<\\"a\\">"'
    assert writer.content_type == kind
    assert writer.headers.getRawHeaders("content-type") == [kind]
    assert writer.headers is not writer.headers
    # treq drops a body that is not true.
    assert MultipartWriter()
    assert not hasattr(MultipartWriter, "__len__")


def test_a_boundary_is_made_up() -> None:
    assert MultipartWriter().boundary != MultipartWriter().boundary


EVIL = "x\r\nEvil: 1"


@pytest.mark.parametrize(
    "params",
    [
        {EVIL: "v"},
        {"a=1; q": "v"},
        {"": "v"},
        {"v": EVIL},
        {"v": "\udcff"},
        {"v": 1},
        {"boundary": "other"},
        {"Boundary": "other"},
    ],
)
def test_parameters_cannot_break_out(params: Any) -> None:
    with pytest.raises(MisuseError):
        MultipartWriter("mixed", "b", params=params)


def test_what_it_is_can_be_read() -> None:
    form = FormData("b", fields={"a": "1"})
    assert repr(form) == "<FormData multipart/form-data, 1 part, idle>"
    assert repr(RawBody("a")) == (
        "<RawBody idle, <Payload, text/plain; charset=utf-8, size 1>>"
    )
    assert repr(MixedReplaceWriter()) == "<MixedReplaceWriter open, 0 frames>"


@pytest.mark.parametrize("subtype", ["", "a b", "a/b", "a\r\nX: y", "multipart/mixed"])
def test_a_subtype_is_one_token(subtype: str) -> None:
    with pytest.raises(MisuseError, match='one token, such as "mixed"'):
        MultipartWriter(subtype)


def test_a_boundary_that_breaks_out_is_refused() -> None:
    with pytest.raises(MisuseError):
        MultipartWriter(boundary="a\r\nb")


def test_json() -> None:
    writer = MultipartWriter()
    payload = writer.append_json({"a": "ž"}, {"X": "y"})
    assert payload.headers.getRawHeaders("Content-Type") == ["application/json"]
    content = written(writer).split(b"\r\n\r\n")[1].split(b"\r\n")[0]
    assert json.loads(content) == {"a": "ž"}


@pytest.mark.parametrize("pairs", [{"a": "ž &", "b": ""}, [("a", "ž &"), ("b", "")]])
def test_a_form(pairs: Any) -> None:
    writer = MultipartWriter()
    payload = writer.append_form(pairs)
    kind = ["application/x-www-form-urlencoded"]
    assert payload.headers.getRawHeaders("Content-Type") == kind
    assert b"\r\n\r\na=%C5%BE+%26&b=\r\n" in written(writer)


def test_a_file_says_its_name(tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_bytes(b"")
    payload = MultipartWriter().append(tmp_path / "a b.txt")
    assert payload.part_headers().raw == (
        (b"Content-Disposition", b'attachment; filename="a b.txt"'),
        (b"Content-Type", b"text/plain"),
    )


def test_headers_may_be_changed_until_it_is_sent() -> None:
    writer = MultipartWriter(boundary="b")
    writer.append(b"").headers.setRawHeaders("Content-Type", ["x/y"])
    assert writer.length == len(written(writer))
    assert b"Content-Type: x/y\r\n" in written(writer)


def test_nested() -> None:
    inner = MultipartWriter("mixed", "i")
    inner.append(b"a")
    outer = MultipartWriter("mixed", "o")
    payload = outer.append(inner)
    assert payload.length == inner.length
    assert kind_of(payload) == [inner.content_type]
    assert written(inner) in written(outer)
    assert outer.length == len(written(outer))


def test_what_was_received_can_be_sent_on() -> None:
    reader = MultipartReader("multipart/mixed; boundary=b")
    reader.write(b"--b\r\n\r\ncontent\r\n--b--\r\n")
    writer = MultipartWriter(boundary="c")
    writer.append(next_of(reader))
    assert b"\r\n\r\ncontent\r\n" in written(writer)
    assert not writer.replayable


# What is nested ----------------------------------------------------------------------


def test_what_is_nested_may_grow_until_sending_begins() -> None:
    inner, outer = MultipartWriter(boundary="i"), MultipartWriter(boundary="o")
    payload = outer.append(inner)
    inner.append(b"a")
    deep = MultipartWriter(boundary="d")
    inner.append(deep)
    deep.append(b"b")
    length = outer.length
    assert payload.length == inner.length
    assert len(written(outer)) == length
    for writer in (inner, deep):
        with pytest.raises(MisuseError, match="after sending had begun"):
            writer.append(b"late")
    assert len(written(outer)) == length


def test_what_is_nested_says_whether_it_can_be_sent_again_when_asked() -> None:
    inner, outer = MultipartWriter(), MultipartWriter()
    outer.append(b"first")
    outer.append(inner)
    assert outer.replayable
    inner.append(b"first")
    inner.append(iter([b"once"]))
    assert not outer.replayable
    assert outer.length == UNKNOWN_LENGTH
    written(outer)
    with pytest.raises(PayloadError) as caught:
        outer.startProducing(cast(Any, consumer := Downstream()))
    assert (caught.value.code, consumer.data) == ("consumed", b"")


def test_a_bad_header_of_a_nested_part_is_told_before_the_first_byte() -> None:
    inner, outer = MultipartWriter(), MultipartWriter()
    outer.append(inner)
    bad = inner.append(b"")
    bad.headers.setRawHeaders("Content-Encoding", ["rot13"])
    with pytest.raises(MisuseError):
        outer.startProducing(cast(Any, consumer := Downstream()))
    assert consumer.data == b""
    # Nothing was sent, so it can still be put right.
    inner.parts[0].headers.removeHeader("Content-Encoding")
    inner.append(b"more")
    assert len(written(outer)) == outer.length


def test_a_writer_is_never_a_part_of_itself() -> None:
    one, two, three = (MultipartWriter() for _ in range(3))
    two.append(b"")
    two.append(three)
    one.append(two)
    for writer, content in ((one, one), (three, one), (two, one), (three, two)):
        with pytest.raises(MisuseError, match="part of itself"):
            writer.append(content)
    assert len(three.parts) == 0
    # Twice side by side is something else.
    one.append(two)
    assert written(one).count(written(two)) == 2


def test_deep_nesting_is_measured_once() -> None:
    outer = MultipartWriter()
    outer.append(b"")
    for _ in range(40):
        inner, outer = outer, MultipartWriter()
        outer.append(inner)
    assert outer.length == len(written(outer))


def test_a_part_that_says_its_own_length() -> None:
    writer = MultipartWriter(boundary="b")
    writer.append(b"abc", {"Content-Length": "3"})
    with_header = writer.length
    assert with_header == len(written(writer))
    writer.parts[0].headers.removeHeader("Content-Length")
    assert with_header - int(writer.length) == len("Content-Length: 3\r\n")
    assert writer.length == len(written(writer))


def test_a_disposition_that_was_given_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    payload = payload_of(tmp_path / "a")
    payload.set_content_disposition("inline", filename="b")
    MultipartWriter().append(payload)
    assert disposition(payload) == 'inline; filename="b"'


codings = st.sampled_from(
    [
        {},
        {"Content-Encoding": "identity"},
        {"Content-Transfer-Encoding": "base64"},
        {"Content-Encoding": "gzip"},
        {"Content-Transfer-Encoding": "quoted-printable"},
    ]
)
#: Content of known and of unknown length, and what it is inside of.
trees = st.recursive(
    st.binary(max_size=200) | st.lists(st.binary(max_size=9), min_size=1, max_size=3),
    lambda inner: st.tuples(st.lists(st.tuples(inner, codings), max_size=4)),
    max_leaves=8,
)


def grown(tree: Any) -> Any:
    """A writer for each tuple in ``tree``."""
    if not isinstance(tree, tuple):
        return tree
    writer = MultipartWriter()
    for inner, headers in tree[0]:
        writer.append(grown(inner), headers)
    return writer


@untimed
@given(trees)
def test_a_length_is_exact_or_not_known(tree: Any) -> None:
    writer = MultipartWriter()
    writer.append(grown(tree))
    length, whole = writer.length, written(writer)
    assert length in (UNKNOWN_LENGTH, len(whole))
    assert written(writer) == whole
    known = all(isinstance(part.length, int) for part in writer.parts)
    assert (length == UNKNOWN_LENGTH) is not known


# FormData ----------------------------------------------------------------------------


def disposition(payload: Payload) -> str:
    (value,) = payload.headers.getRawHeaders("Content-Disposition") or ()
    return value


def kind_of(payload: Payload) -> list[Any] | None:
    values = payload.headers.getRawHeaders("Content-Type")
    return None if values is None else list(values)


def test_fields() -> None:
    form = FormData("b")
    form.add_field("a", "ž")
    form.add_field("j", b"{}", content_type="application/json", headers={"X": "y"})
    assert (
        written(form)
        == (
            '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nž\r\n'
            '--b\r\nContent-Disposition: form-data; name="j"\r\n'
            "Content-Type: application/json\r\nX: y\r\n\r\n{}\r\n"
            "--b--\r\n"
        ).encode()
    )


def test_a_field_that_has_a_type_keeps_it() -> None:
    form, nested = FormData(), MultipartWriter("mixed", "i")
    typed = payload_of(b"{}")
    typed.headers.setRawHeaders("Content-Type", ["application/json"])
    assert kind_of(form.add_field("j", typed)) == ["application/json"]
    assert kind_of(form.add_field("n", nested)) == [nested.content_type]
    assert kind_of(form.add_field("i", [b"1"])) == ["application/octet-stream"]
    assert kind_of(form.add_field("b", b"")) is None
    assert kind_of(form.add_field("t", "")) is None


def test_a_file_that_is_a_field_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    form = FormData()
    with (tmp_path / "a.png").open("rb") as file:
        for value in (file, tmp_path / "a.png"):
            payload = form.add_field("f", value)
            assert disposition(payload).endswith('name="f"; filename="a.png"')
            assert kind_of(payload) == ["image/png"]
        named = form.add_field("f", file, filename="b")
        assert disposition(named).endswith('filename="b"')


def test_fields_may_be_given_at_once() -> None:
    pairs = [("a", "1"), ("b", b"2")]
    for fields in (dict(pairs), pairs, iter(pairs)):
        form = FormData("b", fields=fields)
        assert [disposition(part) for part in form.parts] == [
            'form-data; name="a"',
            'form-data; name="b"',
        ]


@pytest.mark.parametrize("name", [b"a", 5, None])
def test_the_name_of_a_field_is_text(name: Any) -> None:
    for add in (FormData().add_field, FormData().add_file):
        with pytest.raises(MisuseError, match=r"name is a str, not (bytes|int|None)"):
            add(name, "a")


def test_every_part_of_a_form_has_a_name() -> None:
    form = FormData()
    form.append(b"").set_content_disposition("form-data", name="a")
    payload = form.append_json({})
    with pytest.raises(MisuseError, match=r"needs a name: use .* \(part 2\)"):
        form.as_bytes()
    payload.set_content_disposition("form-data", name="b")
    assert b'name="b"' in written(form)


FILES: dict[str, tuple[object, dict[str, Any], str, str]] = {
    "bytes": (b"", {}, "f", "application/octet-stream"),
    "text is content": ("/etc/passwd", {}, "f", "text/plain; charset=utf-8"),
    "a name given": (b"", {"filename": "n"}, "n", "application/octet-stream"),
    "a type given": (b"", {"content_type": "x/y"}, "f", "x/y"),
}


@pytest.mark.parametrize(
    ("source", "options", "filename", "kind"), FILES.values(), ids=FILES
)
def test_files(
    source: object, options: dict[str, Any], filename: str, kind: str
) -> None:
    payload = FormData().add_file("f", source, **options)
    assert disposition(payload) == f'form-data; name="f"; filename="{filename}"'
    assert kind_of(payload) == [kind]


def test_a_path_gives_name_and_type(tmp_path: Path) -> None:
    (tmp_path / "ž.png").write_bytes(b"")
    payload = FormData().add_file("f", tmp_path / "ž.png", headers={"X": "y"})
    assert disposition(payload).endswith('filename="ž.png"')
    assert kind_of(payload) == ["image/png"]


def test_names_cannot_break_out() -> None:
    form = FormData("b")
    form.add_field('a"\r\nX: y', "1")
    form.add_file("f", b"", filename='"\r\n')
    assert b'name="a%22%0D%0AX: y"' in written(form)
    assert b'filename="%22%0D%0A"' in written(form)
    reader = MultipartReader(form.content_type)
    reader.write(written(form))
    assert next_of(reader).name == 'a"\r\nX: y'


# Length and promises -----------------------------------------------------------------


def test_one_part_of_unknown_length_makes_all_so() -> None:
    writer = MultipartWriter()
    writer.append(b"known")
    writer.append([b"un", b"known"])
    assert writer.length == UNKNOWN_LENGTH
    assert writer.replayable


def test_one_part_that_can_be_sent_once_makes_all_so() -> None:
    writer = MultipartWriter(boundary="b")
    writer.append(b"again")
    writer.append(iter([b"once"]))
    assert not writer.replayable
    assert b"once" in written(writer)
    with pytest.raises(PayloadError) as caught:
        writer.startProducing(cast(Any, consumer := Downstream()))
    assert (caught.value.code, caught.value.part) == ("consumed", 2)
    # It is told before the first byte.
    assert consumer.data == b""


def test_what_is_in_two_bodies_can_be_sent_with_one() -> None:
    once, first, second = payload_of(iter([b"a"])), MultipartWriter(), MultipartWriter()
    first.append(once)
    second.append(once)
    written(first)
    with pytest.raises(PayloadError, match=r"only once.*part 1"):
        second.as_bytes()


def test_what_is_given_away_while_it_waits_is_told_with_its_part() -> None:
    once, writer = payload_of(iter([b"a"])), MultipartWriter()
    stuck = Deferred[bytes]()
    writer.append([stuck])
    writer.append(once)
    whole = Outcome(writer.as_bytes())
    once.open()
    stuck.callback(b"")
    assert isinstance(whole.error, PayloadError)
    assert whole.error.part == 2


def promising(length: int, *pieces: Any) -> Payload:
    payload = payload_of(pieces)
    payload.length = length
    return payload


LENGTHS: dict[str, tuple[int, tuple[Any, ...], str]] = {
    "none": (1, (), "fewer"),
    "fewer": (5, (b"ab", b"cd"), "fewer"),
    "more": (3, (b"ab", b"cd"), "more"),
    "more than none": (0, (b"a",), "more"),
    "fewer, later": (5, (succeed(b"abcd"),), "fewer"),
    "more, later": (3, (succeed(b"ab"), succeed(b"cd")), "more"),
}


@pytest.mark.parametrize(("length", "pieces", "word"), LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("unknown", [False, True], ids=["sized", "chunked"])
def test_a_promise_that_is_not_kept_names_the_part(
    unknown: bool, length: int, pieces: tuple[Any, ...], word: str
) -> None:
    writer, consumer = MultipartWriter(boundary="b"), Downstream()
    writer.append([b"first"] if unknown else b"first")
    writer.append(promising(length, *pieces))
    writer.append(b"third")
    done = Outcome(writer.startProducing(cast(Any, consumer)))
    error = done.error
    assert isinstance(error, PayloadError)
    assert (error.code, error.part) == ("wrong-length", 2)
    assert f"{length} bytes were promised, and the source gave {word}" in str(error)
    assert b"third" not in consumer.data


@pytest.mark.parametrize("declared", ["3", "7"])
def test_what_its_headers_declare_is_a_promise(declared: str) -> None:
    for obj, coding in (([b"abcdef"], {}), (b"abcdef", {"Content-Encoding": "gzip"})):
        writer = MultipartWriter()
        payload = writer.append(obj, {"Content-Length": declared, **coding})
        assert payload.length == UNKNOWN_LENGTH
        error = error_of(writer.as_bytes())
        assert isinstance(error, PayloadError)
        assert (error.code, error.part) == ("wrong-length", 1)
    writer = MultipartWriter()
    writer.append([b"abc", b"def"], {"Content-Length": "6"})
    assert b"Content-Length: 6\r\n\r\nabcdef\r\n" in written(writer)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "3"},
        {"Content-Encoding": "rot13"},
        {"Content-Transfer-Encoding": "rot13"},
    ],
)
def test_headers_that_are_not_true_are_told_at_once(headers: dict[str, str]) -> None:
    writer = MultipartWriter()
    with pytest.raises(MisuseError):
        writer.append(b"abcdef", headers)
    with pytest.raises(MisuseError):
        FormData().add_field("a", "abcdef", headers=headers)
    assert not writer.parts


def test_what_is_nested_is_measured_once() -> None:
    inner, outer = MultipartWriter(), MultipartWriter()
    asked: list[int] = []

    class Counted:
        replayable = True

        @property
        def length(self) -> int:
            asked.append(1)
            return 1

    for _ in range(50):
        inner.append(DelegatingPayload(Counted(), lambda: BytesSource(b"a")))
    outer.append(inner)
    asked.clear()
    written(outer)
    # Some times for each part, and not for each piece of each part.
    assert len(asked) < 50 * 20


FOREIGN = ["text", None, 7]


@pytest.mark.parametrize("piece", FOREIGN)
@pytest.mark.parametrize("coding", [{}, {"Content-Encoding": "gzip"}])
@pytest.mark.parametrize("later", [False, True])
def test_a_source_that_gives_no_bytes_is_named(
    later: bool, coding: dict[str, str], piece: Any
) -> None:
    class Bad(BytesSource):
        def read(self) -> Any:
            return succeed(piece) if later else piece

    writer = MultipartWriter()
    writer.append(b"first")
    writer.append(Payload(lambda: Bad(b"")), coding)
    error = error_of(writer.as_bytes())
    assert isinstance(error, PayloadError)
    assert (error.part, error.message) == (
        2,
        f"a piece to be sent is {type(piece).__name__}, not bytes",
    )


def test_a_promise_that_is_kept() -> None:
    writer = MultipartWriter()
    writer.append(promising(4, b"ab", b"", b"cd"))
    assert writer.length == len(written(writer))


@pytest.mark.parametrize(("now", "word"), [(b"abcd", "more"), (b"ab", "fewer")])
async def test_a_file_that_changed_since_is_told(
    now: bytes, word: str, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    writer = MultipartWriter()
    writer.append("first")
    writer.append(path)
    path.write_bytes(now)
    with pytest.raises(PayloadError, match=rf"gave {word} \(part 2\)"):
        await writer.as_bytes()


BROKEN: dict[str, Callable[[], object]] = {
    "not bytes": lambda: ["text"],
    "not bytes, later": lambda: [succeed("text")],
    "fails": lambda: [fail(PayloadError("broken"))],
}


@pytest.mark.parametrize("make", BROKEN.values(), ids=BROKEN)
def test_a_part_that_breaks_is_named(make: Callable[[], object]) -> None:
    writer = MultipartWriter()
    writer.append(b"first")
    writer.append(make())
    error = error_of(writer.as_bytes())
    assert isinstance(error, PayloadError)
    assert error.part == 2


async def test_a_file_of_text_is_refused_and_named() -> None:
    writer = MultipartWriter()
    writer.append(Payload(lambda: FileSource(lambda: cast(Any, io.StringIO("text")))))
    with pytest.raises(PayloadError, match=r"binary mode \(part 1\)"):
        await writer.as_bytes()


def test_what_else_breaks_comes_as_it_is() -> None:
    writer = MultipartWriter()
    writer.append(b"first")
    writer.append([fail(OSError("gone"))])
    error = error_of(writer.as_bytes())
    assert isinstance(error, OSError)
    assert error.__notes__ == ["It broke part 2 of a body that was being sent."]


def test_an_error_inside_a_nested_body_keeps_its_number() -> None:
    inner, outer = MultipartWriter(), MultipartWriter()
    inner.append(b"")
    inner.append(["text"])
    outer.append(inner)
    error = error_of(outer.as_bytes())
    assert isinstance(error, PayloadError)
    assert error.part == 2


# Misuse ------------------------------------------------------------------------------


def test_nothing_is_appended_once_sending_has_begun() -> None:
    writer = FormData()
    writer.add_field("first", [Deferred[bytes]()])
    writer.startProducing(cast(Any, Downstream()))
    for append in (
        lambda: writer.append(b""),
        lambda: writer.append_json(1),
        lambda: writer.append_form({}),
        lambda: writer.add_field("a", ""),
        lambda: writer.add_file("a", b""),
    ):
        with pytest.raises(MisuseError, match="after sending had begun"):
            append()
    writer.stopProducing()
    with pytest.raises(MisuseError, match="after sending had begun"):
        writer.append(b"")


def test_a_header_that_was_changed_for_the_worse_is_told() -> None:
    writer = MultipartWriter()
    payload = writer.append(b"")
    payload.headers = cast(Any, BadHeaders())
    with pytest.raises(MisuseError, match="CR, LF or NUL"):
        _ = writer.length


class BadHeaders:
    """Headers that were not checked by anybody."""

    def getAllRawHeaders(self) -> list[tuple[bytes, list[bytes]]]:
        return [(b"X", [b"a\r\nb"])]


def test_a_source_knows_which_part_is_under_way() -> None:
    seen: list[Any] = []
    writer = MultipartWriter(progress=lambda *call: seen.append(call))
    first = writer.append([b"x" * 40_000])
    assert writer._current is None
    written(writer)
    assert seen[0][1:] == (None, first)
    assert seen[-1] == (writer.sent, None, None)


def test_a_payload_of_ones_own_is_closed() -> None:
    closed: list[int] = []

    class Watched(BytesSource):
        def close(self) -> None:
            closed.append(1)
            super().close()

    writer = MultipartWriter()
    writer.append(Payload(lambda: Watched(b"a"), length=1))
    written(writer)
    assert closed
