"""``txmultipart send``: curl's grammar, and what it exits with."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python import usage

from tests.app.places import Places, serving
from tests.app.serving import Serving
from txmultipart import FormData, MisuseError
from txmultipart.app import send
from txmultipart.app.answers import REFUSED, TAKEN
from txmultipart.app.fields import add_field, reads_standard_input
from txmultipart.app.progress_line import ProgressLine
from txmultipart.app.send import SendOptions as Options
from txmultipart.app.standard_input import standard_input
from txmultipart.body.payload import Payload
from txmultipart.body.sources import BytesSource

URL = "http://example.test/"
OCTETS = b"Content-Type: application/octet-stream\r\n\r\n"
TEXT = b"Content-Type: text/plain\r\n\r\n"


def parsed(*line: str) -> Options:
    options = Options()
    options.parseOptions(line)
    return options


class TestOptions:
    """What the command takes."""

    def test_a_form(self) -> None:
        options = parsed("-F", "a=1", URL, "--form", "b=@x", "-Fc=")
        assert options["url"] == URL
        assert options["form"] == ["a=1", "b=@x", "c="]

    @pytest.mark.parametrize("option", [["-T", "x"], ["--upload-file=x"], ["-Tx"]])
    def test_a_file(self, option: list[str]) -> None:
        assert parsed(URL, *option)["upload-file"] == "x"

    def test_headers(self) -> None:
        options = parsed(URL, "-T", "x", "-H", "A: 1", "--header=a:2 ", "-H", "B:")
        headers = options["headers"]
        assert headers.getRawHeaders("a") == ["1", "2"]
        assert headers.getRawHeaders("b") == [""]

    @pytest.mark.parametrize(
        ("line", "complaint"),
        [
            ([URL], "either -F, several times, or -T once"),
            ([URL, "-F", "a=1", "-T", "x"], "either -F"),
            ([URL, "-F", "a"], "NAME=CONTENT, not 'a'"),
            ([URL, "-H", "a", "-T", "x"], "NAME: VALUE, not 'a'"),
            (["ftp://x", "-T", "x"], "begins with http"),
            (["-T", "x"], "number of arguments"),
            ([URL, "-T", "x", "--h2c", "--http1.1"], "--h2c or --http1.1"),
            ([URL, "-F", "a=@-", "-F", "b=<-;type=a/b"], "can be sent only once"),
            ([URL, "-T", "x", "-m", "1.5"], "max-time is a whole number"),
            ([URL, "-T", "x", "--max-time", "-1"], "max-time is a whole number"),
            ([URL, "-T", "x", "--stall-time", "9" * 19], "stall-time is a whole"),
            ([URL, "-T", "x", "-k", "--cacert", "x"], "--cacert or --insecure"),
            ([URL, "-T", "x", "--cacert", "/nowhere/at/all"], "No such file"),
            ([URL, "-T", "x", "--cacert", __file__], "no certificate in"),
        ],
    )
    def test_mistakes(self, line: list[str], complaint: str) -> None:
        with pytest.raises(usage.UsageError, match=complaint):
            parsed(*line)

    def test_the_exit_codes_are_told(self) -> None:
        told = Options().getUsage()
        for code in (TAKEN, 1, REFUSED):
            assert f"\n  {code} " in told


def nothing() -> Payload:
    """In the place of standard input, where that is not to be read."""
    raise AssertionError


async def serialized(*fields: str) -> bytes:
    """The form that ``fields`` describe."""
    form = FormData("x")
    for field in fields:
        add_field(form, field, nothing)
    return await form.as_bytes()


class TestFields:
    """curl's ``-F``."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "a.txt"
        path.write_bytes(b"content")
        return path

    @pytest.mark.parametrize(
        ("field", "content"),
        [
            ("a=1", b"1"),
            ("a=", b""),
            ("a=1=2", b"1=2"),
            ("a=1;type=x", b"1;type=x"),
            ("a=näme", "näme".encode()),
        ],
    )
    async def test_text(self, field: str, content: bytes) -> None:
        body = await serialized(field)
        assert b'Content-Disposition: form-data; name="a"\r\n' in body
        assert b"filename" not in body
        assert b"\r\n\r\n" + content + b"\r\n--x--" in body

    @pytest.mark.parametrize(
        ("settings", "filename", "kind"),
        [
            ("", "a.txt", "text/plain"),
            (";type=image/png", "a.txt", "image/png"),
            (";filename=b", "b", "text/plain"),
            ("; type=image/png; filename=b", "b", "image/png"),
            (";filename=b=c;type=a/b", "b=c", "a/b"),
        ],
    )
    async def test_a_file(
        self, settings: str, filename: str, kind: str, path: Path
    ) -> None:
        body = await serialized(f"f=@{path}{settings}")
        assert f'name="f"; filename="{filename}"\r\n'.encode() in body
        assert f"Content-Type: {kind}\r\n".encode() in body
        assert b"\r\n\r\ncontent\r\n--x--" in body

    @pytest.mark.parametrize(
        ("settings", "kind"), [("", ""), (";type=a/b", "Content-Type: a/b")]
    )
    async def test_the_content_of_a_file(
        self, settings: str, kind: str, path: Path
    ) -> None:
        body = await serialized(f"f=<{path}{settings}")
        assert b"filename" not in body
        assert kind.encode() in body
        assert b"\r\n\r\ncontent\r\n--x--" in body

    @pytest.mark.parametrize(
        ("field", "head"),
        [
            ("f=@-", b'name="f"; filename="-"\r\n' + OCTETS),
            ("f=@-;filename=", b'name="f"; filename="f"\r\n' + OCTETS),
            ("f=@-;filename=b", b'name="f"; filename="b"\r\n' + OCTETS),
            ("f=@-;filename=b.txt", b'name="f"; filename="b.txt"\r\n' + TEXT),
            (
                "f=@-;filename=b.txt;type=a/b",
                b'name="f"; filename="b.txt"\r\nContent-Type: a/b\r\n\r\n',
            ),
            ("f=<-", b'name="f"\r\n\r\n'),
            ("f=<-;type=text/plain", b'name="f"\r\n' + TEXT),
        ],
    )
    async def test_standard_input(self, field: str, head: bytes) -> None:
        form = FormData("x")
        add_field(form, field, lambda: Payload(lambda: BytesSource(b"content")))
        disposition = b"--x\r\nContent-Disposition: form-data; "
        whole = disposition + head + b"content\r\n--x--\r\n"
        assert reads_standard_input(field)
        assert await form.as_bytes() == whole

    @pytest.mark.parametrize("field", ["f=-", "f=@./-", "f=@-x", "f==@-", "f=@x;a=-"])
    def test_no_standard_input(self, field: str) -> None:
        assert not reads_standard_input(field)

    @pytest.mark.parametrize(
        "field", [b"f=@%s", b"f\xe9=1", b"f=1\xe9", b"f=@%s;filename=\xe9"]
    )
    def test_what_is_not_utf_8(self, field: bytes, tmp_path: Path) -> None:
        path = os.fsencode(tmp_path) + b"/caf\xe9"
        Path(os.fsdecode(path)).write_bytes(b"content")
        said = os.fsdecode(field.replace(b"%s", path))
        with pytest.raises(MisuseError, match=r"not UTF-8 .* ;filename=") as caught:
            add_field(FormData(), said, nothing)
        assert str(caught.value).isascii() or "…" in str(caught.value)

    async def test_another_name_for_a_file(self, tmp_path: Path) -> None:
        path = os.fsencode(tmp_path) + b"/caf\xe9"
        Path(os.fsdecode(path)).write_bytes(b"content")
        body = await serialized(f"f=@{os.fsdecode(path)};filename=café")
        assert 'name="f"; filename="café"\r\n'.encode() in body
        assert b"\r\n\r\ncontent\r\n" in body

    async def test_in_order(self, path: Path) -> None:
        body = await serialized("a=1", f"f=@{path}", "b=2")
        assert body.index(b'"a"') < body.index(b'"f"') < body.index(b'"b"')

    def test_an_unknown_setting(self, path: Path) -> None:
        with pytest.raises(MisuseError, match="does not know"):
            add_field(FormData(), f"f=@{path};encoder=base64", nothing)


