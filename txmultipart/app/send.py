"""``txmultipart send``: a form or a file, from the command line, in constant memory."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.python import usage
from twisted.web.client import HTTPConnectionPool
from twisted.web.http_headers import Headers
from twisted.web.iweb import IPolicyForHTTPS

from txmultipart.app.answers import refused, show
from txmultipart.app.fields import add_field, reads_standard_input
from txmultipart.app.follow import FollowingAgent, NotFollowed
from txmultipart.app.options import AnyOrderOptions, whole_number
from txmultipart.app.patience import Patience
from txmultipart.app.progress_line import ProgressLine
from txmultipart.app.reasons import in_words
from txmultipart.app.standard_input import NAME as STANDARD_INPUT
from txmultipart.app.standard_input import standard_input
from txmultipart.app.trust import TrustAll, policy_of
from txmultipart.app.url import checked_url
from txmultipart.body.producer import BodyProducer, RawBody
from txmultipart.body.writer import FormData
from txmultipart.web.agent import MultipartAgent
from txmultipart.web.http1 import answer_promptly
from txmultipart.web.pool import HTTP2ConnectionPool
from txmultipart.web.pooled import pooled_agent

# With another value than the true one, two readers would see two requests.
_FRAMING = frozenset(("content-length", "transfer-encoding"))

_STOPPED = "txmultipart: stopped"

#: Seconds for which the connections may close once all is said.
CLOSING_TIME = 1.0

_EXIT_CODES = """
Exit codes:
  0   the server took it: the answer is 2xx, and goes to standard output
  1   it was not sent, or not answered: a mistake on the command line, a file,
      the network, TLS, or a signal
  22  the server answered with another status, which goes to standard error
      with the beginning of the answer
