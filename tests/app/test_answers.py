"""What ``txmultipart send`` shows of an answer, and what it exits with."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from OpenSSL import SSL
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.python.failure import Failure
from twisted.web._newclient import ParseError
from twisted.web.client import ResponseFailed

from tests.app.places import Breaking, Places, sent, serving
from tests.app.serving import MiB, Serving
from tests.interop.servers.rude import RUDE, rude_server
from txmultipart import StreamReset
from txmultipart.app.answers import MOST_SHOWN, Output
from txmultipart.app.patience import GaveUp
from txmultipart.app.reasons import in_words

each_way = pytest.mark.parametrize("way", [[], ["--h2c"], ["--http1.1"]])


@each_way
@pytest.mark.parametrize("code", [200, 201, 204, 299])
async def test_success(
    code: int, way: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places()
    name = places.point(code, body=b"" if code == 204 else b"done")
    async with serving(places) as url:
        assert await sent(url + name, "-T", __file__, *way) == 0
    assert capsys.readouterr() == ("" if code == 204 else "done", "")


@each_way
@pytest.mark.parametrize("code", [300, 304, 400, 404, 413, 500, 599])
async def test_anything_else(
    code: int, way: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places()
    name = places.point(code, body=b"" if code == 304 else b"no,\nreally")
    async with serving(places) as url:
        assert await sent(url + name, "-F", "a=b", *way) == 22
    out, err = capsys.readouterr()
    status, *body = err.splitlines()
    assert out == ""
    assert status.startswith(f"txmultipart: the server answered {code}")
    assert body == ([] if code == 304 else ["no,", "really"])
    assert err.endswith("\n")


@each_way
async def test_a_long_refusal_is_shown_in_part(
    way: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places()
    name = places.point(500, body=b"x" * MiB)
    async with serving(places) as url:
        assert await sent(url + name, "-F", "a=b", *way) == 22
    _, body, last = capsys.readouterr().err.splitlines()
    assert body == "x" * MOST_SHOWN
    assert last == f"txmultipart: only {MOST_SHOWN} bytes of the answer are shown"


async def test_a_refusal_of_just_that_length(
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = Places()
    name = places.point(500, body=b"x" * MOST_SHOWN)
    async with serving(places) as url:
        assert await sent(url + name, "-F", "a=b") == 22
    assert len(capsys.readouterr().err.splitlines()) == 2


@each_way
async def test_a_long_answer_is_shown_whole(
    way: list[str], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    body = os.urandom(9 * MiB)
    places = Places()
    name = places.point(200, body=body)
    async with serving(places) as url:
        assert await sent(url + name, "-F", "a=b", *way) == 0
    assert capfdbinary.readouterr().out == body


@each_way
async def test_a_refusal_in_the_middle_of_the_upload(
    way: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    big = tmp_path / "big"
    big.touch()
    os.truncate(big, 1 << 33)
    places = Places()
    name = places.point(413, body=b"too large\n")
    async with serving(places) as url:
        assert await sent(url + name, "-T", big, *way) == 22
    status, body = capsys.readouterr().err.splitlines()
    assert status.startswith("txmultipart: the server answered 413 ")
    assert body == "too large"


@each_way
async def test_the_inbox_refuses(
    way: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with Serving(tmp_path, max_size=10) as inbox:
        assert await sent(inbox.url, "-T", __file__, *way) == 22
        assert inbox.files == {}
    assert '"limit-exceeded"' in capsys.readouterr().err


@each_way
async def test_a_refusal_that_breaks_off(
    way: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places()
    places.putChild(b"breaks", Breaking(500))
    async with serving(places) as url:
        assert await sent(url + "breaks", "-F", "a=b", *way) == 22
    status, body, last = capsys.readouterr().err.splitlines()
    assert "answered 500" in status
    assert body == "so far so good"
    assert last.startswith("txmultipart: the rest of the answer is missing: ")


@each_way
async def test_a_success_that_breaks_off(
    way: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    places = Places()
    places.putChild(b"breaks", Breaking(200))
    async with serving(places) as url:
        said = await sent(url + "breaks", "-F", "a=b", *way)
    assert isinstance(said, str)
    assert said.startswith("txmultipart: ")
    assert capsys.readouterr() == ("so far so good", "")


@pytest.mark.parametrize("words", RUDE.values(), ids=RUDE)
@each_way
async def test_a_rude_server(words: bytes, way: list[str]) -> None:
    from twisted.internet import reactor

    async with rude_server(reactor, words) as url:
        said = await sent(url, "-T", __file__, *way)
    assert isinstance(said, str)
    assert said.startswith("txmultipart: ")
    assert not set("\n[<'") & set(said)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "wrong number of parts"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nokk",
            "2,3",
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "Chunk-size"),
    ],
    ids=["another protocol", "two lengths", "no chunk"],
)
async def test_what_is_no_http(answer: bytes, reason: str) -> None:
    from twisted.internet import reactor

    async with rude_server(reactor, answer) as url:
        said = await sent(url, "-T", __file__)
    assert isinstance(said, str)
    assert said.startswith("txmultipart: what the server answered is no HTTP: ")
    assert reason in said


class Terminal(io.StringIO):
    """A stream that says that it is one."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_is_not_steered() -> None:
    terminal = Terminal()
    output = Output(terminal)
    whole = "a\x1b]0;title\x07\tb\nnäh\x9b".encode() + b"\xc3"
    for at in range(len(whole)):
        output.write(whole[at : at + 1])
    output.write(b"", final=True)
    assert terminal.getvalue() == "a\ufffd]0;title\ufffd\tb\nnäh\ufffd\ufffd"


def test_anything_else_gets_the_bytes() -> None:
    raw = io.BytesIO()
    output = Output(io.TextIOWrapper(raw))
    output.write(b"a\x1b\xff\x00")
    output.end_line()
    output.end_line()
    assert raw.getvalue() == b"a\x1b\xff\x00\n"


async def test_a_reason_phrase_is_harmless_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from twisted.internet import reactor

    words = b"HTTP/1.1 400 \x1b]0;x\x07 No\r\nContent-Length: 0\r\n\r\n"
    async with rude_server(reactor, words) as url:
        assert await sent(url, "-T", __file__) == 22
    assert "\x1b" not in capsys.readouterr().err


def wrapped(error: Exception) -> Exception:
    return ResponseFailed([Failure(ResponseFailed([Failure(error)]))])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("a reason"), "a reason"),
        (ValueError("two\n lines"), "two lines"),
        (ZeroDivisionError(), "ZeroDivisionError"),
        (wrapped(ValueError("a reason")), "answered is no HTTP: a reason"),
        (wrapped(ParseError("wrong number of parts", b"SSH")), "no HTTP: wrong number"),
        (wrapped(GaveUp("a reason")), "a reason"),
        (wrapped(ConnectionDone()), "closed the connection before"),
        (wrapped(ConnectionLost()), "connection broke before"),
        (ConnectTimeout(), "could not be reached in time"),
        (wrapped(StreamReset(2)), "INTERNAL_ERROR"),
        (SSL.Error([("SSL routines", "", "no shared cipher")]), "no shared cipher"),
        (SSL.SysCallError(-1, "Unexpected EOF"), "TLS failed: SysCallError"),
        (wrapped(SSL.Error([("", "", "certificate verify failed")])), "vouches"),
    ],
)
def test_the_reason(error: Exception, reason: str) -> None:
    words = in_words(error)
    assert reason in words
    assert "\n" not in words
