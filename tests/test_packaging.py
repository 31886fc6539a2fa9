"""What setup.cfg, the README and ``.ci/run`` say about each other is true."""

import configparser
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def _packages_listed() -> set[str]:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", "utf-8")
    return set(config["options"]["packages"].split())


def _packages_there() -> set[str]:
    inits = (ROOT / "txmultipart").rglob("__init__.py")
    return {".".join(init.parent.relative_to(ROOT).parts) for init in inits}


def test_every_package_is_shipped() -> None:
    assert _packages_there() <= _packages_listed()


def test_the_plugin_is_in_a_folder_that_is_no_package() -> None:
    assert "twisted.plugins" in _packages_listed()
    assert not (ROOT / "txmultipart" / "plugins" / "__init__.py").exists()


def test_ci_runs_the_test_command_of_the_readme() -> None:
    ci = ROOT / ".ci" / "run"
    command = subprocess.check_output([ci, "--command"], text=True).strip()
    assert command in (ROOT / "README.md").read_text("utf-8").splitlines()
    assert command.endswith(".venv/bin/pytest")
    # It has no test command of its own.
    assert "bin/pytest" not in ci.read_text("utf-8")
