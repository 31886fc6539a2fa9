"""``… | txmultipart send URL -T -``: real processes, real pipes, and all that is slow."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from time import sleep
from typing import Any, Self

import pytest

from tests.app.serving import MiB, child, command, serving_child

each_way = pytest.mark.parametrize("way", [[], ["--h2c"]], ids=["h1", "h2c"])
whole = {"timeout": 60}


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A service as a child: where it puts things, and its URL."""
    folder = tmp_path_factory.mktemp("inbox")
    with serving_child(folder) as (_, url):
        yield folder, url


class Slow:
    """A server of HTTP/1.1 that reads when it is told to, and what it has read."""

    def __init__(self) -> None:
        self.read, self.lost = bytearray(), Event()
        self._port = socket.create_server(("127.0.0.1", 0))
        self._going = Event()
        self._answer: bytes | None = None
        self.connection: socket.socket | None = None
        self._thread = Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._going.set()
        # A connection that nobody made would be waited for.
        with socket.create_connection(self._port.getsockname()):
            pass
        if self.connection is not None:
            self.connection.close()
        self._port.close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port.getsockname()[1]}/x"

    def go_on(self) -> None:
        """Read all there is from now on."""
        self._going.set()

    def say(self, answer: bytes) -> None:
        assert self.connection is not None
        self.connection.sendall(answer)

    def _serve(self) -> None:
        self.connection, _ = self._port.accept()
        self._going.wait()
        try:
            while data := self.connection.recv(MiB):
                self.read += data
        except OSError:
            pass
        self.lost.set()

    def until(self, there: bytes) -> None:
        while there not in self.read:
            sleep(0.01)


def sending(url: str, *options: str, **more: Any) -> Any:
    """The program, with what is its standard input."""
    return child(*command("send", url, *options), **more)


def run_on(file: Any, url: str) -> tuple[str, int]:
    """What it says, and exits with, when that file is sent."""
    with sending(url, "-T", "-", stdin=file) as process:
        return ended(process)[1:]


def ended(process: Any) -> tuple[str, str, int]:
    out, err = process.communicate(**whole)
    return out, err, process.returncode


@contextmanager
def pipe() -> Iterator[tuple[int, Any]]:
    """The end to be read and the end to be written to, which nobody inherits."""
    end, far = os.pipe()
    with open(far, "wb", buffering=0) as file:
        try:
            yield end, file
        finally:
            os.close(end)


# What becomes of it -----------------------------------------------------------------------


@each_way
@pytest.mark.parametrize("size", [0, 1, 5 * MiB])
def test_a_pipe(size: int, way: list[str], inbox: tuple[Path, str]) -> None:
    folder, url = inbox
    content = os.urandom(size)
    name = f"pipe{size}{len(way)}.bin"
    with sending(url + name, "-T", "-", *way, stdin=subprocess.PIPE) as process:
        process.stdin.buffer.write(content)
        _, err, code = ended(process)
    assert (err, code) == ("", 0)
    assert (folder / name).read_bytes() == content


@each_way
def test_a_part_of_a_form(way: list[str], inbox: tuple[Path, str]) -> None:
    folder, url = inbox
    name = f"speech{len(way)}.wav"
    speech = f"speech=@-;filename={name};type=audio/wav"
    form = ["-F", "a=1", "-F", speech, "-F", "b=2"]
    with sending(url, *form, *way, stdin=subprocess.PIPE) as process:
        process.stdin.buffer.write(b"speech" * 100_000)
        out, err, code = ended(process)
    assert (err, code) == ("", 0)
    assert (folder / name).read_bytes() == b"speech" * 100_000
    assert re.findall(r'"name": "(\w+)"', out) == ["a", "speech", "b"]


def test_an_answer_before_the_end_is_enough() -> None:
    """Nor does a URL that ends in a slash get a name."""
    with Slow() as server, pipe() as (end, _):
        server.go_on()
        folder = server.url.removesuffix("x")
        with sending(folder, "-T", "-", stdin=end) as process:
            server.until(b"PUT / HTTP/1.1\r\n")
            server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert ended(process) == ("", "", 0)


def test_each_piece_leaves_at_once_and_the_end_follows() -> None:
    with Slow() as server, pipe() as (end, far):
        server.go_on()
        with sending(server.url, "-T", "-", stdin=end) as process:
            server.until(b"\r\n\r\n")
            assert b"\r\nTransfer-Encoding: chunked\r\n" in server.read
            for piece in (b"one", b"two"):
                far.write(piece)
                server.until(b"3\r\n" + piece + b"\r\n")
            assert not server.read.endswith(b"0\r\n\r\n")
            far.close()
            server.until(b"two\r\n0\r\n\r\n")
            server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
            assert ended(process) == ("done", "", 0)


