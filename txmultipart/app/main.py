"""The ``txmultipart`` command: ``serve`` and ``send``."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from twisted.python import usage
from twisted.python.failure import Failure

from txmultipart.app import send, service
from txmultipart.app.options import AnyOrderOptions, VersionedOptions
from txmultipart.app.streams import replace_missing


class ServeOptions(AnyOrderOptions, service.InboxOptions):
    """What ``txmultipart serve`` takes."""

    synopsis = "DIR [options] | --forward URL [options]"

    def parseArgs(self, *directories: str) -> None:
        """The folder stands without a dash."""
        if self["forward"] is None and len(directories) != 1:
            raise usage.UsageError("say which one folder to receive into")
        self["directory"] = next(iter(directories), None)

    def check_folder(self) -> None:
        """The folder is made if it is not there."""
        try:
            Path(self["directory"]).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise usage.UsageError(str(error)) from None


class CommandOptions(VersionedOptions):
    """The whole command."""

    longdesc = "Receive uploads into a folder, or send one, streaming both ways."
    subCommands = (
        ("serve", None, ServeOptions, "Receive uploads over HTTP into a folder."),
        ("send", None, send.SendOptions, "Send a form or a file to a URL."),
    )

    def getSynopsis(self) -> str:
        """The first line of help; a command puts its own behind it."""
        commands = "serve DIR [options] | txmultipart send URL [options]"
        return "Usage: txmultipart" + ("" if self.subCommand else f" {commands}")

    def postOptions(self) -> None:
        """One of the two has to be asked for."""
        if self.subCommand is None:
            raise usage.UsageError("say what to do: serve or send")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line ``arguments``, or those of the process; ends by ``SystemExit``."""
    replace_missing()
    options = CommandOptions()
    try:
        options.parseOptions(list(sys.argv[1:] if arguments is None else arguments))
    except usage.UsageError as error:
        mistaken: Any = getattr(options, "subOptions", options)
        synopsis = mistaken.getSynopsis()
        raise SystemExit(f"{synopsis}\ntxmultipart: {error}") from None
    chosen = options.subOptions
    raise SystemExit(
        serve(chosen) if options.subCommand == "serve" else send.run(chosen)
    )


def serve(options: ServeOptions) -> str | int:
    """Receive until stopped by a signal. Returns what to exit with."""
    from twisted.internet import reactor

    problems: list[str] = []
    inbox: Any = service.makeService(options, partial(print, flush=True))

    def cannot_listen(failure: Failure) -> None:
        problems.append(f"txmultipart: {failure.getErrorMessage()}")
        reactor.stop()

    inbox.listening.addErrback(cannot_listen)
    reactor.callWhenRunning(inbox.startService)
    reactor.addSystemEventTrigger("before", "shutdown", inbox.stopService)
    reactor.addSystemEventTrigger("before", "shutdown", _hurry_next_time, inbox)
    reactor.run()
    return problems[0] if problems else 0


def _hurry_next_time(inbox: service.InboxService) -> None:
    """A second signal is from somebody who does not want to wait for uploads."""
    from twisted.internet import reactor

    def again(*_: object) -> None:
        reactor.callFromThread(inbox.hurry)  # type: ignore[attr-defined]

    for number, method in ((signal.SIGINT, "sigInt"), (signal.SIGTERM, "sigTerm")):
        if signal.getsignal(number) == getattr(reactor, method, None):
            signal.signal(number, again)
