"""The ``txmultipart`` command, in pieces and as a child process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import twisted.internet
from twisted.internet.testing import MemoryReactorClock

from tests.app.serving import (
    LOCAL,
    announced_url,
    child,
    command,
    environment,
    is_temporary,
    plugin_environment,
    serving_child,
    until,
)
from tests.peers import peer
from txmultipart.app import main, send
from txmultipart.app.main import CommandOptions as Options


class Reactor(MemoryReactorClock):
    """Runs what waits for it, and then what is to be done at the end."""

    def sigInt(self, number: int, frame: object = None) -> None:
        """As a reactor that has handlers for signals."""

    def callFromThread(self, call: Any, *args: Any) -> None:
        call(*args)

    def run(self, installSignalHandlers: bool = True) -> None:
        for hook, args, options in self.whenRunningHooks:
            hook(*args, **options)
        for when in ("before", "during", "after"):
            for trigger, args, options in self.triggers.get(when, {}).get(
                "shutdown", ()
            ):
                trigger(*args, **options)


@pytest.fixture
def reactor(monkeypatch: pytest.MonkeyPatch) -> Reactor:
    """A reactor that is over as soon as it runs."""
    reactor = Reactor()
    monkeypatch.setitem(sys.modules, "twisted.internet.reactor", reactor)
    monkeypatch.setattr(twisted.internet, "reactor", reactor)
    return reactor


def outcome_of(*line: str) -> Any:
    """What the command exits with."""
    with pytest.raises(SystemExit) as caught:
        main.main(line)
    return caught.value.code


class TestOptions:
    """The command line."""

    def test_serve(self, tmp_path: Path) -> None:
        options = Options()
        folder = tmp_path / "new" / "folder"
        options.parseOptions(["serve", str(folder), "--listen", "tcp:1", "-l", "tcp:2"])
        assert options.subCommand == "serve"
        assert options.subOptions["directory"] == str(folder)
        assert options.subOptions["listen"] == ["tcp:1", "tcp:2"]
        assert folder.is_dir()

    def test_options_first(self, tmp_path: Path) -> None:
        options = Options()
        options.parseOptions(["serve", "--max-size=3", str(tmp_path)])
        assert options.subOptions["max-size"] == 3
        assert options.subOptions["directory"] == str(tmp_path)

    def test_send(self) -> None:
        options = Options()
        options.parseOptions(["send", "http://x/", "-F", "a=1"])
        assert options.subOptions["form"] == ["a=1"]

    @pytest.mark.parametrize(
        ("line", "complaint"),
        [
            ((), "say what to do: serve or send"),
            (("serve",), "say which one folder"),
            (("serve", "a", "b"), "say which one folder"),
            (("serve", "a", "--forward", "http://b/"), "not both"),
            (("dance",), "Unknown command: dance"),
            (("serve", "/dev/null"), "File exists"),
            (("serve", "--nonsense", "x"), "nonsense"),
            (("send", "nowhere", "-F", "a=1"), "http://"),
        ],
    )
    def test_mistakes(self, line: tuple[str, ...], complaint: str) -> None:
        code = outcome_of(*line)
        synopsis, problem = code.splitlines()
        assert "txmultipart" in synopsis
        assert problem.startswith("txmultipart: ")
        assert complaint in problem


class TestInPieces:
    """What the command does, without a process of its own."""

    def test_serve(
        self, reactor: Reactor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert outcome_of("serve", str(tmp_path), "--listen", "tcp:8080") == 0
        ((port, *_),) = reactor.tcpServers
        assert port == 8080
        printed = capsys.readouterr().out
        assert printed.startswith("Receiving at http://")
        assert "curl" in printed

    @pytest.mark.parametrize("endpoint", ["nonsense", "tcp:x", "tcp:1:x=1"])
    def test_an_endpoint_that_is_none(
        self, endpoint: str, reactor: Reactor, tmp_path: Path
    ) -> None:
        code = outcome_of("serve", str(tmp_path), "--listen", endpoint)
        assert code.startswith("txmultipart: ")
        assert reactor.hasStopped

    def test_send(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[send.SendOptions] = []

        def run(options: send.SendOptions) -> int:
            seen.append(options)
            return 3

        monkeypatch.setattr(send, "run", run)
        assert outcome_of("send", "http://x/", "-T", "file") == 3
        assert seen[0]["upload-file"] == "file"

    def test_the_arguments_of_the_process(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["txmultipart", "dance"])
        with pytest.raises(SystemExit, match="Unknown command"):
            main.main()


def put(url: str, content: bytes) -> str:
    """PUT without anything of ours; the answer."""
    request = urllib.request.Request(url, content, method="PUT")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(answer.read().decode())


def test_a_second_signal_is_from_somebody_in_a_hurry(reactor: Reactor) -> None:
    hurried: list[bool] = []

    class Service:
        """Keeps that it was told."""

        def hurry(self) -> None:
            hurried.append(True)

    before = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, reactor.sigInt)
    try:
        told: Any = Service()
        main._hurry_next_time(told)
        again: Any = signal.getsignal(signal.SIGINT)
        again(signal.SIGINT, None)
    finally:
        signal.signal(signal.SIGINT, before)
    assert hurried == [True]


class TestChild:
    """As people run it."""

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_serve_until_it_is_stopped(
        self, number: signal.Signals, tmp_path: Path
    ) -> None:
        with serving_child(tmp_path) as (process, url):
            assert '"stored": "a.txt"' in put(url + "a.txt", b"content")
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
            assert (process.returncode, err) == (0, "")
        assert (tmp_path / "a.txt").read_bytes() == b"content"

    def test_stopped_in_the_middle_of_an_upload(self, tmp_path: Path) -> None:
        sent = tmp_path / "sent"
        sent.write_bytes(bytes(1 << 20))
        folder = tmp_path / "inbox"
        with (
            serving_child(folder, "--drain-time", "0") as (process, url),
            child(peer("curl"), "-sT", str(sent), "--limit-rate", "64k", url) as curl,
        ):
            until(lambda: any(map(is_temporary, folder.iterdir())), curl)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=30)
            curl.wait(timeout=30)
            assert process.returncode == 0
            assert "Traceback" not in err
        assert list(folder.iterdir()) == []

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_stopped_twice_by_somebody_in_a_hurry(
        self, number: signal.Signals, tmp_path: Path
    ) -> None:
        sent = tmp_path / "sent"
        sent.write_bytes(bytes(1 << 20))
        folder = tmp_path / "inbox"
        with (
            serving_child(folder, "--drain-time", "1000") as (process, url),
            child(peer("curl"), "-sT", str(sent), "--limit-rate", "64k", url) as curl,
        ):
            until(lambda: any(map(is_temporary, folder.iterdir())), curl)
            process.send_signal(number)
            assert process.stdout is not None
            process.stdout.readline()
            assert process.stdout.readline().startswith("Stopping: up to 1000 s")
            process.send_signal(number)
            _, err = process.communicate(timeout=30)
            curl.wait(timeout=30)
            assert (process.returncode, err) == (0, "")
        assert list(folder.iterdir()) == []

    def test_two_endpoints(self, tmp_path: Path) -> None:
        with serving_child(tmp_path, "--listen", LOCAL) as (process, first):
            assert process.stdout is not None
            process.stdout.readline()
            second = announced_url(process)
            assert first != second
            for url in (first, second):
                assert '"size": 1' in put(url + "a", b"x")

    def test_a_port_that_is_taken(self, tmp_path: Path) -> None:
        with serving_child(tmp_path) as (_, url):
            port = url.rstrip("/").rpartition(":")[2]
            line = ["--listen", f"tcp:{port}:interface=127.0.0.1"]
            ended = _run("serve", str(tmp_path), "--listen", LOCAL, *line)
        assert ended.returncode == 1
        assert ended.stderr.startswith("txmultipart: Couldn't listen on 127.0.0.1:")
        assert ended.stderr.count("\n") == 1

    @pytest.mark.parametrize(
        ("line", "usage"),
        [
            (["--help"], "serve DIR [options] | txmultipart send URL [options]"),
            (
                ["serve", "--help"],
                "serve DIR [options] | --forward URL [options]",
            ),
            (
                ["send", "--help"],
                "send URL (-F NAME=CONTENT)... | URL -T FILE [options]",
            ),
        ],
    )
    def test_help(self, line: list[str], usage: str) -> None:
        ended = _run(*line)
        assert ended.returncode == 0
        assert ended.stdout.startswith(f"Usage: txmultipart {usage}\n")
        assert ".  " not in ended.stdout
        assert ("Exit codes:" in ended.stdout) is (line[0] == "send")

    @pytest.mark.parametrize("line", [[], ["serve"], ["send"]])
    def test_version(self, line: list[str]) -> None:
        ended = _run(*line, "--version")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert re.fullmatch(
            r"txmultipart/\S+ Twisted/\d\S+ h2/\d\S+ Python/3\S+\n", ended.stdout
        )

    def test_a_mistake(self) -> None:
        ended = _run("dance")
        assert ended.returncode == 1
        assert "Unknown command" in ended.stderr
        assert "Traceback" not in ended.stderr

    def test_send_to_serve(self, tmp_path: Path) -> None:
        sent = tmp_path / "sent.bin"
        sent.write_bytes(os.urandom(1 << 20))
        folder = tmp_path / "inbox"
        with serving_child(folder) as (_, url):
            form = _run("send", url, "-F", "a=1", "-F", f"f=@{sent};filename=b.bin")
            assert (form.returncode, form.stderr) == (0, "")
            assert '"stored": "b.bin"' in form.stdout
            raw = _run("send", "-T", str(sent), url)
            assert raw.returncode == 0
            refused = _run("send", "-T", str(sent), url + "a/b")
            assert (refused.returncode, refused.stdout) == (22, "")
            assert refused.stderr.startswith("txmultipart: the server answered 400 ")
            assert '"bad-name"' in refused.stderr
        for name in ("b.bin", "sent.bin"):
            assert (folder / name).read_bytes() == sent.read_bytes()

    def test_send_to_nobody(self, tmp_path: Path) -> None:
        ended = _run("send", "http://127.0.0.1:1/", "-F", "a=1")
        assert ended.returncode == 1
        assert ended.stderr.startswith("txmultipart: ")
        assert ended.stderr.count("\n") == 1

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_sender_that_is_stopped_says_so(
        self, number: signal.Signals, tmp_path: Path
    ) -> None:
        folder, pipe = tmp_path / "inbox", tmp_path / "big"
        pipe.write_bytes(b"")
        os.truncate(pipe, 15 << 30)  # it takes no room, and longer than the test
        line = command("send", "http://127.0.0.1", "-T", str(pipe))
        with serving_child(folder) as (server, url):
            line[-3] = url
            with child(*line) as sender:
                until(lambda: any(map(is_temporary, folder.iterdir())), sender)
                sender.send_signal(number)
                _, err = sender.communicate(timeout=30)
                assert sender.returncode == 1
                assert err.startswith("txmultipart: ")
                assert "Traceback" not in err
            until(lambda: not any(folder.iterdir()), server)


def _run(*line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*line), env=environment(), text=True, capture_output=True, timeout=60
    )


class TestPlugin:
    """The same service under Twisted's own programs."""

    @pytest.fixture
    def plugin(self, tmp_path: Path) -> dict[str, str]:
        """An environment in which Twisted finds the plugin, installed or not."""
        return plugin_environment(tmp_path)

    def test_twist(self, plugin: dict[str, str], tmp_path: Path) -> None:
        folder = tmp_path / "inbox"
        folder.mkdir()
        options = ["--directory", str(folder), "--listen", LOCAL, "--listen", LOCAL]
        with subprocess.Popen(
            [peer("twist"), "txmultipart", *options],
            env=plugin,
            text=True,
            stdout=subprocess.PIPE,
        ) as process:
            try:
                assert process.stdout is not None
                lines = iter(process.stdout.readline, "")
                said = next(line for line in lines if "Receiving at" in line)
                url = next(word for word in said.split() if word.startswith("http"))
                assert '"stored": "a"' in put(url + "a", b"content")
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=30)
            finally:
                process.kill()
        assert (folder / "a").read_bytes() == b"content"

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            (["--directory", "/nowhere/at/all"], "there is no folder"),
            (["--directory", "/", "--listen", "nonsense"], "Unknown endpoint type"),
        ],
    )
    def test_twist_says_what_is_wrong(
        self, options: list[str], complaint: str, plugin: dict[str, str]
    ) -> None:
        ended = subprocess.run(
            [peer("twist"), "txmultipart", *options],
            env=plugin,
            text=True,
            capture_output=True,
            timeout=60,
        )
        assert ended.returncode != 0
        assert complaint in ended.stdout + ended.stderr
