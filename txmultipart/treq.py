"""Glue for treq users: a client whose multipart bodies just work."""

from __future__ import annotations

from typing import Any

from treq.client import HTTPClient
from twisted.web.client import Agent

from txmultipart.web.agent import MultipartAgent


def client(reactor: Any, **options: Any) -> HTTPClient:
    """A treq client that sends the Content-Type which a body knows.

    ``options`` are those of Twisted's ``Agent``: ``pool``, ``contextFactory``,
    ``connectTimeout``, ``bindAddress``. With it ``client.post(url, data=form)``
    needs no ``headers``.
    """
    return HTTPClient(MultipartAgent(Agent(reactor, **options)))
