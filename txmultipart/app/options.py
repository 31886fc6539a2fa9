"""Options that may stand before or behind a command's arguments, as people write them."""

from __future__ import annotations

import getopt
from collections.abc import Sequence

from twisted.python import usage


class AnyOrderOptions(usage.Options):
    """``usage.Options`` takes options before arguments only; these take them anywhere."""

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse ``options``. Raises ``usage.UsageError``."""
        try:
            found, arguments = getopt.gnu_getopt(
                list(options or ()), self.shortOpt, self.longOpt
            )
        except getopt.error as error:
            raise usage.UsageError(str(error)) from None
        ordered = [word for pair in found for word in _words(*pair)]
        super().parseOptions([*ordered, "--", *arguments])


def _words(option: str, value: str) -> list[str]:
    """An option and its value as one word, so that a value may begin with a dash."""
    if not value:
        return [option]
    return [f"{option}={value}" if option.startswith("--") else option + value]
