"""The service behind ``txmultipart serve``, ``twist txmultipart`` and ``twistd txmultipart``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import Any

from twisted.application.service import IService, Service
from twisted.internet.defer import (
    Deferred,
    FirstError,
    gatherResults,
    maybeDeferred,
)
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python import usage
from twisted.python.failure import Failure

from txmultipart.app.inbox import Inbox
from txmultipart.app.resource import InboxResource
from txmultipart.limits import Limits
from txmultipart.web.site import StreamingSite

#: Other machines are let in only when asked for, with ``tcp:8080`` for instance.
DEFAULT_ENDPOINT = "tcp:8080:interface=127.0.0.1"

#: Is given lines for people.
Announce = Callable[[str], object]

_log = Logger()


def _size(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("max-size is a whole number of bytes")
    return int(text)


class InboxOptions(usage.Options):
    """How an inbox receives; where it puts things is said otherwise."""

    longdesc = (
        "Receive uploads over HTTP, multipart forms (POST /) and raw bodies"
        " (PUT /name), and stream them into a folder."
    )
    optParameters: tuple[tuple[object, ...], ...] = (
        (
            "max-size",
            None,
            Limits().max_part_size,
            "The largest file that is taken, in bytes.",
            _size,
        ),
    )

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []

    def opt_listen(self, endpoint: str) -> None:
        """An endpoint to listen on, tcp:8080 for instance; may be given several times.

        The default is tcp:8080:interface=127.0.0.1.
        """
        self["listen"].append(endpoint)

    opt_l = opt_listen

    def postOptions(self) -> None:
        """Listen somewhere, and have a folder."""
        self["listen"] = self["listen"] or [DEFAULT_ENDPOINT]
        if not Path(self["directory"]).is_dir():
            raise usage.UsageError(f"there is no folder {self['directory']!r}")


class Options(InboxOptions):
    """What ``twist txmultipart`` takes."""

    synopsis = "[options]"
    optParameters = (("directory", "d", ".", "The folder that files are put into."),)


class InboxService(Service):
    """Listens on ``endpoints`` and puts what comes into ``inbox``.

    ``announce`` is given lines for people when it listens. ``listening`` fires
    with the ports, or fails if one cannot be had.
    """

    name = "txmultipart"

    def __init__(
        self, reactor: Any, inbox: Inbox, endpoints: list[str], announce: Announce
    ) -> None:
        self._reactor = reactor
        self._inbox = inbox
        self._endpoints = endpoints
        self._announce = announce
        self._ports: list[IListeningPort] = []
        self.site = StreamingSite(InboxResource(inbox))
        self.listening: Deferred[list[IListeningPort]] = Deferred()

    def startService(self) -> None:
        """Begin to listen.

        Raises what forbids it, if that shows at once and nobody has asked
        ``listening`` for it: twist and twistd then say so and end.
        """
        super().startService()
        listening = [maybeDeferred(self._listen, each) for each in self._endpoints]
        ports = gatherResults(listening, consumeErrors=True)
        ports.addCallbacks(self._listens, _first_cause).chainDeferred(self.listening)
        self._raise_what_nobody_took()

    def _raise_what_nobody_took(self) -> None:
        problems: list[Failure] = []

        def take(failure: Failure) -> None:
            if starting:
                problems.append(failure)
            else:
                _log.failure("the service cannot listen", failure)

        starting = True
        self.listening.addErrback(take)
        starting = False
        if problems:
            problems[0].raiseException()

    def _listen(self, endpoint: str) -> Deferred[IListeningPort]:
        port: Deferred[IListeningPort] = serverFromString(
            self._reactor, endpoint
        ).listen(self.site)
        return port.addCallback(self._opened)

    def _opened(self, port: IListeningPort) -> IListeningPort:
        # Kept at once: another endpoint may fail, and this port is to be closed then.
        self._ports.append(port)
        return port

    def _listens(self, ports: list[IListeningPort]) -> list[IListeningPort]:
        for endpoint, port in zip(self._endpoints, ports, strict=True):
            for line in _welcome(endpoint, port, self._inbox.folder):
                self._announce(line)
        return ports

    def stopService(self) -> Deferred[Any]:
        """Stop listening, and remove what has not come whole."""
        super().stopService()
        closed = [Deferred.fromCoroutine(_stop(port)) for port in self._ports]
        return gatherResults([*closed, self._inbox.close()])


async def _stop(port: IListeningPort) -> None:
    stopped = port.stopListening()
    if stopped is not None:
        await stopped


def _first_cause(failure: Failure) -> Failure:
    """What ``gatherResults`` wraps."""
    error = failure.value
    return error.subFailure if isinstance(error, FirstError) else failure


def _welcome(endpoint: str, port: IListeningPort, folder: Path) -> list[str]:
    """What a person wants to know at the start; the curl line works when pasted."""
    address: Any = port.getHost()
    if not hasattr(address, "port"):
        return [f"Receiving at {endpoint} into {folder}"]
    host = "127.0.0.1" if address.host in ("0.0.0.0", "::") else address.host
    host = f"[{host}]" if ":" in host else host
    tls = endpoint.split(":", 1)[0] in ("ssl", "tls")
    url = f"{'https' if tls else 'http'}://{host}:{address.port}/"
    insecure = "--insecure " if tls else ""
    return [
        f"Receiving at {url} into {folder}",
        f"Try: echo hello | curl {insecure}-F 'file=@-;filename=hello.txt' {quote(url)}",
    ]


def _log_line(line: str) -> None:
    _log.info("{line}", line=line)


def makeService(options: InboxOptions, announce: Announce = _log_line) -> IService:
    """The service that ``options`` describe; called by twist and twistd."""
    from twisted.internet import reactor

    inbox = Inbox(Path(options["directory"]).resolve(), max_size=options["max-size"])
    return InboxService(reactor, inbox, options["listen"], announce)