"""


class SendOptions(AnyOrderOptions):
    """What ``txmultipart send`` takes.

    ``-F`` and ``-T`` are those of curl for NAME=TEXT, NAME=@PATH, NAME=<PATH and
    a path to send, ``-`` being standard input; curl's further forms are not known.
    """

    synopsis = "URL (-F NAME=CONTENT)... | URL -T FILE [options]"
    longdesc = (
        "Send a form (POST) or one file (PUT), over HTTP/2 where a server at https://"
        " has it. A redirect is followed if the upload goes there as it is, but not if"
        " a GET would have to follow, nor from https:// to http://; another origin is"
        " told no headers of -H but Content-…. Progress goes to a terminal. For one FILE"
        " or PATH a - may stand: standard input, sent while it comes."
    )
    optFlags = (
        ("h2c", None, "Speak HTTP/2 at http:// too: the server is known to."),
        ("http1.1", None, "Speak HTTP/1.1 only, with older ciphers, too."),
        ("insecure", "k", "Do not check the certificate of the server."),
    )
    optParameters = (
        (
            "upload-file",
            "T",
            None,
            "Send this file as the whole body; - is what comes in.",
        ),
        ("cacert", None, None, "Trust the authorities in this file (PEM), no others."),
        (
            "max-time",
            "m",
            0,
            "Give up after so many seconds in all; 0: never.",
            whole_number("max-time", "seconds"),
        ),
        (
            "stall-time",
            None,
            300,
            "Give up a server that does nothing for so many seconds; 0: never.",
            whole_number("stall-time", "seconds"),
        ),
    )

    def __init__(self) -> None:
        super().__init__()
        self["form"] = []
        self["headers"] = Headers()

    def getUsage(self, width: int | None = None) -> str:
        """The options, and what the process exits with."""
        return super().getUsage(width) + _EXIT_CODES

    def parseArgs(self, url: str) -> None:  # type: ignore[override]
        """Where to send."""
        try:
            self["url"] = checked_url(url)
        except ValueError as error:
            raise usage.UsageError(str(error)) from None

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
            # As it stands on the command line, whatever coding that has.
            self["headers"].addRawHeader(name.encode(), os.fsencode(value.strip()))
        except ValueError:
            raise usage.UsageError(f"{name!r} is no name of a header") from None

    opt_H = opt_header

    def postOptions(self) -> None:
        """Either a form or a file, and one way to do it."""
        if bool(self["form"]) == bool(self["upload-file"]):
            raise usage.UsageError("send takes either -F, several times, or -T once")
        if sum(map(reads_standard_input, self["form"])) > 1:
            raise usage.UsageError("standard input (-) can be sent only once")
        if self["h2c"] and self["http1.1"]:
            raise usage.UsageError("say --h2c or --http1.1, not both")
        if self["insecure"] and self["cacert"] is not None:
            raise usage.UsageError("say --cacert or --insecure, not both")
        self["policy"] = self._policy()

    def _policy(self) -> IPolicyForHTTPS:
        only_http1 = bool(self["http1.1"])
        if self["insecure"]:
            return TrustAll(only_http1=only_http1)
        try:
            return policy_of(self["cacert"], only_http1=only_http1)
        except (OSError, ValueError) as error:
            raise usage.UsageError(f"--cacert: {error}") from None


def run(options: SendOptions) -> int | str:
    """Send, print the answer, and return what to exit with."""
    outcome: list[int | str] = []

    def begin(reactor: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(_send(reactor, options, outcome))

    # It always ends so, with 0 also when a signal stopped it in the middle.
    with suppress(SystemExit):
        react(begin, ())
    return outcome[0] if outcome else _STOPPED


async def _send(reactor: Any, options: SendOptions, outcome: list[int | str]) -> None:
    """The first outcome counts."""
    line = ProgressLine(sys.stderr)
    trigger = reactor.addSystemEventTrigger(
        "before", "shutdown", _stopped, line, outcome
    )
    pool = _pool(reactor, options)
    result: int | str
    try:
        result = await _exchange(reactor, pool, options, line)
    except Exception as error:
        line.close()
        result = f"txmultipart: {in_words(error)}"
    outcome.append(result)
    await _closed(reactor, pool)
    if _STOPPED not in outcome:
        reactor.removeSystemEventTrigger(trigger)


def _closed(reactor: Any, pool: HTTPConnectionPool) -> Deferred[None]:
    """A server that does not close its side is not waited for long.

    What is still open then ends with the process. Only the waiting is given up: the
    pool's own Deferred, if it were cancelled, would log each connection as an error.
    """
    waiting: Deferred[None] = Deferred()
    pool.closeCachedConnections().chainDeferred(waiting)
    return waiting.addTimeout(CLOSING_TIME, reactor, _long_enough)


def _long_enough(result: object, seconds: float) -> None:
    """That was waited for long enough."""


def _stopped(line: ProgressLine, outcome: list[int | str]) -> None:
    """Before anything is torn down, which would look like a fault of the server."""
    line.close()
    outcome.append(_STOPPED)


def _pool(reactor: Any, options: SendOptions) -> HTTPConnectionPool:
    if not options["http1.1"]:
        return HTTP2ConnectionPool(reactor, h2c=options["h2c"])
    pool = HTTPConnectionPool(reactor)
    answer_promptly(pool)  # as ours does
    return pool


async def _exchange(
    reactor: Any, pool: Any, options: SendOptions, line: ProgressLine
) -> int:
    method, url, body = _request(reactor, options, line)
    patience = Patience(
        reactor,
        body,
        stall_time=options["stall-time"],
        max_time=options["max-time"],
    )
    direct = MultipartAgent(pooled_agent(reactor, pool, options["policy"]))
    names = [name for name, _ in options["headers"].getAllRawHeaders()]
    # Those that say what the body is go where it goes (RFC 9110 section 8).
    secret = [name for name in names if not name.lower().startswith(b"content-")]
    agent: Any = FollowingAgent(direct, reactor, secret)

    async def ask() -> int:
        try:
            asked = agent.request(method, url.encode(), options["headers"], body)
            answer = await asked
        except NotFollowed as redirect:
            line.close()
            return await refused(redirect.response, patience, str(redirect))
        line.close()
        return await show(answer, patience)

    return await patience.bear(Deferred.fromCoroutine(ask()))


def _request(
    reactor: Any, options: SendOptions, line: ProgressLine
) -> tuple[bytes, str, BodyProducer]:
    progress = line.show if sys.stderr.isatty() else None
    if options["upload-file"] is None:
        form = FormData(progress=progress)
        for field in options["form"]:
            add_field(form, field, partial(standard_input, reactor))
        return b"POST", options["url"], form
    if options["upload-file"] == STANDARD_INPUT:
        body = RawBody(standard_input(reactor), progress=progress)
        return b"PUT", options["url"], body
    path = Path(options["upload-file"])
    url = options["url"]
    # As curl does it: a URL that ends in a slash gets the file's name.
    url += quote(os.fsencode(path.name)) if url.endswith("/") else ""
    return b"PUT", url, RawBody(path, progress=progress)
