"""Options that may stand before or behind a command's arguments, as people write them."""

from __future__ import annotations

import getopt
import platform
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

from twisted.python import usage


def version() -> str:
    """What runs here, as somebody who reports a fault should say it."""
    ours = " ".join(map(_named, ("txmultipart", "Twisted", "h2")))
    return f"{ours} Python/{platform.python_version()}"


def _named(package: str) -> str:
    try:
        return f"{package}/{installed(package)}"
    except PackageNotFoundError:  # it runs from a folder, without having been installed
        return f"{package}/unknown"


def whole_number(name: str, unit: str) -> Callable[[str], int]:
    """What makes a number of an option's text; ``ValueError`` says what it should be."""

    def parse(text: str) -> int:
        # With more digits than that a reactor cannot reckon.
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise ValueError(f"{name} is a whole number of {unit}")
        return int(text)

    return parse


class VersionedOptions(usage.Options):
    """``usage.Options`` tells Twisted's version; these tell ours."""

    def opt_version(self) -> None:
        """Display the version and exit."""
        print(version())
        sys.exit(0)


class AnyOrderOptions(VersionedOptions):
    """``usage.Options`` takes options before arguments only; these take them anywhere."""

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse ``options``. Raises ``usage.UsageError``."""
        try:
            found, arguments = getopt.gnu_getopt(
                list(options or ()), self.shortOpt, self.longOpt
            )
        except getopt.error as error:
            raise usage.UsageError(str(error)) from None
        ordered = [word for option in found for word in self._words(*option)]
        super().parseOptions([*ordered, "--", *arguments])

    def _words(self, option: str, value: str) -> list[str]:
        """An option as words again; its value may be empty, and is a word all the same."""
        long, short = option[2:] + "=", option[1:] + ":"
        takes_value = long in self.longOpt or short in self.shortOpt
        return [option, value] if takes_value else [option]
