"""The README is true: its programs run, its tables match the code."""

from __future__ import annotations

import configparser
import re
import shutil
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from twisted.python import usage
from twisted.python.components import registerAdapter

import txmultipart
from tests.peers import peer
from tests.programs import ROOT, Program, run
from txmultipart import (
    FormData,
    IPayload,
    Limits,
    MultipartError,
    MultipartResource,
    Payload,
    Sink,
)
from txmultipart.app.main import ServeOptions
from txmultipart.app.send import SendOptions
from txmultipart.testing import InMemoryServer

README = (ROOT / "README.md").read_text()


def program(name: str) -> str:
    """The text of a program in the README."""
    match = re.search(rf"<!-- program: {name} -->\n```python\n(.*?)```", README, re.S)
    assert match, name
    return match[1]


def commands(marker: str) -> str:
    """The commands behind a marker in the README."""
    match = re.search(rf"<!-- {marker} -->\n```sh\n(.*?)```", README, re.S)
    assert match, marker
    return match[1]


WRONG = program("test_sizes.py").replace("sum(", "len(")


async def serve(name: str, folder: Path) -> tuple[str, Program]:
    """Run a server of the README in ``folder``: its URL, and the process."""
    text = program(name)
    assert text.count('"tcp:8080"') == 1
    (folder / name).write_text(
        text.replace('"tcp:8080"', '"tcp:0:interface=127.0.0.1"')
    )
    process = run(sys.executable, name, cwd=folder)
    port = re.search(r"\bon (\d+)", await process.spoke)
    assert port, process.printed
    return f"http://127.0.0.1:{port[1]}/", process


async def test_client_sends_to_server(tmp_path: Path) -> None:
    video = bytes(range(256)) * 4000
    (tmp_path / "holiday.mp4").write_bytes(video)
    url, server = await serve("server.py", tmp_path)
    text = program("client.py").replace("http://127.0.0.1:8080/", url)
    (tmp_path / "client.py").write_text(text)
    printed = await run(sys.executable, "client.py", cwd=tmp_path).ended
    assert printed.endswith("200 thank you\n\n")
    assert re.search(r"(\d+) of \1 bytes", printed)
    assert (tmp_path / "holiday (1).mp4").read_bytes() == video
    await server.stop()


@pytest.mark.parametrize("right", [True, False])
async def test_the_test(right: bool, tmp_path: Path) -> None:
    """It passes, and fails where what it tests is wrong."""
    text = program("test_sizes.py") if right else WRONG
    (tmp_path / "test_sizes.py").write_text(text)
    options = ("-q", "-p", "no:cacheprovider")
    ran = run(sys.executable, "-m", "pytest", *options, "test_sizes.py", cwd=tmp_path)
    printed = await ran.ended
    assert ran.clean == right
    assert f"6 {'passed' if right else 'failed'}" in printed


async def test_adding_to_it() -> None:
    """A thing of one's own is sent, and a place of one's own takes it."""

    class Thing:
        content = b"a thing"

    class Source:
        def __init__(self, thing: Thing) -> None:
            self._left = [thing.content]

        def read(self) -> bytes:
            return self._left.pop() if self._left else b""

        def close(self) -> None: ...

    class Place(Sink):
        def __init__(self) -> None:
            self.taken = b""

        def write(self, data: bytes) -> None:
            self.taken += data

    class Taking(MultipartResource):
        isLeaf = True

        async def render_multipart(self, request: Any, reader: Any) -> bytes:
            place = Place()
            async for part in reader:
                await part.write_to(place)
            return place.taken

    registerAdapter(lambda thing: Payload(lambda: Source(thing)), Thing, IPayload)
    form = FormData()
    form.add_field("one", Thing())
    form.add_file("two", Thing(), filename="a.thing")
    server = InMemoryServer(Taking())
    response = server.run(server.client.post("http://example.test/", data=form))
    assert server.run(response.text()) == "a thinga thing"


