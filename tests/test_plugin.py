"""The twistd plugin: ``twist`` and ``twistd`` list our service, at little cost."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.peers import peer

PLUGIN = Path(__file__).parent.parent / "txmultipart/plugins/txmultipart_plugin.py"

LOOK = """
import runpy, sys
maker = runpy.run_path(sys.argv[1])["txmultipart"]
print(maker.tapname, maker.module)
print(*sorted(name for name in sys.modules if name.startswith("txmultipart")))
print("twisted.internet.reactor" in sys.modules)
"""


def test_importing_it_loads_neither_our_code_nor_a_reactor() -> None:
    command = [sys.executable, "-c", LOOK, str(PLUGIN)]
    names, ours, reactor = subprocess.check_output(command, text=True).splitlines()
    assert names == "txmultipart txmultipart.app.service"
    assert (ours, reactor) == ("", "False")


@pytest.mark.parametrize("program", ["twist", "twistd"])
def test_it_is_listed_where_we_are_installed(program: str) -> None:
    peer("txmultipart")
    printed = subprocess.check_output([peer(program), "--help"], text=True)
    assert "Receive uploads over HTTP" in printed
