"""Tells twist and twistd about the ``txmultipart`` service.

Every ``twist --help`` imports this file, so it imports nothing of ours.
"""

from twisted.application.service import ServiceMaker

txmultipart = ServiceMaker(
    "txmultipart",
    "txmultipart.app.service",
    "Receive uploads over HTTP: multipart forms and raw bodies, streamed to a folder.",
    "txmultipart",
)