async def test_album(tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.jpg").write_bytes(b"%d" % number * 100_000)
    url, server = await serve("server.py", tmp_path)
    text = program("album.py").replace("http://127.0.0.1:8080/", url)
    (tmp_path / "album.py").write_text(text)
    printed = await run(sys.executable, "album.py", cwd=tmp_path).ended
    assert printed == "(b'HTTP', 2, 0) thank you\n\n" * 5
    for path in folder.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    await server.stop()


async def test_klein_app(tmp_path: Path) -> None:
    url, server = await serve("klein_app.py", tmp_path)
    curl = peer("curl")
    form = run(curl, "-sS", "-F", "a=1", "-F", "b=2", url + "form")
    assert await form.ended == "a, b"
    raw = run(curl, "-sS", "-T", str(ROOT / "README.md"), url + "raw")
    assert await raw.ended == str(len(README.encode()))
    await server.stop()


async def test_voice() -> None:
    """Both commands, with a silent file as the microphone."""
    text = commands("voice").replace(".venv/bin/python", sys.executable)
    for_service, _, for_device = text.partition("\n")
    listen = "tcp:0:interface=127.0.0.1"
    service = run("sh", "-c", f"exec {for_service} {listen}")
    port = re.search(r"\bon (\d+)", await service.spoke)
    assert port, service.printed
    silence, count = re.subn(
        r"^arecord .* \|$", "head -c 99999 /dev/zero |", for_device, flags=re.M
    )
    assert count == 1
    device = run("sh", "-c", silence.replace(":8080/", f":{port[1]}/"))
    assert "directive: Speak\n" in await device.ended
    assert device.clean
    await service.stop()


@pytest.mark.wheel
async def test_the_first_commands(tmp_path: Path) -> None:
    """Those that a newcomer types, one after the other, in a copy of this checkout."""
    kept = [
        "txmultipart",
        "examples",
        "README.md",
        "LICENSE",
        "pyproject.toml",
        "setup.cfg",
    ]
    for name in kept:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    line = commands("run").strip()
    assert line.endswith(" serve uploads")
    install, _, program = line.rpartition(" && ")
    assert (await run("sh", "-c", install, cwd=tmp_path).ended) is not None
    words = f"exec env -u PYTHONPATH {program} --listen tcp:0:interface=127.0.0.1"
    server = run("sh", "-c", words, cwd=tmp_path)
    url = (await server.spoke).split()[2]
    treq = run("sh", "-c", commands("treq"), cwd=tmp_path)
    await treq.ended
    assert treq.clean
    path = ("env", "-u", "PYTHONPATH", ".venv/bin/python", "examples/upload.py")
    client = run(*path, url, "LICENSE", cwd=tmp_path)
    await client.ended
    assert client.clean
    stored = (tmp_path / "uploads" / "LICENSE").read_bytes()
    assert stored == (ROOT / "LICENSE").read_bytes()
    await server.stop()


def test_extras_are_there() -> None:
    """What is installed in brackets is something that setup.cfg offers."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", "utf-8")
    named = set(re.findall(r"(?:\.|`txmultipart)\[(\w+)\]", README))
    assert named == set(config["options.extras_require"]) - {"lint"}


def place(heading: str) -> str:
    """What leads to a heading."""
    return "#" + re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_links_lead_somewhere() -> None:
    """To another site, or to a heading: where this text is shown, there may be no files."""
    links = re.findall(r"\]\(([^)]+)\)", README)
    within = {link for link in links if not link.startswith("https://")}
    # The table of contents has each chapter.
    assert within == {place(title) for title in re.findall(r"^## (.+)$", README, re.M)}


def test_named_examples_are_there() -> None:
    for name in re.findall(r"`(examples/[\w/]+\.py)`", README):
        assert (ROOT / name).exists()


def test_prose_is_wrapped() -> None:
    lines = re.sub(r"```.*?```", "", README, flags=re.S).splitlines()
    prose = [line for line in lines if not line.startswith("|") and "http" not in line]
    assert max(map(len, prose)) <= 100


@pytest.mark.parametrize("options", [ServeOptions, SendOptions])
def test_options_of_the_program(options: type[usage.Options]) -> None:
    """Each stands in the chapter about the program, under one of its names."""
    chapter = README.partition("\n## The program\n")[2].partition("\n## ")[0]
    spelled = set(re.findall(r"(?<![\w-])--?([A-Za-z][\w.-]*)", chapter))
    missing = {
        canonical
        for canonical in set(options().synonyms.values())
        if not spelled & {k for k, v in options().synonyms.items() if v == canonical}
    }
    assert missing <= {"version", "help"}


def test_limits_are_those_of_the_table() -> None:
    rows = dict(re.findall(r"^\| `(max_\w+)` \| ([\d,]+) \|$", README, re.M))
    assert rows == {f.name: f"{f.default:,}" for f in fields(Limits)}


def test_errors_are_those_of_the_table() -> None:
    """Every error of ours that is exported stands in the table, with its status."""
    rows = re.findall(
        r"^\| (`[A-Z]\w+`(?:, `\w+`)*) \| ([\d, ]+|–|as decided) \|", README, re.M
    )
    told = {
        name: status for names, status in rows for name in re.findall(r"\w+", names)
    }
    exported = [getattr(txmultipart, name) for name in txmultipart.__all__]
    errors = [e for e in exported if isinstance(e, type) and issubclass(e, Exception)]
    assert set(told) == {e.__name__ for e in errors} - {"MultipartError"}
    for error in errors:
        if issubclass(error, MultipartError) and error is not MultipartError:
            status = told[error.__name__]
            assert status != "–"
            assert str(error.http_status) in status or status == "as decided"
        elif error is not MultipartError:
            assert told[error.__name__] == "–"


@pytest.mark.parametrize("name", re.findall(r"^\* `(\w+)`", README, re.M))
def test_names_of_the_tour_are_public(name: str) -> None:
    assert name in txmultipart.__all__ or name == "txmultipart"
