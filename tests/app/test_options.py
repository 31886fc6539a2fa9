"""Options may stand anywhere, as people write them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError

import pytest
from twisted.python import usage

from txmultipart.app import options as app_options
from txmultipart.app.options import AnyOrderOptions


class Options(AnyOrderOptions):
    """One of each kind."""

    optFlags = (("quiet", "q", "Say nothing."),)
    optParameters = (("size", "s", None, "How large.", int),)

    def __init__(self) -> None:
        super().__init__()
        self["seen"] = []

    def opt_field(self, value: str) -> None:
        """A field; several times."""
        self["seen"].append(value)

    opt_F = opt_field

    def parseArgs(self, *words: str) -> None:
        self["words"] = list(words)


def parsed(*line: str) -> Options:
    options = Options()
    options.parseOptions(line)
    return options


@pytest.mark.parametrize(
    "line",
    [
        "a b -q -s 3 -F x",
        "-q -s 3 -F x a b",
        "a -q -s3 b --field x",
        "a --quiet --size=3 -Fx b",
        "a --size 3 --field=x -q -- b",
    ],
)
def test_any_order(line: str) -> None:
    options = parsed(*line.split())
    assert options["words"] == ["a", "b"]
    assert (options["quiet"], options["size"], options["seen"]) == (1, 3, ["x"])


@pytest.mark.parametrize("value", ["-x", "--size", "=", "a=b", "", " ", "-"])
def test_a_value_may_be_anything(value: str) -> None:
    assert parsed("a", f"--field={value}", "b")["seen"] == [value]
    assert parsed("--field", value)["seen"] == [value]
    assert parsed("-F", value)["words"] == []
    assert parsed("-F", value)["seen"] == [value]


def test_behind_two_dashes_all_are_words() -> None:
    assert parsed("--", "-q", "--size")["words"] == ["-q", "--size"]


def test_nothing() -> None:
    options = Options()
    options.parseOptions(())
    assert options["words"] == []


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (["--nonsense"], "nonsense"),
        (["a", "-x"], "-x"),
        (["--size"], "size"),
        (["-s", "much"], "much"),
    ],
)
def test_mistakes(line: list[str], complaint: str) -> None:
    with pytest.raises(usage.UsageError, match=complaint):
        parsed(*line)


def test_the_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def installed(package: str) -> str:
        if package == "txmultipart":
            raise PackageNotFoundError(package)
        return "1.2"

    monkeypatch.setattr(app_options, "installed", installed)
    with pytest.raises(SystemExit) as caught:
        parsed("--version")
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith("txmultipart/unknown Twisted/1.2 h2/1.2 Python/3.")
