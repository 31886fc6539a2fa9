"""The service: what it announces, takes, refuses, and leaves behind when it stops."""

from __future__ import annotations

import hashlib
from pathlib import Path
from shlex import quote
from typing import Any

import pytest
from twisted.application.service import IService
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from twisted.python import usage
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.app.serving import LOCAL, Serving, curl, later, run
from tests.guard import LoggedErrors
from tests.web.wire import FORM, Wire, head, request_bytes
from txmultipart.app import service
from txmultipart.app.forward import Forwarding
from txmultipart.app.inbox import Inbox
from txmultipart.app.resource import InboxResource
from txmultipart.app.service import DEFAULT_ENDPOINT, InboxService, Options, makeService
from txmultipart.app.target import Receiving
from txmultipart.limits import Limits


class TestOptions:
    """What ``twist txmultipart`` takes."""

    def test_the_defaults(self) -> None:
        options = Options()
        options.parseOptions([])
        assert options["directory"] == "."
        assert options["listen"] == [DEFAULT_ENDPOINT]
        assert options["forward"] is None
        assert options["max-size"] == Limits().max_part_size

    def test_all_of_them(self, tmp_path: Path) -> None:
        options = Options()
        line = ["-d", str(tmp_path), "--listen", "tcp:1", "-l", "tcp:2"]
        options.parseOptions([*line, "--max-size", "9", "--drain-time", "3"])
        assert options["drain-time"] == 3
        assert options["directory"] == str(tmp_path)
        assert options["listen"] == ["tcp:1", "tcp:2"]
        assert options["max-size"] == 9

    def test_two_have_not_one_list(self) -> None:
        first, second = Options(), Options()
        first.parseOptions(["--listen", "tcp:1"])
        second.parseOptions(["--listen", "tcp:2"])
        assert first["listen"] == ["tcp:1"]

    @pytest.mark.parametrize(
        ("line", "complaint"),
        [
            (["--directory", "/nowhere/at/all"], "there is no folder"),
            (["--max-size", "much"], "max-size is a whole number"),
            (["--max-size", "-1"], "max-size is a whole number"),
            (["--drain-time", "long"], "drain-time is a whole number"),
            (["--unknown"], "unknown"),
            (["word"], "number of arguments"),
        ],
    )
    def test_mistakes(self, line: list[str], complaint: str) -> None:
        with pytest.raises(usage.UsageError, match=complaint):
            Options().parseOptions(line)


class FakePort:
    """A port that is nowhere."""

    def __init__(self, address: Any, closing: Any = None) -> None:
        self.address = address
        self.closing = closing

    def getHost(self) -> Any:
        return self.address

    def stopListening(self) -> Any:
        return self.closing


