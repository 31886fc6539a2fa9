"""The wheel, installed where nothing of ours is: it is whole, and it works."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.wheel

ROOT = Path(__file__).parent.parent

Bin = Path


def _run(*command: Path | str) -> str:
    """Run a program away from the checkout and return what it prints."""
    return subprocess.run(
        command, cwd="/", check=True, text=True, stdout=subprocess.PIPE
    ).stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our wheel, built from our sdist, so that this one is whole as well."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Bin:
    """The folder of programs of a new environment with only the wheel in it."""
    environment = tmp_path_factory.mktemp("environment")
    _run(sys.executable, "-m", "venv", environment)
    _run(environment / "bin" / "pip", "install", "-q", wheel)
    return environment / "bin"


@pytest.mark.parametrize("program", ["twist", "twistd"])
def test_twisted_lists_the_service(programs: Bin, program: str) -> None:
    assert "Receive uploads over HTTP" in _run(programs / program, "--help")


@pytest.mark.parametrize("program", ["twist", "twistd"])
def test_twisted_knows_the_options_of_the_service(programs: Bin, program: str) -> None:
    assert "--directory" in _run(programs / program, "txmultipart", "--help")


def test_the_program_runs(programs: Bin) -> None:
    printed = _run(programs / "txmultipart", "--help")
    assert "serve" in printed
    assert "send" in printed


def test_the_public_names_need_no_extras(programs: Bin) -> None:
    _run(programs / "python", "-c", "from txmultipart import *")


def test_every_file_of_the_package_is_installed(programs: Bin) -> None:
    where = "import txmultipart; print(*txmultipart.__path__)"
    installed = Path(_run(programs / "python", "-c", where).strip())
    assert (installed / "py.typed").exists()
    assert _files(ROOT / "txmultipart") == _files(installed)


def _files(package: Path) -> set[Path]:
    names = {path.relative_to(package) for path in package.rglob("*") if path.is_file()}
    return {n for n in names if not {"plugins", "__pycache__"} & set(n.parts)}
