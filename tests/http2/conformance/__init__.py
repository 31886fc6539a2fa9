"""Conformance: what a server of HTTP/2 must answer to frames, one case for each rule.

Every case is data: bytes to send and what has to come of them (``case``). The cases
stand in ``basics`` (what is right and has to work), ``framing`` (RFC 9113 sections
3 to 5), ``kinds`` (sections 6 and 7), ``messages`` (section 8) and ``compression``
(RFC 7541); the number in a case's name is that of the section. ``memory`` and
``sockets`` are what a case runs on, ``serve`` what it runs against.
"""

from __future__ import annotations

from tests.http2.conformance.basics import BASICS
from tests.http2.conformance.case import Case
from tests.http2.conformance.compression import COMPRESSION
from tests.http2.conformance.framing import FRAMING
from tests.http2.conformance.kinds import KINDS
from tests.http2.conformance.messages import MESSAGES

CASES: tuple[Case, ...] = (*BASICS, *FRAMING, *KINDS, *MESSAGES, *COMPRESSION)
