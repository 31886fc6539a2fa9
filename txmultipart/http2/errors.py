"""What can end a stream or a connection, each with its code (RFC 9113 section 7)."""

from __future__ import annotations

from h2.errors import ErrorCodes


class HTTP2Error(Exception):
    """A stream or a connection ended before its time; ``error_code`` says why."""

    def __init__(self, error_code: int, message: str = "") -> None:
        super().__init__(message or _name(error_code))
        self.error_code = error_code


class StreamReset(HTTP2Error):
    """One stream was reset, by either side; its connection lives."""


class ConnectionTerminated(HTTP2Error):
    """A connection was ended because of an error, and all its streams with it."""


class ConnectionBroken(HTTP2Error):
    """The peer broke a rule that costs it the connection."""


class MalformedRequest(HTTP2Error):
    """The fields of a request break a rule: that costs its stream (section 8.1.1)."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCodes.PROTOCOL_ERROR, message)


def _name(error_code: int) -> str:
    try:
        return ErrorCodes(error_code).name
    except ValueError:
        return f"error code {error_code:#x}"
