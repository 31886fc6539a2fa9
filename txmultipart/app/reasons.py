"""Why something could not be sent, in words for whoever runs the program."""

from __future__ import annotations

from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.error import TimeoutError as ConnectTimeout

from txmultipart.http2 import HTTP2Error
from txmultipart.web.sending import innermost, is_no_http

_UNTRUSTED = (
    "the server's certificate is not to be trusted: nobody known here vouches for it,"
    " or its time has not begun or is over"
    " (--cacert FILE says who else may vouch, --insecure does without)"
)
_ANOTHER = (
    "the server's certificate is for another host"
    " (--insecure does without a certificate that is right)"
)


def in_words(error: BaseException) -> str:
    """The first cause of ``error``, in one line."""
    cause = innermost(error)
    if isinstance(cause, SSL.Error):
        return _of_tls(cause)
    if isinstance(cause, VerificationError):
        return _ANOTHER
    if isinstance(cause, ConnectionDone):
        return "the server closed the connection before its answer was whole"
    if isinstance(cause, ConnectionLost):
        return "the connection broke before the server's answer was whole"
    if isinstance(cause, ConnectTimeout):
        return "the server could not be reached in time"
    if isinstance(cause, HTTP2Error):
        return f"the connection failed: {cause}"
    if is_no_http(error):
        # Twisted's: a sentence, and perhaps the bytes that it is about.
        return f"what the server answered is no HTTP: {cause.args[0]}"
    return " ".join(str(cause).split()) or type(cause).__name__


def _of_tls(error: SSL.Error) -> str:
    """OpenSSL's errors are lists of library, function and reason."""
    entries = error.args[0] if error.args and isinstance(error.args[0], list) else []
    said = [str(entry[-1]) for entry in entries if entry[-1]]
    if "certificate verify failed" in said:
        return _UNTRUSTED
    return "TLS failed: " + (", ".join(said) or type(error).__name__)
