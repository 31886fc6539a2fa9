"""What can end a stream or a connection, each with its code (RFC 9113 section 7)."""

from __future__ import annotations

# "as": for others to take from here.
from h2.errors import ErrorCodes as ErrorCodes

from txmultipart.errors import restored


class HTTP2Error(Exception):
    """A stream or a connection ended before its time; ``error_code`` says why."""

    def __init__(self, error_code: int, message: str = "") -> None:
        super().__init__(message or code_name(error_code))
        self.error_code = error_code

    def __reduce__(self) -> tuple[object, ...]:
        # Whatever arguments a subclass takes: copying and pickling must work.
        return restored, (type(self), self.args, self.__dict__)


class StreamReset(HTTP2Error):
    """One stream was reset; its connection lives. ``remote``: the peer did it."""

    def __init__(
        self, error_code: int, remote: bool = False, message: str = ""
    ) -> None:
        super().__init__(error_code, message)
        self.remote = remote


class ConnectionTerminated(HTTP2Error):
    """A connection was ended, and its streams with it. ``remote``: the peer said so.

    If not, we did, and the text says what the peer had done.
    """

    def __init__(
        self, error_code: int, remote: bool = False, message: str = ""
    ) -> None:
        super().__init__(error_code, message)
        self.remote = remote


class ConnectionBroken(HTTP2Error):
    """The peer broke a rule that costs it the connection."""


class MalformedMessage(HTTP2Error):
    """The fields of a message break a rule: that costs its stream (section 8.1.1)."""

    def __init__(self, message: str) -> None:
        super().__init__(ErrorCodes.PROTOCOL_ERROR, message)


class UnsendableFields(ValueError):
    """Fields of a request, or trailers, that cannot be sent; nothing of them was."""


def given_up(error_code: int) -> str:
    """What is said of a stream that we reset of our own accord."""
    return f"we reset the stream: {code_name(error_code)}"


def code_name(error_code: int) -> str:
    """What section 7 calls it."""
    try:
        return ErrorCodes(error_code).name
    except ValueError:
        return f"error code {error_code:#x}"
