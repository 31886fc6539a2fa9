"""The fields of a form, as curl's ``-F`` describes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from txmultipart.app.standard_input import NAME
from txmultipart.body.payload import Payload
from txmultipart.body.payloads import guess_type
from txmultipart.body.writer import FormData
from txmultipart.errors import MisuseError


class _File(NamedTuple):
    """What stands behind ``@`` or ``<``."""

    content: Path | Payload
    kind: str | None
    filename: str | None


def reads_standard_input(field: str) -> bool:
    """Whether ``add_field`` asks for standard input then."""
    content = field.partition("=")[2]
    return content[:1] in ("@", "<") and content[1:].partition(";")[0] == NAME


def add_field(
    form: FormData, field: str, standard_input: Callable[[], Payload]
) -> None:
    """Add what curl means by ``-F field``: ``name=text``, ``name=@path``, ``name=<path``.

    A path that is ``-`` is what ``standard_input`` gives. ``;type=…`` and
    ``;filename=…`` may follow a path. Raises ``MisuseError`` for any other setting and
    for what is not UTF-8, ``OSError`` for a file that cannot be read.
    """
    try:
        _add(form, field, standard_input)
    except MisuseError as error:
        if _is_text(field):
            raise
        raise MisuseError(
            f"-F {field!a}: what is not UTF-8 cannot stand in a form"
            " (for a file, ;filename=… says another name)"
        ) from error


def _is_text(field: str) -> bool:
    """Whether it was UTF-8: bytes of a command line that are not become surrogates."""
    try:
        field.encode()
    except UnicodeEncodeError:
        return False
    return True


def _add(form: FormData, field: str, standard_input: Callable[[], Payload]) -> None:
    name, _, content = field.partition("=")
    if content[:1] not in ("@", "<"):
        form.add_field(name, content)
        return
    file = _parse(content)
    if reads_standard_input(field):
        file = _coming(file, standard_input())
    (_add_file if content[0] == "@" else _add_content)(form, name, file)


def _parse(content: str) -> _File:
    path, *settings = content[1:].split(";")
    known = dict(setting.strip().partition("=")[::2] for setting in settings)
    file = _File(Path(path), known.pop("type", None), known.pop("filename", None))
    if known:
        raise MisuseError(f"-F does not know {', '.join(known)}")
    return file


def _coming(file: _File, payload: Payload) -> _File:
    """Its name is that of standard input, as curl has it, unless another was given."""
    kind = file.kind or (guess_type(file.filename) if file.filename else None)
    return _File(payload, kind, NAME if file.filename is None else file.filename)


def _add_file(form: FormData, name: str, file: _File) -> None:
    form.add_file(name, file.content, filename=file.filename, content_type=file.kind)


def _add_content(form: FormData, name: str, file: _File) -> None:
    """As text that stands there: a field without a file name, and without a type."""
    payload = form.add_field(name, file.content, content_type=file.kind)
    payload.set_content_disposition("form-data", name=name)
    if file.kind is None:
        payload.headers.removeHeader("Content-Type")
