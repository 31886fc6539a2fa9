"""The service behind ``txmultipart serve``, ``twist txmultipart`` and ``twistd txmultipart``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
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

from txmultipart.app.forward import Forwarding, checked_url
from txmultipart.app.inbox import Inbox
from txmultipart.app.options import VersionedOptions, whole_number
from txmultipart.app.target import Receiving, Target
from txmultipart.limits import Limits
from txmultipart.web.site import StreamingSite

#: Other machines are let in only when asked for, with ``tcp:8080`` for instance.
DEFAULT_ENDPOINT = "tcp:8080:interface=127.0.0.1"

#: Seconds in which those who ran out of time are told so.
_LAST_WORDS = 1.0

#: Seconds after which somebody who stops the service should hear why it goes on.
_A_MOMENT = 0.2

#: Is given lines for people.
Announce = Callable[[str], object]

_log = Logger()


class InboxOptions(VersionedOptions):
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
            "The largest file that is taken, in bytes; with --forward, the largest body.",
            whole_number("max-size", "bytes"),
        ),
        (
            "drain-time",
            None,
            10,
            "Seconds that uploads under way have when the service stops.",
            whole_number("drain-time", "seconds"),
        ),
        (
            "forward",
            None,
            None,
            "A URL that everything is sent on to, instead of being stored.",
            checked_url,
        ),
    )

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []

    def opt_listen(self, endpoint: str) -> None:
        """An endpoint to listen on, tcp:8080:interface=127.0.0.1 by default; several times."""
        self["listen"].append(endpoint)

    opt_l = opt_listen

    def postOptions(self) -> None:
        """Listen somewhere, and have either a folder or a place to forward to."""
        self["listen"] = self["listen"] or [DEFAULT_ENDPOINT]
        if self["forward"] is None:
            self.check_folder()
        elif self["directory"] is not None:
            raise usage.UsageError("say a folder or where to forward to, not both")

    def check_folder(self) -> None:
        """``UsageError`` if there is no folder to put things into."""
        if not Path(self["directory"]).is_dir():
            raise usage.UsageError(f"there is no folder {self['directory']!r}")


class Options(InboxOptions):
    """What ``twist txmultipart`` takes."""

    synopsis = "[options]"
    optParameters = (
        (
            "directory",
            "d",
            None,
            "The folder that files are put into; by default the one it is started in.",
        ),
    )

    def check_folder(self) -> None:
        """The current one, unless another was said."""
        self["directory"] = self["directory"] or "."
        super().check_folder()


class InboxService(Service):
    """Listens on ``endpoints`` and gives what comes to ``target``.

    ``announce`` is given lines for people when it listens. ``listening`` fires
    with the ports, or fails if one cannot be had. When the service stops, uploads
    under way have ``drain_time`` seconds to come to their end.
    """

    name = "txmultipart"

    def __init__(
        self,
        reactor: Any,
        target: Target,
        endpoints: list[str],
        announce: Announce,
        *,
        drain_time: float = 10.0,
    ) -> None:
        self._reactor = reactor
        self._target = target
        self._endpoints = endpoints
        self._announce = announce
        self._ports: list[IListeningPort] = []
        self._drain_time = drain_time
        self.site = StreamingSite(
            target.resource, reactor=reactor, drain_time=drain_time + _LAST_WORDS
        )
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
            for line in self._target.welcome(_place(endpoint, port)):
                self._announce(line)
        return ports

    def stopService(self) -> Deferred[Any]:
        """Stop listening, let uploads come to their end, remove what has not.

        Fires when every connection is closed and every file whole or gone.
        """
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        ports, self._ports = self._ports, []
        await gatherResults([Deferred.fromCoroutine(_stop(port)) for port in ports])
        empty = self.site.drain()
        later = [
            self._reactor.callLater(_A_MOMENT, self._announce_wait),
            self._reactor.callLater(self._drain_time, self._target.close),
        ]
        await empty
        for call in later:
            if call.active():
                call.cancel()
        await self._target.close()

    def hurry(self) -> None:
        """While it stops: give those who are still there no more time."""
        self._target.close()
        self.site.drain(_LAST_WORDS)

    def _announce_wait(self) -> None:
        seconds, left = f"{self._drain_time:g} s", len(self.site.connections)
        self._announce(f"Stopping: up to {seconds} for connections in use: {left}")


async def _stop(port: IListeningPort) -> None:
    stopped = port.stopListening()
    if stopped is not None:
        await stopped


def _first_cause(failure: Failure) -> Failure:
    """What ``gatherResults`` wraps."""
    error = failure.value
    return error.subFailure if isinstance(error, FirstError) else failure


def _place(endpoint: str, port: IListeningPort) -> str:
    """The URL of a port, for a client on this machine; else its endpoint."""
    address: Any = port.getHost()
    if not hasattr(address, "port"):
        return endpoint
    host = "127.0.0.1" if address.host in ("0.0.0.0", "::") else address.host
    host = f"[{host}]" if ":" in host else host
    tls = endpoint.split(":", 1)[0] in ("ssl", "tls")
    return f"{'https' if tls else 'http'}://{host}:{address.port}/"


def _log_line(line: str) -> None:
    _log.info("{line}", line=line)


def makeService(options: InboxOptions, announce: Announce = _log_line) -> IService:
    """The service that ``options`` describe; called by twist and twistd."""
    from twisted.internet import reactor

    return InboxService(
        reactor,
        _target(reactor, options),
        options["listen"],
        announce,
        drain_time=options["drain-time"],
    )


def _target(reactor: Any, options: InboxOptions) -> Target:
    most = options["max-size"]
    if options["forward"] is not None:
        return Forwarding(reactor, options["forward"], max_size=most)
    return Receiving(Inbox(Path(options["directory"]).resolve(), max_size=most))
