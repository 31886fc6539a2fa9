"""The README's table of aiohttp's multipart chapter: each line has an example that runs."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py"))
#: Where examples are run: each by a test that is called like it.
RUNNERS = [
    importlib.import_module(f"tests.{path.stem}")
    for path in sorted((ROOT / "tests").glob("test_*examples.py"))
]

_, _, _table = (ROOT / "README.md").read_text().partition("<!-- chapter -->\n")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in _table.partition("\n\n")[0].splitlines()[2:]
]


def test_the_table_is_there() -> None:
    assert len(ROWS) >= 35
    assert {len(row) for row in ROWS} == {3}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[1]))
def test_the_example_shows_what_the_line_says(row: tuple[str, str, str]) -> None:
    _, ours, named = row
    (example,) = re.findall(r"`(\w+\.py)`", named)
    text = (ROOT / "examples" / example).read_text()
    # The first call that stands there; others say what could be written instead.
    call = re.findall(r"`([^`]+)`", ours)[0]
    words = set(re.findall(r"[A-Za-z_]\w+", call)) - {"await", "as", "with", "class"}
    missing = {word for word in words if word not in text}
    assert missing - VARIABLE == set()


#: What things are called in the table, and otherwise in an example.
VARIABLE = {"part", "reader", "response", "request", "data", "sink", "root", "body"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_run_by_a_test(example: str) -> None:
    name = f"test_{example.removesuffix('.py')}"
    (runner,) = [module for module in RUNNERS if hasattr(module, name)]
    assert f'"{example}"' in Path(str(runner.__file__)).read_text()


def test_every_example_stands_in_the_table() -> None:
    named = {name for row in ROWS for name in re.findall(r"`(\w+\.py)`", row[2])}
    assert named == set(EXAMPLES)
