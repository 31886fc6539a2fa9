"""Answers a request with what a handler gave: bytes, a writer, or an error as JSON."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IBodyProducer
from twisted.web.server import NOT_DONE_YET

from txmultipart.body.producer import BodyProducer
from txmultipart.errors import LimitExceeded, MisuseError, MultipartError, UploadAborted
from txmultipart.web import http1
from txmultipart.web.foreign import ForeignProducer

_log = Logger()

# The two of the system's errors that mean the same wherever they come from
# (RFC 4918 section 11.5).
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))


def answer_with(request: Any, result: object) -> int:
    """Answer ``request`` with ``result``, from the ``render`` method of any resource::

        def render_GET(self, request):
            return answer_with(request, writer)

    It may be bytes, a writer or any other ``IBodyProducer``, None for 204, or a
    Deferred or coroutine that gives one of these, and that is cancelled when the
    peer goes. A writer is sent at the pace of the peer, with its Content-Type unless
    the request has one already, and with Content-Length where its length is known.
    Errors are answered as a ``MultipartResource`` does it.

    Returns what a ``render`` method has to.
    """
    return answer_call(request, lambda: result)


def answer_call(request: Any, handler: Callable[..., object], *args: object) -> int:
    """Call ``handler`` and answer with what it gives, or with what goes wrong in it."""
    done = maybeDeferred(handler, *args)
    done.addCallbacks(
        lambda result: answer(request, result),
        lambda failure: answer_error(request, failure),
    )
    done.addErrback(lambda failure: answer_error(request, failure))
    request.notifyFinish().addErrback(_cancel, done)
    return NOT_DONE_YET


def _cancel(failure: Failure, done: Deferred[Any]) -> None:
    """The peer has gone: whatever the handler still waits for is wanted no more.

    If it waits for the body, that has told it before, with ``UploadAborted``; or
    tells it now, where a sink is still at undoing its work.
    """
    done.addErrback(lambda reason: reason.trap(CancelledError) and None)
    done.cancel()


def answer(request: Any, result: object) -> None:
    """Send ``result`` and finish: bytes, an ``IBodyProducer`` such as a writer, or nothing."""
    if is_gone(request):
        return
    if isinstance(result, bytes):
        request.setHeader(b"Content-Length", b"%d" % len(result))
        request.write(result)
        request.finish()
    elif IBodyProducer.providedBy(result):
        answer_with_producer(request, result)
    elif result is None:
        if request.code == 200:
            request.setResponseCode(204)
        request.finish()
    else:
        kind = type(result).__name__
        message = f"a handler gave {kind}, not bytes or a writer"
        answer_error(request, Failure(MisuseError(message)))


def answer_with_producer(request: Any, producer: Any) -> None:
    """Send what ``producer`` produces; if it breaks off, the connection is closed."""
    content_type = getattr(producer, "content_type", None)
    if content_type is not None and not request.responseHeaders.hasHeader(
        "Content-Type"
    ):
        request.setHeader(b"Content-Type", content_type.encode("utf-8"))
    if isinstance(producer.length, int):
        request.setHeader(b"Content-Length", b"%d" % producer.length)
    if request.method == b"HEAD":
        # Nothing would be sent of it (RFC 9110 section 9.3.2), perhaps for ever.
        request.finish()
        return
    ours = isinstance(producer, BodyProducer)
    body = producer if ours else ForeignProducer(producer)
    request.registerProducer(body, True)

    def sent(_: object) -> None:
        request.unregisterProducer()
        request.finish()

    def broke(failure: Failure) -> None:
        if not is_gone(request):
            request.unregisterProducer()
        answer_error(request, failure)

    if is_gone(request):
        return  # it was found out just now, and the producer told
    request.notifyFinish().addErrback(lambda _: body.stopProducing())
    maybeDeferred(body.startProducing, request).addCallbacks(sent, broke)


def answer_error(request: Any, failure: Failure) -> None:
    """Send what went wrong as one line of JSON, with its HTTP status.

    What the sender did wrong is told; what we did wrong is logged, and the
    sender told no more than that. Nothing is sent to a peer that has gone, and
    that a handler is then cancelled is nobody's fault.
    """
    status, problem = describe(failure)
    gone = is_gone(request)
    if gone and failure.check(CancelledError):
        pass  # by us, when its peer went
    elif problem["error"] == "internal":
        _log.failure("a request failed", failure)
    elif status >= 500:
        # Not a defect, but somebody has to do something about it.
        _log.warn("a request failed: {message}", message=problem["message"])
    if gone:
        return
    if request.startedWriting:
        # To finish would make a part pass for the whole.
        request.loseConnection()
        return
    body = problem_body(request, status, problem)
    request.setHeader(b"Content-Length", b"%d" % len(body))
    request.write(body)
    request.finish()


def problem_body(request: Any, status: int, problem: dict[str, object]) -> bytes:
    """Set status and type for ``problem``, and give it as one line of JSON."""
    request.setResponseCode(status)
    request.setHeader(b"Content-Type", b"application/json")
    return json.dumps(problem).encode("ascii") + b"\n"


def describe(failure: Failure) -> tuple[int, dict[str, object]]:
    """The HTTP status and the JSON object for what went wrong."""
    error = failure.value
    if isinstance(error, MultipartError) and error.fault != "caller":
        problem: dict[str, object] = {"error": error.code, "message": error.message}
        problem |= {"offset": error.offset, "part": error.part}
        if isinstance(error, LimitExceeded):
            problem |= {"limit": error.limit, "bound": error.bound}
        return error.http_status, problem
    if isinstance(error, UploadAborted):
        return error.http_status, {"error": error.code, "message": str(error)}
    if isinstance(error, OSError) and error.errno in _FULL:
        return 507, {"error": "disk-full", "message": "the disk is full"}
    return 500, {"error": "internal", "message": "the server failed"}


def is_gone(request: Any) -> bool:
    """Whether nothing can be sent to the peer any more."""
    return bool(request.finished or http1.is_lost(request))
