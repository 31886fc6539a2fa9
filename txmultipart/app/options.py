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
        ordered = [word for option in found for word in self._words(*option)]
        super().parseOptions([*ordered, "--", *arguments])

    def _words(self, option: str, value: str) -> list[str]:
        """An option as words again; its value may be empty, and is a word all the same."""
        long, short = option[2:] + "=", option[1:] + ":"
        takes_value = long in self.longOpt or short in self.shortOpt
        return [option, value] if takes_value else [option]
