"""Target: what a service does with what it gets."""

from __future__ import annotations

from shlex import quote
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.web.resource import IResource

from txmultipart.app.inbox import Inbox
from txmultipart.app.resource import InboxResource


class Target(Protocol):
    """What a service puts behind its ports, and closes when it stops."""

    #: Answers the requests.
    resource: IResource

    def welcome(self, place: str) -> list[str]:
        """Lines for a person: what is done with what comes in at ``place``.

        That is a URL, or the endpoint where there is none.
        """

    def close(self) -> Deferred[Any]:
        """Give up what is under way; fires when nothing is left of it.

        May be called more than once, and while requests are answered.
        """


class Receiving:
    """A ``Target`` that stores what comes in ``inbox``."""

    def __init__(self, inbox: Inbox) -> None:
        self.resource: IResource = InboxResource(inbox)
        self._inbox = inbox

    def welcome(self, place: str) -> list[str]:
        """Where it listens, and a curl line that works when pasted."""
        lines = [f"Receiving at {place} into {self._inbox.folder}"]
        if place.startswith(("http://", "https://")):
            insecure = "--insecure " if place.startswith("https") else ""
            form = f"{insecure}-F 'file=@-;filename=hello.txt' {quote(place)}"
            lines.append(f"Try: echo hello | curl {form}")
        return lines

    def close(self) -> Deferred[Any]:
        """Take nothing more, and remove what is not whole; see ``Inbox``."""
        return self._inbox.close()