def test_a_file_from_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one two")
    with Slow() as server, (tmp_path / "a").open("rb", buffering=0) as file:
        server.go_on()
        file.seek(4)
        with sending(server.url, "-T", "-", stdin=file) as process:
            server.until(b"\r\n\r\ntwo")
            assert b"\r\nContent-Length: 3\r\n" in server.read
            server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert ended(process) == ("", "", 0)


@pytest.mark.parametrize("name", [os.devnull, "/proc/self/stat"])
def test_other_files(name: str, inbox: tuple[Path, str]) -> None:
    folder, url = inbox
    target = name.replace("/", "-")
    with open(name, "rb") as file:
        outcome = run_on(file, url + target)
    assert outcome == ("", 0)
    assert bool((folder / target).read_bytes()) is (name != os.devnull)


@pytest.mark.parametrize(
    ("redirection", "reason"),
    [
        ("<&-", "standard input is closed"),
        ("0>/dev/null", "standard input cannot be read: Bad file descriptor"),
    ],
)
def test_what_cannot_be_read(redirection: str, reason: str) -> None:
    line = 'exec "$0" "$@" ' + redirection
    words = command("send", "http://127.0.0.1:1/", "-T", "-")
    with child("sh", "-c", line, *words) as process:
        assert ended(process) == ("", f"txmultipart: {reason}\n", 1)


def test_a_writer_that_is_killed(inbox: tuple[Path, str]) -> None:
    """Nothing tells that from an end."""
    folder, url = inbox
    with pipe() as (end, far):
        writer = subprocess.Popen(
            ["sh", "-c", "printf some; exec sleep 60"], stdout=far
        )
        far.close()
        with sending(url + "killed", "-T", "-", stdin=end) as process:
            while not any(folder.glob(".*")):
                sleep(0.01)
            writer.kill()
            _, err, code = ended(process)
        writer.wait()
    assert (err, code) == ("", 0)
    assert (folder / "killed").read_bytes() == b"some"


def test_a_terminal(inbox: tuple[Path, str]) -> None:
    """It stays as it was, which standard output may be as well."""
    folder, url = inbox
    keyboard, terminal = pty.openpty()
    with sending(url + "typed", "-T", "-", stdin=terminal) as process:
        os.write(keyboard, b"a line\n\x04")
        _, err, code = ended(process)
    assert (err, code) == ("", 0)
    assert os.get_blocking(terminal)
    assert (folder / "typed").read_bytes() == b"a line\n"
    os.close(keyboard)
    os.close(terminal)


def test_it_cannot_be_read_twice_for_a_redirect() -> None:
    with Slow() as server, pipe() as (end, far):
        server.go_on()
        with sending(server.url, "-T", "-", stdin=end) as process:
            far.write(b"content")
            far.close()
            server.until(b"\r\n0\r\n\r\n")
            head = b"HTTP/1.1 307 There\r\nLocation: /there\r\n"
            server.say(head + b"Content-Length: 0\r\n\r\n")
            out, err, code = ended(process)
    assert (out, code) == ("", 22)
    assert "what was to be sent cannot be read a second time" in err


# Slowness, and memory ---------------------------------------------------------------------


