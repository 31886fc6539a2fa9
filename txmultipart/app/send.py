"""``txmultipart send``: a form or a file, from the command line, in constant memory."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.python import usage
from twisted.web.client import Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from txmultipart.app.options import AnyOrderOptions
from txmultipart.body.delivery import BodyReader
from txmultipart.body.producer import BodyProducer, RawBody
from txmultipart.body.writer import FormData
from txmultipart.errors import MisuseError
from txmultipart.web.agent import MultipartAgent

# With another value than the true one, two readers would see two requests.
_FRAMING = frozenset(("content-length", "transfer-encoding"))

# All controls but tab and line feed (ISO 6429).
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class SendOptions(AnyOrderOptions):
    """What ``txmultipart send`` takes.

    ``-F`` and ``-T`` are those of curl for NAME=TEXT, NAME=@PATH, NAME=<PATH and
    a path to send; curl's further forms are not known.
    """

    synopsis = "URL (-F NAME=CONTENT)... | URL -T FILE [options]"
    longdesc = (
        "Send a form (POST) or one file (PUT). The answer goes to standard"
        " output, progress to a terminal. Exits with 1 if the answer is an error."
    )
    optParameters = (("upload-file", "T", None, "Send this file as the whole body."),)

    def __init__(self) -> None:
        super().__init__()
        self["form"] = []
        self["headers"] = Headers()

    def parseArgs(self, url: str) -> None:  # type: ignore[override]
        """Where to send."""
        try:
            known = urlsplit(url).scheme in ("http", "https")
        except ValueError as error:
            raise usage.UsageError(f"{url!r}: {error}") from None
        if not known:
            raise usage.UsageError("a URL begins with http:// or https://")
        self["url"] = url

    def opt_form(self, field: str) -> None:
        """A field NAME=TEXT or a file NAME=@PATH[;type=T][;filename=N]; several times."""
        if "=" not in field:
            raise usage.UsageError(f"-F needs NAME=CONTENT, not {field!r}")
        self["form"].append(field)

    opt_F = opt_form

    def opt_header(self, header: str) -> None:
        """A header NAME: VALUE; several times."""
        name, colon, value = header.partition(":")
        if not colon:
            raise usage.UsageError(f"-H needs NAME: VALUE, not {header!r}")
        if name.strip().lower() in _FRAMING:
            raise usage.UsageError(f"{name} follows from what is sent")
        try:
            self["headers"].addRawHeader(name, value.strip())
        except ValueError:
            raise usage.UsageError(f"{name!r} is no name of a header") from None

    opt_H = opt_header

    def postOptions(self) -> None:
        """Either a form or a file."""
        if bool(self["form"]) == bool(self["upload-file"]):
            raise usage.UsageError("send takes either -F, several times, or -T once")


def run(options: SendOptions) -> int | str:
    """Send, print the answer, and return what to exit with."""
    outcome: list[int | str] = []

    def begin(reactor: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(_send(reactor, options, outcome))

    # It always ends so, with 0 also when a signal stopped it in the middle.
    with suppress(SystemExit):
        react(begin, ())
    return outcome[0] if outcome else "txmultipart: stopped"


async def _send(reactor: Any, options: SendOptions, outcome: list[int | str]) -> None:
    try:
        method, url, body = _request(options)
        agent: Any = MultipartAgent(Agent(reactor))
        answer = await agent.request(method, url.encode(), options["headers"], body)
        text = await _read(answer)
    except Exception as error:
        outcome.append(f"txmultipart: {_reason(error)}")
        return
    _show(text.decode("utf-8", "replace"))
    outcome.append(0 if answer.code < 400 else 1)


def _show(text: str) -> None:
    """Print the answer; a terminal is not given what could steer it."""
    if sys.stdout.isatty():
        text = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)
    sys.stdout.write(text)
    sys.stdout.flush()


async def _read(answer: IResponse) -> bytes:
    return await BodyReader.from_response(answer).read()


def _request(options: SendOptions) -> tuple[bytes, str, BodyProducer]:
    progress = _show_progress if sys.stderr.isatty() else None
    if options["upload-file"] is None:
        form = FormData(progress=progress)
        for field in options["form"]:
            add_field(form, field)
        return b"POST", options["url"], form
    path = Path(options["upload-file"])
    url = options["url"]
    # As curl does it: a URL that ends in a slash gets the file's name.
    url += quote(path.name) if url.endswith("/") else ""
    return b"PUT", url, RawBody(path, progress=progress)


def add_field(form: FormData, field: str) -> None:
    """Add what curl means by ``-F field``: ``name=text``, ``name=@path``, ``name=<path``.

    ``;type=…`` and ``;filename=…`` may follow a path.
    """
    name, _, content = field.partition("=")
    if content[:1] not in ("@", "<"):
        form.add_field(name, content)
        return
    path, *settings = content[1:].split(";")
    known = dict(setting.strip().partition("=")[::2] for setting in settings)
    kind = known.pop("type", None)
    filename = known.pop("filename", None)
    if known:
        raise MisuseError(f"-F does not know {', '.join(known)}")
    if content[0] == "<":
        # As text that stands there: a field without a file name, and without a type.
        payload = form.add_field(name, Path(path), content_type=kind)
        payload.set_content_disposition("form-data", name=name)
        if kind is None:
            payload.headers.removeHeader("Content-Type")
    else:
        form.add_file(name, Path(path), filename=filename, content_type=kind)


def _show_progress(count: int, total: int | None, current: object) -> None:
    share = f"{count * 100 // total:3d} %" if total else "     "
    end = "\n" if count == total else ""
    sys.stderr.write(f"\r{share}  {count / 1e6:,.1f} MB{end}")
    sys.stderr.flush()


def _reason(error: Exception) -> str:
    """The first cause, in words: Twisted wraps what went wrong in a list of reasons."""
    reasons = getattr(error, "reasons", None)
    if reasons:
        return _reason(reasons[0].value)
    return str(error) or type(error).__name__
