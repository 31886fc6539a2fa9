"""The fields of a form, as curl's ``-F`` describes them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from txmultipart.body.writer import FormData
from txmultipart.errors import MisuseError


class _File(NamedTuple):
    """What stands behind ``@`` or ``<``."""

    path: Path
    kind: str | None
    filename: str | None


def add_field(form: FormData, field: str) -> None:
    """Add what curl means by ``-F field``: ``name=text``, ``name=@path``, ``name=<path``.

    ``;type=…`` and ``;filename=…`` may follow a path; ``MisuseError`` for any other
    setting. Raises ``OSError`` for a file that cannot be read.
    """
    name, _, content = field.partition("=")
    if content.startswith("@"):
        _add_file(form, name, _parse(content))
    elif content.startswith("<"):
        _add_content(form, name, _parse(content))
    else:
        form.add_field(name, content)


def _parse(content: str) -> _File:
    path, *settings = content[1:].split(";")
    known = dict(setting.strip().partition("=")[::2] for setting in settings)
    file = _File(Path(path), known.pop("type", None), known.pop("filename", None))
    if known:
        raise MisuseError(f"-F does not know {', '.join(known)}")
    return file


def _add_file(form: FormData, name: str, file: _File) -> None:
    form.add_file(name, file.path, filename=file.filename, content_type=file.kind)


def _add_content(form: FormData, name: str, file: _File) -> None:
    """As text that stands there: a field without a file name, and without a type."""
    payload = form.add_field(name, file.path, content_type=file.kind)
    payload.set_content_disposition("form-data", name=name)
    if file.kind is None:
        payload.headers.removeHeader("Content-Type")
