"""The walls of the house: who may import whom. Imports go down only.

A *room* is a package or a module that stands directly in ``txmultipart``; the room
of ``txmultipart/__init__.py`` itself is called "top". Imports under ``if
TYPE_CHECKING`` count: what one must know to understand a module is what it names.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from txmultipart.http2.records import NAMES

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "txmultipart"

BASE = {"errors", "limits", "interfaces"}
FORMAT = {"errors", "limits", "sansio"}
BODY = BASE | FORMAT | {"body"}
TRANSPORT = BASE | {"http2"}
WEB = BODY | TRANSPORT | {"web"}
TOP = WEB | {"treq", "testing", "top"}

#: What each room may import of ours; `treq` below is our glue for it.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "limits": set(),
    "interfaces": BASE,
    "sansio": FORMAT,
    "http2": TRANSPORT,
    "body": BODY,
    "web": WEB,
    "treq": TOP,
    "testing": TOP,
    "top": TOP,
    "__main__": TOP | {"app"},
    "app": TOP | {"app"},
    # twist and twistd import it whenever they start: it names things, in strings.
    "plugins": set(),
}

#: Rooms that any framework can use: nothing but Python and what ALLOWED says.
STANDARD_LIBRARY_ONLY = {"errors", "limits", "sansio"}

#: Packages that one room alone may import.
OWNERS = {"h2": "http2", "hpack": "http2", "hyperframe": "http2", "treq": "treq"}

#: The one module in which Twisted's private names may stand.
PRIVATE_NAMES = PACKAGE / "web" / "http1.py"

#: And the one for pyOpenSSL's.
PRIVATE_TO_OPENSSL = PACKAGE / "http2" / "records.py"

LONGEST = 350
DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc"}

MODULES = sorted(PACKAGE.rglob("*.py"))
each_module = pytest.mark.parametrize(
    "module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE))
)


@dataclass(frozen=True)
class Import:
    """One imported name, absolute: ``from a.b import c`` is ``a.b`` and ``c``."""

    source: str
    name: str = ""

    @property
    def outermost(self) -> str:
        return self.source.partition(".")[0]

    @property
    def room(self) -> str | None:
        """The room of ours it is in; None if it is not ours."""
        if self.outermost != "txmultipart":
            return None
        inside = [*self.source.split(".")[1:], self.name][0]
        return inside if _is_room(inside) else "top"


def _is_room(name: str) -> bool:
    return (PACKAGE / f"{name}.py").exists() or (PACKAGE / name).is_dir()


def _room_of(module: Path) -> str:
    first = module.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "top" if first == "__init__" else first


@cache
def _imports(module: Path) -> list[Import]:
    package = module.relative_to(ROOT).parent.parts
    return list(_find_imports(ast.parse(module.read_text("utf-8")), package))


def _find_imports(tree: ast.Module, package: tuple[str, ...]) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = _absolute(node, package)
            yield from (Import(source, alias.name) for alias in node.names)


def _absolute(node: ast.ImportFrom, package: tuple[str, ...]) -> str:
    above = package[: len(package) + 1 - node.level] if node.level else ()
    return ".".join([*above, *(node.module or "").split(".")]).rstrip(".")


@each_module
def test_every_room_is_on_the_plan(module: Path) -> None:
    assert _room_of(module) in ALLOWED


@each_module
def test_imports_go_down_only(module: Path) -> None:
    rooms = {found.room for found in _imports(module)} - {None}
    assert rooms <= ALLOWED[_room_of(module)]


@each_module
def test_the_format_needs_no_framework(module: Path) -> None:
    if _room_of(module) in STANDARD_LIBRARY_ONLY:
        outermost = {found.outermost for found in _imports(module)}
        assert outermost <= {*sys.stdlib_module_names, "txmultipart"}


@each_module
def test_some_packages_have_one_user(module: Path) -> None:
    for found in _imports(module):
        owner = OWNERS.get(found.outermost)
        assert owner in (None, _room_of(module)), f"{found} is for {owner} alone"


@each_module
def test_private_names_of_twisted_stand_in_one_module(module: Path) -> None:
    private = [found for found in _imports(module) if _is_private_to_twisted(found)]
    assert module == PRIVATE_NAMES or not private


def _is_private_to_twisted(found: Import) -> bool:
    names = [*found.source.split("."), found.name]
    return names[0] == "twisted" and any(name.startswith("_") for name in names)


@each_module
def test_private_names_of_pyopenssl_stand_in_one_module(module: Path) -> None:
    nodes = list(ast.walk(ast.parse(module.read_text("utf-8"))))
    named = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    found = named & {name for names in NAMES for name in names}
    for each in _imports(module):
        if each.outermost == "OpenSSL":
            words = [*each.source.split("."), each.name]
            found |= {word for word in words if word.startswith("_")}
    assert bool(found) == (module == PRIVATE_TO_OPENSSL)


@each_module
def test_modules_are_short(module: Path) -> None:
    assert len(module.read_text("utf-8").splitlines()) <= LONGEST


@each_module
def test_there_is_no_drawer_for_leftovers(module: Path) -> None:
    parts = module.relative_to(PACKAGE).parts
    words = {part.removesuffix(".py").strip("_") for part in parts}
    assert not words & DRAWERS


def _imports_of(source: str, package: str) -> list[Import]:
    return list(_find_imports(ast.parse(source), tuple(package.split("."))))


@pytest.mark.parametrize(
    ("source", "room"),
    [
        ("import txmultipart", "top"),
        ("from txmultipart import FormData", "top"),
        ("from txmultipart import body", "body"),
        ("import txmultipart.errors", "errors"),
        ("from txmultipart.errors import MultipartError", "errors"),
        ("from . import events", "sansio"),
        ("from .events import PartEnd", "sansio"),
        ("from .. import errors", "errors"),
        ("from ..errors import MultipartError", "errors"),
        ("from .. import FormData", "top"),
        ("if TYPE_CHECKING:\n    from ..body.part import BodyPart", "body"),
        ("def late():\n    import txmultipart.web.site", "web"),
        ("import twisted.web", None),
    ],
)
def test_an_import_is_traced_to_its_room(
    source: str, room: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "_is_room", ALLOWED.__contains__)
    (found,) = _imports_of(source, "txmultipart.sansio")
    assert found.room == room


@pytest.mark.parametrize(
    ("source", "private"),
    [
        ("from twisted.web.http import _ChunkedTransferDecoder", True),
        ("import twisted.web._newclient", True),
        ("from twisted.web._newclient import Request", True),
        ("from twisted.web import _http2", True),
        ("from twisted.web.http import HTTPChannel", False),
        ("from txmultipart.body.reader import _Demand", False),
    ],
)
def test_a_private_name_is_told_from_a_public_one(source: str, private: bool) -> None:
    (found,) = _imports_of(source, "txmultipart.web")
    assert _is_private_to_twisted(found) is private
