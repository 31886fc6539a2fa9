"""What is said when a stream or a connection ends: who did it, and for what."""

from __future__ import annotations

from typing import Any

import pytest
from hyperframe.frame import GoAwayFrame, RstStreamFrame

from tests.http2.client import Client, Pipe
from tests.http2.resources import Echo
from tests.http2.server import Server
from txmultipart.http2 import ConnectionTerminated, StreamReset
from txmultipart.http2.frames import frame


def lost(server: Server, ear: Any) -> tuple[type[Exception], bool, str]:
    server.close()
    return type(ear.error), ear.error.remote, str(ear.error)


def test_the_server_resets_a_stream() -> None:
    server = Server()
    ear = server.open()
    server.send(RstStreamFrame(1, error_code=8))
    said = "the server reset the stream: CANCEL"
    assert lost(server, ear) == (StreamReset, True, said)


def test_we_reset_one_for_a_malformed_answer() -> None:
    server = Server()
    ear = server.open()
    server.answer(1, "none")
    kind, remote, said = lost(server, ear)
    assert (kind, remote) == (StreamReset, False)
    assert said.startswith("the server's answer is malformed: ")


def test_the_server_says_goaway() -> None:
    server = Server()
    ear = server.open()
    server.send(GoAwayFrame(0, last_stream_id=0, error_code=11))
    said = "the server said GOAWAY: ENHANCE_YOUR_CALM"
    assert lost(server, ear) == (ConnectionTerminated, True, said)


def test_the_server_breaks_a_rule() -> None:
    server = Server()
    ear = server.open()
    server.raw(frame(6, 0, 0, b"short"))
    said = "the server broke a rule: a frame of the wrong size (FRAME_SIZE_ERROR)"
    assert lost(server, ear) == (ConnectionTerminated, False, said)


def test_it_breaks_one_that_h2_keeps() -> None:
    server = Server()
    ear = server.open()
    server.update(2**31 - 1)
    said = "the server broke a rule: FLOW_CONTROL_ERROR"
    assert lost(server, ear) == (ConnectionTerminated, False, said)


@pytest.mark.parametrize(
    "hello", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-OpenSSH\r\n"]
)
def test_the_server_speaks_something_else(hello: bytes) -> None:
    server = Server(greet=False)
    ear = server.open()
    server.client.dataReceived(hello)
    assert (type(ear.error), ear.error.remote) == (ConnectionTerminated, False)
    assert "does not speak HTTP/2 here: is h2c right?" in str(ear.error)
    server.lose()


def test_the_server_says_nothing() -> None:
    server = Server(greet=False, preface_time=7.0)
    ear = server.open()
    server.advance(8)
    kind, remote, said = lost(server, ear)
    assert (kind, remote) == (ConnectionTerminated, False)
    assert said.startswith("no SETTINGS came within 7 seconds; the server does not")


class Told(Echo):
    """Keeps what its request is told."""

    def __init__(self) -> None:
        super().__init__()
        self.reasons: list[Any] = []

    def render(self, request: Any) -> int:
        request.notifyFinish().addErrback(self.reasons.append)
        return 1  # NOT_DONE_YET


@pytest.mark.parametrize(
    ("bad", "remote", "said"),
    [
        (
            RstStreamFrame(1, error_code=8).serialize(),
            True,
            "the client reset the stream: CANCEL",
        ),
        (
            frame(6, 0, 0, b"short"),
            False,
            "the client broke a rule: a frame of the wrong size (FRAME_SIZE_ERROR)",
        ),
    ],
    ids=["a reset", "a broken rule"],
)
def test_a_request_hears_the_same(bad: bytes, remote: bool, said: str) -> None:
    resource = Told()
    client = Client(resource, transport=Pipe())
    client.request()
    client.raw(bad)
    (reason,) = resource.reasons
    assert (reason.value.remote, str(reason.value)) == (remote, said)
    client.lose()
