"""What can end a stream or a connection, each with its code (RFC 9113 section 7)."""

from __future__ import annotations

from h2.errors import ErrorCodes


class HTTP2Error(Exception):
    """A stream or a connection ended before its time; ``error_code`` says why."""

    def __init__(self, error_code: int, message: str = "") -> None:
        super().__init__(message or _name(error_code))
        self.error_code = error_code


class StreamReset(HTTP2Error):
    """One stream was reset; its connection lives. ``remote``: the peer did it."""

    def __init__(
        self, error_code: int, message: str = "", *, remote: bool = False
    ) -> None:
        super().__init__(error_code, message)
        self.remote = remote


class ConnectionTerminated(HTTP2Error):
    """A connection was ended because of an error, and all its streams with it."""


class ConnectionBroken(HTTP2Error):
    """The peer broke a rule that costs it the connection."""


class MalformedMessage(HTTP2Error):
    """The fields of a message break a rule: that costs its stream (section 8.1.1)."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCodes.PROTOCOL_ERROR, message)


class UnsendableFields(ValueError):
    """A request has fields that cannot be sent; nothing of it was, and no harm done."""


def _name(error_code: int) -> str:
    try:
        return ErrorCodes(error_code).name
    except ValueError:
        return f"error code {error_code:#x}"
