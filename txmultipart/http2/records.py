"""Records: all that a TLS connection has decrypted, with one call.

pyOpenSSL's ``recv`` gives one record, 16 KiB at most, and makes some ten calls for it;
whoever fills frames of 16 KiB makes two records of each. Asking OpenSSL itself, record
after record, and pyOpenSSL only at the end, takes an eighth of the CPU time off an upload
(512 MiB, HTTP/2 on TLS, 2026-11-20).

::

    kept        OpenSSL gives            we give          kept then
    nothing     bytes, then no more yet  the bytes        nothing
    nothing     bytes, then an error     the bytes        the error
    nothing     nothing, or an error     raise that       nothing
    an error    is not asked             raise it         nothing

This is the one module that leans on private names of pyOpenSSL, those in ``NAMES``. Where
one of them is missing, or the connection is another's, ``recv`` stays as it is. Twisted's
TLS needs pyOpenSSL in any case.
"""

from __future__ import annotations

from functools import cache
from typing import Any
from weakref import ref

from OpenSSL import SSL

#: Of a connection, and of its module, in this order.
NAMES = ("_ssl", "_raise_ssl_error"), ("_lib", "_ffi")

#: Bytes that one call gives at most. There is one buffer for all connections, and it stays.
_ROOM = 2 << 20


def join_records(transport: Any) -> None:
    """Have what decrypts for ``transport`` give all there is as one piece."""
    connection = getattr(transport, "getHandle", lambda: None)()
    of_connection, of_module = NAMES
    if (
        isinstance(connection, SSL.Connection)
        and all(hasattr(connection, name) for name in of_connection)
        and all(hasattr(SSL, name) for name in of_module)
    ):
        # On this one object. It is asked by the thread of the reactor alone.
        vars(connection)["recv"] = Records(connection).recv


class Records:
    """What has come on one connection.

    An error that follows some bytes, as the peer's close_notify does, is kept until the
    next call, for these go first.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = ref(connection)  # which holds this
        self._ssl = connection._ssl
        self._error: SSL.Error | None = None

    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        """At most 2 MiB, whatever ``bufsiz`` says.

        For the reactor's thread alone: the buffer is everybody's. Raises
        ``OpenSSL.SSL.Error`` as the stock one does.
        """
        connection: Any = self._connection()
        if flags:
            return SSL.Connection.recv(connection, bufsiz, flags)
        error, self._error = self._error, None
        if error is not None:
            raise error
        read = SSL._lib.SSL_read  # type: ignore[attr-defined]
        ssl, buffer = self._ssl, _buffer()
        have = 0
        while (got := read(ssl, buffer + have, _ROOM - have)) > 0:
            have += got
            if have == _ROOM:
                break
        else:
            self._error = _error(connection, got, have)
        return bytes(SSL._ffi.buffer(buffer, have))  # type: ignore[attr-defined]


def _error(connection: Any, got: int, have: int) -> SSL.Error | None:
    """What a call that gave ``got`` means, to be raised at once if nothing was read."""
    try:
        connection._raise_ssl_error(connection._ssl, got)
    except SSL.WantReadError:  # the next call would find so again
        if not have:
            raise
    except SSL.Error as error:
        if not have:
            raise
        return error
    return None


@cache
def _buffer() -> Any:
    # One for all: what is read is copied out of it before anybody else can read.
    return SSL._ffi.new("char[]", _ROOM)  # type: ignore[attr-defined]
