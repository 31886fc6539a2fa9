"""The README's table of exchanges is what a run of these tests would make it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from subprocess import run

import pytest

from tests.interop.exchanges import (
    END,
    README,
    START,
    Exchange,
    declared,
    main,
    table,
    told,
)
from tests.programs import ROOT

TESTS = """
import pytest
from tests.interop.exchanges import configure, exchange

@exchange("pytest", "a test", "HTTP/9", "what works")
@pytest.mark.parametrize("n", [1, 2])
def test_it_works(n): pass

@exchange("pytest", "a test", "HTTP/9", "what works at times")
@pytest.mark.parametrize("n", [1, 2])
def test_it_works_once(n): assert n == 1
"""


def test_the_readme_has_all_of_them() -> None:
    assert told(README.read_text()) == declared()


def test_rows_go_into_the_readme_if_none_is_missing(tmp_path: Path) -> None:
    text = f"before\n{START}{table([])}{END}behind"
    readme, noted = tmp_path / "README.md", tmp_path / "rows.json"
    readme.write_text(text)
    first, *others = [(each[0], "1.0", *each[1:], True) for each in declared()]
    noted.write_text(json.dumps([*others, ("pytest", "1", "a", "b", "c", True)]))
    with pytest.raises(SystemExit) as refused:
        main(str(noted), readme)
    (_, missing, unknown) = str(refused.value).splitlines()
    assert missing == f"no run of: {', '.join((first[0], *first[2:5]))}"
    assert unknown == "no test says: pytest, a, b, c"
    assert readme.read_text() == text
    noted.write_text(json.dumps([first, *others]))
    main(str(noted), readme)
    assert told(readme.read_text()) == declared()


def test_a_run_notes_what_has_passed(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "from tests.interop.exchanges import configure as pytest_configure"
    )
    (tmp_path / "test_it.py").write_text(TESTS)
    noted = tmp_path / "rows.json"
    # The run around this one may be pytest-xdist's, with options of its own.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    environment |= {"TXMULTIPART_EXCHANGES": str(noted), "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    line += ["--basetemp", str(tmp_path / "inner"), str(tmp_path)]
    run(line, cwd=tmp_path, env=environment, check=False)
    rows = json.loads(noted.read_text())
    assert [(row[4], row[5]) for row in rows] == [
        ("what works", True),
        ("what works at times", False),
    ]
    text = f"before\n<!-- exchanges -->\n{table(rows)}<!-- end of exchanges -->\nbehind"
    assert told(text) == {Exchange("pytest", "a test", "HTTP/9", "what works")}
