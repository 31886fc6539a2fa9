"""What ``txmultipart`` and its packages export: all of it meant, all of it told."""

import __future__

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import txmultipart

PACKAGE = Path(__file__).parent.parent / "txmultipart"
NAMES: list[str] = list(getattr(txmultipart, "__all__", ()))
PACKAGES = sorted(
    ".".join(init.parent.relative_to(PACKAGE.parent).parts)
    for init in PACKAGE.rglob("__init__.py")
)
each_package = pytest.mark.parametrize("package", PACKAGES)


@pytest.mark.parametrize("name", NAMES)
def test_each_exported_name_is_there_and_says_what_it_is(name: str) -> None:
    thing = getattr(txmultipart, name)
    told = thing if inspect.isclass(thing) or callable(thing) else type(thing)
    docstring = (told.__doc__ or "").strip()
    assert docstring
    # A dataclass that says nothing has its signature for a docstring.
    assert not docstring.startswith(f"{name}(")


@each_package
def test_each_list_of_exports_is_true(package: str) -> None:
    module = importlib.import_module(package)
    listed = getattr(module, "__all__", ())
    assert len(set(listed)) == len(listed)
    assert set(listed) == _public_names(module)


def _public_names(module: ModuleType) -> set[str]:
    return {
        name
        for name, value in vars(module).items()
        if not (name.startswith("_") or _comes_by_itself(value, module))
    }


def _comes_by_itself(value: object, module: ModuleType) -> bool:
    """Whether it is a submodule, or ``annotations`` from ``__future__``."""
    if inspect.ismodule(value):
        return value.__name__.startswith(module.__name__ + ".")
    return isinstance(value, __future__._Feature)


@each_package
def test_a_package_defines_nothing_itself(package: str) -> None:
    init = PACKAGE.parent.joinpath(*package.split("."), "__init__.py")
    tree = ast.parse(init.read_text("utf-8"))
    rest = tree.body[1:] if ast.get_docstring(tree) else tree.body
    assert [node for node in rest if not _imports_or_lists(node)] == []
    # One that has something in it says what for.
    assert not tree.body or ast.get_docstring(tree)


def _imports_or_lists(node: ast.stmt) -> bool:
    if isinstance(node, ast.Assign):
        return [ast.unparse(target) for target in node.targets] == ["__all__"]
    return isinstance(node, ast.Import | ast.ImportFrom)


def test_every_error_is_exported_at_the_top() -> None:
    errors = importlib.import_module("txmultipart.errors")
    classes = inspect.getmembers(errors, inspect.isclass)
    ours = {name for name, kind in classes if kind.__module__ == errors.__name__}
    public = {name for name in ours if not name.startswith("_")}
    # Until the package exports anything, there is nothing to be complete about.
    assert not NAMES or public <= set(NAMES)