class Address:
    """Where a port listens."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.port = 8080


def welcome(endpoint: str, address: Any) -> list[str]:
    port: Any = FakePort(address)
    inbox = Inbox(Path("/inbox"), max_size=1)
    return Receiving(inbox).welcome(service._place(endpoint, port))


class TestWelcome:
    """The lines for people."""

    @pytest.mark.parametrize(
        ("endpoint", "host", "url"),
        [
            ("tcp:8080", "0.0.0.0", "http://127.0.0.1:8080/"),
            ("tcp:8080", "127.0.0.1", "http://127.0.0.1:8080/"),
            ("tcp6:8080", "::", "http://127.0.0.1:8080/"),
            ("tcp6:8080", "::1", "http://[::1]:8080/"),
            ("tcp:8080", "192.0.2.1", "http://192.0.2.1:8080/"),
            ("ssl:8080", "127.0.0.1", "https://127.0.0.1:8080/"),
            ("tls:8080", "127.0.0.1", "https://127.0.0.1:8080/"),
        ],
    )
    def test_an_address(self, endpoint: str, host: str, url: str) -> None:
        address, example = welcome(endpoint, Address(host))
        assert address == f"Receiving at {url} into /inbox"
        assert example.endswith(f" {quote(url)}")
        assert ("--insecure" in example) is url.startswith("https")

    def test_where_all_is_forwarded(self) -> None:
        target = Forwarding(Clock(), "http://upstream.test/", max_size=1)
        port: Any = FakePort(Address("0.0.0.0"))
        (line,) = target.welcome(service._place("tcp:8080", port))
        there = "to http://upstream.test/"
        assert line == f"Forwarding from http://127.0.0.1:8080/ {there}"

    def test_a_place_without_a_port(self) -> None:
        (line,) = welcome("unix:/run/socket", object())
        assert line == "Receiving at unix:/run/socket into /inbox"

    async def test_the_curl_line_works_when_pasted(self, tmp_path: Path) -> None:
        async with Serving(tmp_path) as serving:
            assert serving.said[0] == f"Receiving at {serving.url} into {tmp_path}"
            pasted = serving.said[1].removeprefix("Try: ")
            out, err, code = await run("/bin/sh", "-c", pasted)
            assert code == 0, err
            assert '"stored": "hello.txt"' in out
            assert serving.files == {"hello.txt": b"hello\n"}


class TestListening:
    """One endpoint, several, and such as cannot be had."""

    async def test_several_endpoints(self, tmp_path: Path) -> None:
        async with Serving(tmp_path, LOCAL, LOCAL) as serving:
            first, second = serving.ports
            assert first.getHost() != second.getHost()
            assert len(serving.said) == 4
            for port in serving.ports:
                address: Any = port.getHost()
                url = f"http://127.0.0.1:{address.port}/n.txt"
                out, _ = await curl("-X", "PUT", "--data-binary", "x", url)
                assert '"size": 1' in out
        assert set(serving.files) == {"n.txt", "n (1).txt"}

    async def test_one_of_two_cannot_be_had(self, tmp_path: Path) -> None:
        async with Serving(tmp_path) as serving:
            taken = f"tcp:{serving.port}:interface=127.0.0.1"
            second = Serving(tmp_path, LOCAL, taken)
            problems: list[Failure] = []
            second.service.listening.addErrback(problems.append)
            second.service.startService()
            (problem,) = problems
            assert problem.check(CannotListenError)
            assert second.said == []
            await second.service.stopService()

    @pytest.mark.parametrize("endpoint", ["nonsense", "tcp:x", "tcp:1:nonsense=1"])
    async def test_nonsense(self, endpoint: str, tmp_path: Path) -> None:
        serving = Serving(tmp_path, endpoint)
        with pytest.raises((ValueError, TypeError)):
            serving.service.startService()
        await serving.service.stopService()

    async def test_it_shows_later(
        self, monkeypatch: pytest.MonkeyPatch, logged_errors: LoggedErrors
    ) -> None:
        class Endpoint:
            def __init__(self) -> None:
                self.port: Deferred[Any] = Deferred()

            def listen(self, factory: Any) -> Deferred[Any]:
                return self.port

        endpoint = Endpoint()
        monkeypatch.setattr(service, "serverFromString", lambda *_: endpoint)
        inbox = Inbox(Path("/nowhere"), max_size=1)
        InboxService(Clock(), Receiving(inbox), ["any"], print).startService()
        endpoint.port.errback(CannotListenError(None, 1, OSError("taken")))
        assert len(logged_errors.flush(CannotListenError)) == 1

    @pytest.mark.parametrize("closing", [None, succeed(None)])
    async def test_a_port_may_close_at_once(
        self, closing: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Endpoint:
            def listen(self, factory: Any) -> Deferred[Any]:
                return succeed(FakePort(object(), closing))

        monkeypatch.setattr(service, "serverFromString", lambda *_: Endpoint())
        said: list[str] = []
        inbox = Inbox(Path("/inbox"), max_size=1)
        started = InboxService(Clock(), Receiving(inbox), ["any"], said.append)
        started.startService()
        assert said == ["Receiving at any into /inbox"]
        await started.stopService()

    async def test_what_the_plugin_calls(self, tmp_path: Path) -> None:
        options = Options()
        options.parseOptions(["--directory", str(tmp_path), "--listen", LOCAL])
        logged: list[str] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            logged.append(str(event.get("line")))

        made: Any = makeService(options)
        assert IService.providedBy(made)
        globalLogPublisher.addObserver(observe)
        made.startService()
        globalLogPublisher.removeObserver(observe)
        assert any(line.startswith("Receiving at http://") for line in logged)
        await made.stopService()


class TestStopping:
    """What has not come whole is removed."""

    @pytest.mark.parametrize("sent", [10, 1 << 20])
    async def test_in_the_middle_of_an_upload(
        self, sent: int, tmp_path: Path, logged_errors: LoggedErrors
    ) -> None:
        async with Serving(tmp_path) as serving:
            talk = await serving.talk()
            talk.send(head("PUT", "/big", f"Content-Length: {2 * sent}") + bytes(sent))
            await serving.until_a_file_begins()
            await serving.service.stopService()
            assert serving.files == {}
            await talk.abort()
            await later()
        assert serving.files == {}

    async def test_twice(self, tmp_path: Path) -> None:
        async with Serving(tmp_path) as serving:
            await serving.service.stopService()

    async def test_an_idle_connection_is_closed(self, tmp_path: Path) -> None:
        async with Serving(tmp_path, drain_time=50) as serving:
            talk = await serving.talk()
            await talk.ask(request_bytes("PUT", "/a", b"before"))
            await serving.service.stopService()
            assert await talk.closed()
            assert serving.files == {"a": b"before"}
            assert len(serving.said) == 2

    async def test_an_upload_under_way_comes_to_its_end(self, tmp_path: Path) -> None:
        async with Serving(tmp_path, drain_time=50) as serving:
            talk = await serving.talk()
            talk.send(head("PUT", "/a", "Content-Length: 6") + b"abc")
            await serving.until_a_file_begins()
            stopped = serving.service.stopService()
            while len(serving.said) == 2:
                await later()
            assert not stopped.called
            assert serving.said[2] == "Stopping: up to 50 s for connections in use: 1"
            talk.send(b"def")
            answer = await talk.answer()
            assert answer.status == 201
            assert answer.headers["connection"] == "close"
            await stopped
            assert serving.files == {"a": b"abcdef"}

    async def test_somebody_is_in_a_hurry(self, tmp_path: Path) -> None:
        async with Serving(tmp_path, drain_time=1000) as serving:
            talk = await serving.talk()
            talk.send(head("PUT", "/a", "Content-Length: 6") + b"abc")
            await serving.until_a_file_begins()
            stopped = serving.service.stopService()
            await later()
            serving.service.hurry()
            assert (await talk.answer()).status == 503
            await stopped
            assert serving.files == {}

    async def test_an_upload_that_takes_too_long_is_told_so(
        self, tmp_path: Path
    ) -> None:
        async with Serving(tmp_path, drain_time=0.01) as serving:
            talk = await serving.talk()
            talk.send(head("PUT", "/a", "Content-Length: 6") + b"abc")
            await serving.until_a_file_begins()
            stopped = serving.service.stopService()
            answer = await talk.answer()
            assert (answer.status, answer.json()["error"]) == (503, "stopping")
            await stopped
            assert serving.files == {}

    async def test_what_comes_after_that_is_refused(self, tmp_path: Path) -> None:
        inbox = Inbox(tmp_path, max_size=10)
        await inbox.close()
        wire = Wire(InboxResource(inbox)).send(request_bytes("PUT", "/b", b"after"))
        assert wire.answer.status == 503
        assert wire.answer.json()["error"] == "stopping"
        wire.lose()

    async def test_whole_files_stay(self, tmp_path: Path) -> None:
        async with Serving(tmp_path) as serving:
            await serving.ask(request_bytes("PUT", "/a", b"content"))
        assert serving.files == {"a": b"content"}


async def test_what_is_stored_is_what_was_sent(tmp_path: Path) -> None:
    content = bytes(range(256)) * 8192
    async with Serving(tmp_path) as serving:
        answer = await serving.ask(request_bytes("PUT", "/a", content))
        (stored,) = answer.json()["parts"]
        assert stored["sha256"] == hashlib.sha256(content).hexdigest()
        assert stored["size"] == len(content)
        assert serving.files == {"a": content}


async def test_too_large_a_file(tmp_path: Path) -> None:
    async with Serving(tmp_path, max_size=10) as serving:
        talk = await serving.talk()
        for request in (
            request_bytes("PUT", "/a", bytes(11)),
            head("PUT", "/a", "Transfer-Encoding: chunked") + b"b\r\n" + bytes(11),
            request_bytes("POST", "/", b"--frontier\r\n" + bytes(11), FORM),
        ):
            answer = await talk.ask(request)
            assert answer.status in (413, 400)
            if answer.headers.get("connection") == "close":
                await talk.close()
                talk = await serving.talk()
        assert serving.files == {}
