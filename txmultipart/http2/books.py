"""The h2 connection that keeps the books, and what it announces."""

from __future__ import annotations

from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hpack import Encoder
from hpack.exceptions import HPACKError

from txmultipart.http2.client_options import ClientOptions
from txmultipart.http2.decoder import LengthDecoder
from txmultipart.http2.frames import PREFACE
from txmultipart.http2.options import HTTP2Options

#: What a window is before anything was said (section 6.9.2).
_DEFAULT_WINDOW = 65535

#: We follow no tree of priorities, and say so (RFC 9218 section 2.1).
_NO_RFC7540_PRIORITIES = 9

#: h2 ends the connection for a stream too many; up to so many times the streams that
#: were announced, the stream is refused before h2 minds.
_PATIENCE = 4

#: Of the peer's wish for our compression, what is worth its price: the encoder
#: searches all of its table for every field.
LARGEST_TABLE = 4096


class _Books(H2Connection):
    # Enough to tell a late frame from a wrong one; each closed stream takes memory.
    MAX_CLOSED_STREAMS = 1024

    def __init__(self, config: H2Configuration) -> None:
        super().__init__(config)
        self.decoder = LengthDecoder(self.decoder.max_header_list_size)


def server_books(options: HTTP2Options) -> H2Connection:
    """Books for the server's side, with its first frames ready to be sent.

    The client's preface counts as seen: the splitter has it.
    """
    # Fields are judged in ``fields``, where it costs no more than their stream.
    config = H2Configuration(
        client_side=False,
        validate_inbound_headers=False,
        normalize_inbound_headers=False,
    )
    books = _Books(config)
    books.local_settings = _settings(options, options.max_streams)
    books.max_inbound_frame_size = options.max_frame
    books.decoder.max_header_list_size = options.max_header_list
    books.initiate_connection()
    # What a client sends before it has heard of a smaller window is right (6.9.2).
    window = max(options.first_window, _DEFAULT_WINDOW)
    books.local_settings = _settings(
        options, options.max_streams * _PATIENCE, window=window
    )
    _open_window(books, options)
    books.receive_data(PREFACE)
    return books


def client_books(options: ClientOptions) -> H2Connection:
    """Books for the client's side, with its preface ready to be sent."""
    # What it would refuse to send poisons its tables: ``outgoing`` judges before.
    config = H2Configuration(
        client_side=True,
        validate_inbound_headers=False,
        normalize_inbound_headers=False,
        validate_outbound_headers=False,
    )
    books = _Books(config)
    settings = _settings(options, 0, client=True)
    # Nothing can be pushed, so nobody asks how many streams a server may open; and
    # some servers take offence at a setting that is for them to send (RFC 8441).
    del settings[SettingCodes.MAX_CONCURRENT_STREAMS]
    del settings[SettingCodes.ENABLE_CONNECT_PROTOCOL]
    books.local_settings = settings
    books.max_inbound_frame_size = options.max_frame
    books.initiate_connection()
    _open_window(books, options)
    return books


def _open_window(books: H2Connection, options: HTTP2Options) -> None:
    if options.connection_window > _DEFAULT_WINDOW:
        more = options.connection_window - _DEFAULT_WINDOW
        books.increment_flow_control_window(more)


def _settings(
    options: HTTP2Options, streams: int, *, window: int = 0, client: bool = False
) -> Settings:
    values: dict[Any, int] = {
        SettingCodes.ENABLE_PUSH: 0,
        SettingCodes.MAX_CONCURRENT_STREAMS: streams,
        SettingCodes.INITIAL_WINDOW_SIZE: window or options.first_window,
        SettingCodes.MAX_FRAME_SIZE: options.max_frame,
        SettingCodes.MAX_HEADER_LIST_SIZE: options.max_header_list,
        _NO_RFC7540_PRIORITIES: 1,
    }
    return Settings(client=client, initial_values=values)


def table_changed(encoder: Encoder) -> None:
    """The peer allows another size of our table: use no more than we want to.

    The next header block tells of the smallest size since the last one, and of the one
    that it is now (RFC 7541 section 4.2). hpack would tell of all of them, some of which
    may not be allowed any more, and of none if the last two are equal.
    """
    if encoder.header_table_size > LARGEST_TABLE:
        encoder.header_table_size = LARGEST_TABLE
    changes = encoder.table_size_changes
    if changes:
        last, least = changes[-1], min(changes)
        encoder.table_size_changes = [last] if least == last else [least, last]
        encoder.header_table.resized = True


def own_code(error: ProtocolError) -> int | None:
    """The code of what h2 calls by another name; None if its GOAWAY is right."""
    if isinstance(error.__cause__, HPACKError) and not _is_calm(error):
        return ErrorCodes.COMPRESSION_ERROR  # section 4.3
    return None


def _is_calm(error: ProtocolError) -> bool:
    return error.error_code == ErrorCodes.ENHANCE_YOUR_CALM