def peak(process: Any) -> int:
    """The most memory that a process has had, in KiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1])


def fill(far: Any) -> int:
    """Write till nobody has taken a byte for half a second; how many were taken."""
    taken, idle = 0, 0
    while idle < 50 or taken <= 128 << 10:  # which is more than a pipe holds by itself
        count = far.write(bytes(64 << 10)) or 0
        taken, idle = taken + count, 0 if count else idle + 1
        sleep(0 if count else 0.01)
    return taken


@each_way
def test_memory_stays_flat(way: list[str], inbox: tuple[Path, str]) -> None:
    """300 MiB; the digest is that of as many zeros."""
    folder, url = inbox
    name = f"zeros{len(way)}"
    zeros = subprocess.Popen(
        ["head", "-c", "300M", "/dev/zero"], stdout=subprocess.PIPE
    )
    most = 0
    with sending(url + name, "-T", "-", *way, stdin=zeros.stdout) as process:
        assert zeros.stdout is not None
        zeros.stdout.close()
        while process.poll() is None:
            try:
                most = max(most, peak(process))
            except (AssertionError, FileNotFoundError, ProcessLookupError):
                break
            sleep(0.02)
        out, err, code = ended(process)
    assert (err, code, zeros.wait()) == ("", 0, 0)
    digest = sha256()
    for _ in range(300):
        digest.update(bytes(MiB))
    assert f'"sha256": "{digest.hexdigest()}"' in out
    # The interpreter with all modules takes more than half of that.
    assert most < 80 << 10
    (folder / name).unlink()


def test_a_slow_server_holds_the_pipe_back() -> None:
    with Slow() as server, pipe() as (end, far):
        os.set_blocking(far.fileno(), False)
        with sending(server.url, "-T", "-", stdin=end) as process:
            taken = fill(far)
            # Kernels keep some megabytes of a connection, and nobody keeps the rest.
            assert taken < 32 * MiB
            assert peak(process) < 80 << 10
            server.go_on()
            os.set_blocking(far.fileno(), True)
            far.write(b"the end")
            far.close()
            server.until(b"the end\r\n0\r\n\r\n")
            server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert ended(process) == ("", "", 0)


def test_who_writes_to_the_pipe_has_time() -> None:
    """The server is not to blame for the silence, and not given up."""
    with Slow() as server, pipe() as (end, far):
        server.go_on()
        line = (server.url, "-T", "-", "--stall-time", "1")
        with sending(*line, stdin=end) as process:
            far.write(b"one")
            server.until(b"one\r\n")
            sleep(2)
            far.write(b"two")
            far.close()
            server.until(b"two\r\n0\r\n\r\n")
            server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            assert ended(process) == ("", "", 0)


# Its end ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("option", [["-T", "-"], ["-F", "f=@-"]])
def test_a_signal_aborts_it(option: list[str], number: signal.Signals) -> None:
    """While it waits for the pipe: the server gets no end, and nothing is left waiting."""
    with Slow() as server, pipe() as (end, far):
        server.go_on()
        with sending(server.url, *option, stdin=end) as process:
            far.write(b"some bytes")
            server.until(b"some bytes")
            process.send_signal(number)
            out, err = process.communicate(timeout=10)
            assert (out, err) == ("", "txmultipart: stopped\n")
            assert process.returncode == 1
        server.lost.wait(10)
        assert not server.read.endswith(b"0\r\n\r\n")


def test_a_signal_while_the_server_takes_nothing() -> None:
    with Slow() as server, pipe() as (end, far):
        os.set_blocking(far.fileno(), False)
        with sending(server.url, "-T", "-", stdin=end) as process:
            fill(far)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=10)
            assert (err, process.returncode) == ("txmultipart: stopped\n", 1)


def test_a_server_that_goes_away() -> None:
    with Slow() as server, pipe() as (end, far):
        server.go_on()
        with sending(server.url, "-T", "-", stdin=end) as process:
            far.write(b"some bytes")
            server.until(b"some bytes")
            assert server.connection is not None
            server.connection.shutdown(socket.SHUT_RDWR)
            _, err, code = ended(process)
            assert code == 1
            assert err.startswith("txmultipart: ")
            assert err.count("\n") == 1


# A server that does nothing ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        (["--stall-time", "1"], "the server did nothing for 1 second (--stall-time)"),
        (["--max-time", "1"], "it was not done after 1 second (--max-time)"),
        (["-m1", "--stall-time=0"], "it was not done after 1 second (--max-time)"),
    ],
)
@each_way
def test_a_silent_server(way: list[str], option: list[str], reason: str) -> None:
    with Slow() as server:
        server.go_on()
        with sending(server.url, "-F", "a=b", *option, *way) as process:
            assert ended(process) == ("", f"txmultipart: {reason}\n", 1)


def test_a_server_that_does_not_go_on_with_its_answer() -> None:
    for status, code in ((200, 1), (500, 22)):
        with Slow() as server:
            server.go_on()
            line = (server.url, "-F", "a=b", "--stall-time", "1")
            with sending(*line) as process:
                server.until(b"\r\n\r\nb\r\n")
                head = f"HTTP/1.1 {status} X\r\nContent-Length: 9\r\n\r\nsome"
                server.say(head.encode())
                out, err = process.communicate(timeout=20)
                assert process.returncode == code
                assert "some" in (out if code == 1 else err)
                assert err.endswith(
                    "the server did nothing for 1 second (--stall-time)\n"
                )


# The terminal ------------------------------------------------------------------------------


def on_a_terminal(line: list[str], during: Any, **options: Any) -> str:
    """What stands on a terminal behind the program, of which ``during`` is the middle."""
    screen, terminal = pty.openpty()
    process = subprocess.Popen(line, stdout=terminal, stderr=terminal, **options)
    os.close(terminal)
    try:
        during(process)
        shown = b""
        while True:
            try:
                shown += os.read(screen, 4096)
            except OSError:  # nobody writes to it any more
                break
        process.wait(10)
    finally:
        process.kill()
        process.wait()
        os.close(screen)
    return shown.decode()


@pytest.mark.parametrize("how", ["signal", "lost", "refused"])
def test_what_is_said_stands_on_a_line_of_its_own(how: str) -> None:
    with Slow() as server, pipe() as (end, far):
        server.go_on()

        def during(process: Any) -> None:
            far.write(b"some bytes")
            server.until(b"some bytes")
            if how == "signal":
                process.send_signal(signal.SIGINT)
            elif how == "lost":
                assert server.connection is not None
                server.connection.shutdown(socket.SHUT_RDWR)
            else:
                server.say(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")

        shown = on_a_terminal(command("send", server.url, "-T", "-"), during, stdin=end)
    progress, *lines = shown.replace("\r\n", "\n").splitlines()[1:]
    assert progress.endswith(" MB")
    assert lines[0].startswith("txmultipart: ")
