"""Errors of the loopback front, in the words and statuses of ClickHouse."""

from __future__ import annotations

import re

_BROKEN = 1002  # UNKNOWN_EXCEPTION
# As ClickHouse's exceptionCodeToHTTPStatus; all others are 500.
_STATUS = {
    **dict.fromkeys((192, 193, 512, 516), 403),  # who asks
    # what cannot be parsed, or is of another type
    **dict.fromkeys((6, 25, 26, 27, 36, 38, 41, 43, 44, 53, 62, 69, 72, 108, 117), 400),
    **dict.fromkeys((46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 336), 404),  # what there is not
    48: 501,  # NOT_IMPLEMENTED
    159: 408,  # TIMEOUT_EXCEEDED
    194: 401,  # REQUIRED_PASSWORD
    381: 411,  # HTTP_LENGTH_REQUIRED
}


class RefusedError(Exception):
    """A request that the front itself refuses; the message is worded as ClickHouse's."""

    def __init__(self, code: int, words: str, name: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {words}. ({name})")


def status_of(message: str) -> tuple[int, int]:
    """Return the status of HTTP and ClickHouse's code of an error, from its message."""
    found = re.search(r"Code: (\d+)", message)
    code = int(found[1]) if found else _BROKEN
    return _STATUS.get(code, 500), code
