"""Priority: what a client says about the order of answers (RFC 9218).

A hint and no more: what is wrong in it is passed over, and nobody has to follow it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# One member of a dictionary (RFC 8941 section 3.2), as far as it matters here. What
# comes behind a semicolon are parameters, of which none is defined.
_MEMBER = re.compile(rb"[ \t]*([a-z*][a-z0-9_.*-]*)(?:=([^;,]*))?(?:;[^,]*)?[ \t]*")

#: How much of the field is looked at: it has two members of a few letters.
_LONGEST = 256


class Priority(NamedTuple):
    """Lower ``urgency`` comes first; an ``incremental`` answer is of use in pieces."""

    urgency: int = 3
    incremental: bool = False


#: Of who says nothing. It takes turns with its like: it may not know of priorities.
SILENT = Priority(3, True)


def parse_priority(value: bytes) -> Priority:
    """What a ``priority`` field says (section 4).

    Members unknown, or with values that they cannot have, are ignored (section 4).
    """
    urgency, incremental = Priority()
    for member in value[:_LONGEST].split(b","):
        found = _MEMBER.fullmatch(member)
        name, said = found.groups() if found else (b"", None)
        if name == b"u" and said is not None and re.fullmatch(rb"[0-7]", said.strip()):
            urgency = int(said)
        elif name == b"i" and said in (None, b"?1", b"?0"):
            incremental = said != b"?0"
    return Priority(urgency, incremental)
