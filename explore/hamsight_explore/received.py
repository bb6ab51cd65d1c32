"""What a client of the loopback front sent: who it is, its settings, parameters and body."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterator, Mapping
from email.message import Message
from io import BufferedIOBase

from hamsight_explore.encodings import PIECE
from hamsight_explore.refusals import RefusedError

# Parameters that ClickHouse's HTTP interface takes itself; all others are settings.
_TRANSPORT = frozenset(
    {
        *("query", "database", "user", "password", "default_format", "role", "query_id"),
        *("session_id", "session_timeout", "session_check", "quota_key", "buffer_size"),
        *("compress", "decompress", "wait_end_of_query", "client_protocol_version"),
        *("enable_http_compression", "http_zlib_compression_level"),
        *("send_progress_in_http_headers", "http_headers_progress_interval_ms"),
    }
)
# Settings that a reader may give; others that ordinary clients send are dropped.
_READERS_SETTINGS = re.compile(
    r"output_format_\w+|format_\w+|date_time_\w+|max_threads|max_block_size|max_result_rows"
    r"|max_execution_time|max_memory_usage|result_overflow_mode|timeout_overflow_mode|extremes"
    r"|join_use_nulls|limit|offset|use_client_time_zone|session_timezone|prefer_column_name_to_alias"
    r"|cast_keep_nullable|max_rows_to_read|max_bytes_to_read"
)
_PARAMETER = "param_"
_FIELD_BYTES = 128 * 1024  # ClickHouse's http_max_field_value_size
_MOST_STATEMENT = 64 << 20


def check_credentials(
    headers: Message, parameters: Mapping[str, str], user: str, password: str
) -> None:
    """Raise RefusedError where a request has not the user and password that are expected."""
    said_user = headers.get("X-ClickHouse-User", parameters.get("user", "default"))
    said_password = headers.get("X-ClickHouse-Key", parameters.get("password", ""))
    scheme, _, credentials = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            said = base64.b64decode(credentials, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            said = ""
        said_user, _, said_password = said.partition(":")
    given = f"{said_user}:{said_password}".encode("utf-8", "replace")
    if not hmac.compare_digest(given, f"{user}:{password}".encode()):
        raise RefusedError(
            516,
            f"{said_user[:100]}: Authentication failed: password is incorrect, or there is no user"
            " with such name",
            "AUTHENTICATION_FAILED",
        )


def settings_of(parameters: Mapping[str, str], *, of_reader: bool) -> dict[str, str]:
    """Return the settings of a request; of a reader those alone that ordinary clients send.

    Raises RefusedError for a name that no setting can have.
    """
    found = {
        name: value
        for name, value in parameters.items()
        if name not in _TRANSPORT and not name.startswith(_PARAMETER)
    }
    if of_reader:
        found = {name: value for name, value in found.items() if _READERS_SETTINGS.fullmatch(name)}
    for name in found:
        if not name.isidentifier():
            raise RefusedError(115, f"Unknown setting '{name[:100]}'", "UNKNOWN_SETTING")
    return found


def bound_of(parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the values of a statement's own parameters, by name."""
    return {
        name.removeprefix(_PARAMETER): value
        for name, value in parameters.items()
        if name.startswith(_PARAMETER)
    }


def body_of(headers: Message, stream: BufferedIOBase) -> Iterator[bytes]:
    """Yield a body as it comes. Raises RefusedError where it is not well formed."""
    if headers.get("Transfer-Encoding", "").lower() != "chunked":
        length = headers.get("Content-Length", "0")
        if not re.fullmatch(r"\d{1,18}", length, re.ASCII):
            raise RefusedError(381, "Content-Length is no number", "HTTP_LENGTH_REQUIRED")
        yield from _read(stream, int(length))
        return
    while True:
        size = stream.readline(64).partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9a-fA-F]{1,15}", size):
            raise RefusedError(1000, "a chunk of the body has no length", "POCO_EXCEPTION")
        if int(size, 16) == 0:
            break
        yield from _read(stream, int(size, 16))
        stream.readline(64)
    while stream.readline(1024).strip():
        pass


def _read(stream: BufferedIOBase, count: int) -> Iterator[bytes]:
    while count:
        piece = stream.read(min(count, PIECE))
        if not piece:
            raise ConnectionAbortedError
        count -= len(piece)
        yield piece


def whole(begun: bytes, pieces: Iterator[bytes]) -> bytes:
    """Return a statement or a form in one piece. Raises RefusedError where it is too large."""
    found, size = [begun], len(begun)
    for piece in pieces:
        found.append(piece)
        size += len(piece)
        if size > _MOST_STATEMENT:
            raise RefusedError(
                62, f"Max query size exceeded: {_MOST_STATEMENT} bytes", "SYNTAX_ERROR"
            )
    return b"".join(found)


def form_fields(content_type: str, body: bytes) -> dict[str, str]:
    """Return the fields of a form. Raises RefusedError for files, and for a field too long."""
    boundary = b"--" + content_type.partition("boundary=")[2].strip('"').encode()
    fields = {}
    for part in body.split(boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'\bname="([^"]+)"', head)
        if name is None or b"filename=" in head:
            raise RefusedError(48, "external data are not taken here", "NOT_IMPLEMENTED")
        value = value.removesuffix(b"\r\n")
        if len(value) > _FIELD_BYTES:
            raise RefusedError(1000, "HTML Form Exception: Field value too long", "POCO_EXCEPTION")
        fields[name[1].decode("utf-8", "replace")] = value.decode("utf-8", "replace")
    return fields