async def sent(*line: str) -> int | str:
    """What sending comes to."""
    from twisted.internet import reactor

    outcome: list[int | str] = []
    await Deferred.fromCoroutine(send._send(reactor, parsed(*line), outcome))
    (result,) = outcome
    return result


class TestSending:
    """What becomes of it."""

    async def test_a_form(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        async with Serving(tmp_path) as serving:
            file = f"f=@{__file__};filename=b.py"
            assert await sent(serving.url, "-F", "a=1", "-F", file) == 0
            assert serving.files == {"b.py": Path(__file__).read_bytes()}
        assert '"stored": "b.py"' in capsys.readouterr().out

    @pytest.mark.parametrize("name", ["", "given.py"])
    async def test_a_file(self, name: str, tmp_path: Path) -> None:
        async with Serving(tmp_path) as serving:
            assert await sent(serving.url + name, "-T", __file__) == 0
            expected = name or Path(__file__).name
            assert serving.files == {expected: Path(__file__).read_bytes()}

    async def test_a_name_for_the_url(self, tmp_path: Path) -> None:
        path = tmp_path / "a b?#%.txt"
        path.write_bytes(b"content")
        folder = tmp_path / "inbox"
        folder.mkdir()
        async with Serving(folder) as serving:
            assert await sent(serving.url, "-T", str(path)) == 0
            assert set(serving.files) == {"a b_#%.txt"}

    async def test_a_name_that_is_not_utf_8(self, tmp_path: Path) -> None:
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.bin"))
        path.write_bytes(b"content")
        places = Places()
        async with serving(places) as url:
            assert await sent(url + "taken/", "-T", str(path)) == 0
        (request,) = places.taken.requests
        assert request.uri == b"/taken/caf%E9.bin"

    async def test_a_refusal(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        async with Serving(tmp_path) as serving:
            assert await sent(serving.url + "a/b", "-T", __file__) == REFUSED
        out, err = capsys.readouterr()
        status, body = err.splitlines()
        assert out == ""
        assert status == "txmultipart: the server answered 400 Bad Request"
        assert '"bad-name"' in body

    async def test_headers(self, tmp_path: Path) -> None:
        async with Serving(tmp_path) as serving:
            header = "Content-Range: bytes 0-1/2"
            url = serving.url + "a"
            assert await sent(url, "-T", __file__, "-H", header) == REFUSED

    @pytest.mark.parametrize(
        "line",
        [
            ["http://127.0.0.1:1/", "-F", "a=1"],
            ["http://127.0.0.1:1/", "-T", "/nowhere/at/all"],
            ["http://127.0.0.1:1/", "-F", "a=@/nowhere/at/all"],
            ["http://127.0.0.1:1/", "-F", "a=@x;nonsense=1"],
        ],
        ids=["refused", "no file", "no part", "nonsense"],
    )
    async def test_it_cannot_be_done(self, line: list[str]) -> None:
        result = await sent(*line)
        assert isinstance(result, str)
        assert result.startswith("txmultipart: ")
        assert "\n" not in result

    @pytest.mark.parametrize(
        ("option", "stored"),
        [(["-T", "-"], "given"), (["-F", "f=@-;filename=given"], "given")],
    )
    async def test_standard_input(
        self,
        option: list[str],
        stored: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        end, far = os.pipe()
        os.write(far, b"content")
        os.close(far)
        monkeypatch.setattr(
            send, "standard_input", lambda reactor: standard_input(reactor, end)
        )
        async with Serving(tmp_path) as inbox:
            url = inbox.url + ("given" if option[0] == "-T" else "")
            assert await sent(url, *option) == 0
            assert inbox.files == {stored: b"content"}
        os.close(end)

    def test_a_signal_says_so_on_a_line_of_its_own(self) -> None:
        """And first: what is torn down after it looks like a fault of the server."""
        stream = io.StringIO()
        outcome: list[int | str] = []
        line = ProgressLine(stream)
        line.show(1, None, None)
        send._stopped(line, outcome)
        assert stream.getvalue().endswith(" MB\n")
        assert outcome == ["txmultipart: stopped"]

    async def test_progress_on_a_terminal(
        self,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        async with Serving(tmp_path) as serving:
            assert await sent(serving.url, "-T", __file__) == 0
        assert capsys.readouterr().err.endswith(" MB\n")


class TestRun:
    """What the process exits with."""

    @pytest.mark.parametrize("result", [0, 1, "txmultipart: a reason"])
    def test_the_outcome(
        self, result: int | str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def outcome_only(reactor: Any, options: Any, outcome: list[Any]) -> None:
            outcome.append(result)

        monkeypatch.setattr(send, "_send", outcome_only)
        monkeypatch.setattr(send, "react", _react)
        assert send.run(parsed(URL, "-T", "x")) == result

    def test_a_signal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def stopped(reactor: Any, options: Any, outcome: list[Any]) -> None:
            """It never came to an outcome."""

        monkeypatch.setattr(send, "_send", stopped)
        monkeypatch.setattr(send, "react", _react)
        assert send.run(parsed(URL, "-T", "x")) == "txmultipart: stopped"


def _react(begin: Any, arguments: Any) -> None:
    """``react``, on a reactor that runs already."""
    begin(None)
    raise SystemExit(0)


@pytest.mark.parametrize(
    "words",
    [
        ("http://[::1", "-F", "a=b"),
        ("http://x/", "-F", "a=b", "-H", "X y: a"),
        ("http://x/", "-F", "a=b", "-H", "Content-Length: 1"),
        ("http://x/", "-F", "a=b", "-H", "transfer-encoding: chunked"),
    ],
)
def test_what_would_be_no_request_is_a_mistake(words: tuple[str, ...]) -> None:
    with pytest.raises(usage.UsageError):
        Options().parseOptions(words)
