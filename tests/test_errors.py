"""Errors: one tree, a code and a status each, and texts that tell nothing of a body."""

from __future__ import annotations

import pickle
from copy import copy

import pytest
from twisted.python.failure import Failure

from txmultipart.errors import (
    HEADER_LIMITS,
    LimitExceeded,
    MalformedMultipart,
    MisuseError,
    MultipartError,
    NotMultipart,
    PayloadError,
    TruncatedMultipart,
    UploadAborted,
)
from txmultipart.http2.errors import (
    ConnectionTerminated,
    HTTP2Error,
    MalformedMessage,
    StreamReset,
    UnsendableFields,
)
from txmultipart.web import RequestLoop, RequestNotProcessed, UpstreamFailed
from txmultipart.web.negotiation import InadequateSecurity


@pytest.mark.parametrize(
    ("kind", "base", "code", "status", "fault"),
    [
        (MultipartError, Exception, "multipart-error", 400, "sender"),
        (MalformedMultipart, MultipartError, "malformed", 400, "sender"),
        (TruncatedMultipart, MalformedMultipart, "truncated", 400, "sender"),
        (NotMultipart, MultipartError, "not-multipart", 415, "sender"),
        (PayloadError, MultipartError, "payload", 500, "caller"),
        (MisuseError, MultipartError, "misuse", 500, "caller"),
    ],
)
def test_each_kind(
    kind: type[MultipartError], base: type, code: str, status: int, fault: str
) -> None:
    error = kind("what happened")
    assert isinstance(error, base)
    assert (error.code, error.http_status, error.fault) == (code, status, fault)
    assert (error.message, error.offset, error.part) == ("what happened", 0, 0)


def test_a_code_of_its_own() -> None:
    error = MalformedMultipart("m", code="bad-header", offset=7, part=2)
    assert (error.code, error.offset, error.part) == ("bad-header", 7, 2)
    assert MalformedMultipart("m").code == "malformed"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (MalformedMultipart("m"), "m (byte 0)"),
        (MalformedMultipart("m", offset=7), "m (byte 7)"),
        (MalformedMultipart("m", offset=7, part=2), "m (part 2, byte 7)"),
        (MisuseError("m"), "m"),
        (MisuseError("m", part=2), "m (part 2)"),
        (PayloadError("m", offset=7), "m (byte 7)"),
        (PayloadError("m", offset=7, part=2), "m (part 2, byte 7)"),
        (
            LimitExceeded("max_parts", 3),
            "max_parts is 3, and the input has more (byte 0)",
        ),
        (UploadAborted(7), "the peer went away after 7 bytes of its body"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_what_it_says(error: Exception, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize("limit", sorted(HEADER_LIMITS))
def test_bounds_on_headers_have_their_own_status(limit: str) -> None:
    assert LimitExceeded(limit, 1).http_status == 431


def test_other_bounds_have_the_common_one() -> None:
    error = LimitExceeded("max_part_size", 10, offset=99, part=2)
    assert isinstance(error, MultipartError)
    assert (error.limit, error.bound) == ("max_part_size", 10)
    assert (error.offset, error.part) == (99, 2)
    assert (error.code, error.http_status) == ("limit-exceeded", 413)


def test_an_abort_keeps_what_the_transport_said() -> None:
    reason = ConnectionError("gone")
    error = UploadAborted(7, reason)
    assert (error.received, error.offset, error.reason) == (7, 7, reason)
    assert (error.code, error.http_status) == ("upload-aborted", 400)
    assert not isinstance(error, MultipartError)
    assert UploadAborted().reason is None


@pytest.mark.parametrize(
    "error",
    [
        LimitExceeded("max_parts", 3, offset=5, part=2),
        TruncatedMultipart("a message", offset=7),
        UploadAborted(9, ValueError("x")),
        HTTP2Error(7),
        StreamReset(8, True, "a message"),
        ConnectionTerminated(11, message="a message"),
        MalformedMessage("a message"),
        InadequateSecurity("AES128-SHA"),
        UnsendableFields("a message"),
        RequestNotProcessed([Failure(ValueError("x"))], "; why"),
        UpstreamFailed("a message"),
        RequestLoop("a message"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_copies_tell_the_same(error: Exception) -> None:
    for copied in (copy(error), pickle.loads(pickle.dumps(error))):
        assert type(copied) is type(error)
        assert str(copied) == str(error)
        assert {k: str(v) for k, v in vars(copied).items()} == {
            k: str(v) for k, v in vars(error).items()
        }


@pytest.mark.parametrize("kind", [StreamReset, ConnectionTerminated])
def test_who_ended_it(kind: type[StreamReset] | type[ConnectionTerminated]) -> None:
    error = kind(8, True)
    assert (error.error_code, error.remote, str(error)) == (8, True, "CANCEL")
    error = kind(8, message="we did")
    assert (error.error_code, error.remote, str(error)) == (8, False, "we did")
