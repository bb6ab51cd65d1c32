"""Downloads over http and https: bounded in size, time, tries and connections to one host."""

from __future__ import annotations

import http.client
import io
import random
import socket
import threading
import time
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO
from urllib.parse import urlsplit

from hamsight_core.errors import ImageError
from hamsight_core.images.places.addresses import Reach, reach_of
from hamsight_core.images.places.local import too_large
from hamsight_core.images.places.web_connection import Watch, opener, request_of

TRIES = 4
"""How often a download is tried where the fault may pass."""

TOTAL_SECONDS = 120.0
"""How long one download may take with all its tries."""

HOST_CONNECTIONS = 8
"""How many downloads from one host run at once."""

HOST_FAILURES = 8
"""After so many tries in a row to which a host does not answer, it is given up."""

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_FIRST_DELAY, _LONGEST_DELAY = 0.5, 16.0
_CHUNK = 64 * 1024


class SilentHostError(ImageError):
    """A host that does not answer; `host` is its name and port."""

    def __init__(self, host: str, why: str) -> None:
        super().__init__(f"{host} does not answer: {why}")
        self.host = host


class _PassingError(Exception):
    """A fault that may pass. `delay` is how many seconds the server asked to wait, or None."""

    def __init__(self, reason: str, delay: float | None = None) -> None:
        super().__init__(reason)
        self.delay = delay


def download(
    url: str,
    *,
    timeout: float,
    max_bytes: int,
    tries: int = TRIES,
    total: float = TOTAL_SECONDS,
    reach: Reach | None = None,
) -> bytes:
    """Return what is at an http or https URL; the rest is as for `download_into`."""
    data = io.BytesIO()
    download_into(
        data, url, timeout=timeout, max_bytes=max_bytes, tries=tries, total=total, reach=reach
    )
    return data.getvalue()


def download_into(
    file: IO[bytes],
    url: str,
    *,
    timeout: float,
    max_bytes: int,
    tries: int = TRIES,
    total: float = TOTAL_SECONDS,
    reach: Reach | None = None,
) -> None:
    """Write what is at an http or https URL, redirected to such URLs alone, into an empty file.

    `timeout` is how many seconds a server may be silent, `total` how many all tries may take.
    Overloaded servers, timeouts and broken connections are tried again, after a delay that
    doubles. `reach` says which hosts may be asked at a private address: by default the URL's own,
    as the user named it. Raises ImageError with the reason alone.
    """
    reach = reach_of(url) if reach is None else reach
    deadline = time.monotonic() + total
    for number in range(1, tries + 1):
        try:
            with _turn(_host(url)):
                file.seek(0)
                file.truncate()
                _attempt(file, url, timeout, deadline, max_bytes, reach)
                return
        except _PassingError as error:
            delay = error.delay
            if delay is None:
                delay = _FIRST_DELAY * 2 ** (number - 1) * random.uniform(0.5, 1.5)  # noqa: S311
            if time.monotonic() + delay >= deadline or delay > _LONGEST_DELAY or number == tries:
                tried = f" ({number} tries)" if number > 1 else ""
                raise ImageError(f"{error}{tried}") from error.__cause__
        time.sleep(delay)
    raise AssertionError("unreachable: the last try returns or raises")


_failures: dict[str, int] = {}
"""How many tries in a row each host did not answer."""


def ask_all_hosts_again() -> None:
    """Forget which hosts did not answer."""
    _failures.clear()


def _note(host: str, *, answers: bool) -> None:
    if answers:
        _failures.pop(host, None)
    else:
        _failures[host] = _failures.get(host, 0) + 1


_turns: dict[str, tuple[threading.BoundedSemaphore, int]] = {}
_turns_lock = threading.Lock()


@contextmanager
def _turn(host: str) -> Iterator[None]:
    """Wait until fewer than HOST_CONNECTIONS downloads from the host are under way."""
    with _turns_lock:
        fresh = (threading.BoundedSemaphore(HOST_CONNECTIONS), 0)
        gate, users = _turns.get(host, fresh)
        _turns[host] = (gate, users + 1)
    try:
        with gate:
            yield
    finally:
        with _turns_lock:
            gate, users = _turns[host]
            if users > 1:
                _turns[host] = (gate, users - 1)
            else:
                del _turns[host]


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.lower().rpartition("@")[2]
    except ValueError:
        return ""


def _attempt(
    file: IO[bytes], url: str, timeout: float, deadline: float, max_bytes: int, reach: Reach
) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise _PassingError("no turn to download it in time: its host is busy")
    host = _host(url)
    if _failures.get(host, 0) >= HOST_FAILURES:
        raise SilentHostError(host, f"given up after {HOST_FAILURES} tries")
    watch = Watch(left)
    try:
        web = opener(reach, watch)
        with watch, web.open(request_of(url), timeout=min(timeout, left)) as response:
            _note(host, answers=True)
            _body(file, response, max_bytes)
        if watch.expired:
            raise ConnectionAbortedError("its time was over")
    except urllib.error.HTTPError as error:
        with error:
            _note(host, answers=True)
            reason = f"HTTP {error.code} {error.reason}".strip()
            if error.code in _PASSING:
                raise _PassingError(reason, _asked_delay(error)) from error
            raise ImageError(reason) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(cause, (TimeoutError, ConnectionRefusedError, socket.gaierror)):
            _note(host, answers=False)
        if watch.expired:
            raise ImageError(f"not complete within {watch.seconds:.0f} seconds") from error
        if isinstance(cause, TimeoutError):
            raise _PassingError(f"no answer within {timeout:g} seconds") from error
        reason = f"cannot be downloaded: {str(cause) or type(cause).__name__}"
        if _may_pass(cause):
            raise _PassingError(reason) from error
        raise ImageError(reason) from error


def _may_pass(cause: object) -> bool:
    if isinstance(cause, ConnectionRefusedError):
        return False
    if isinstance(cause, socket.gaierror):
        return cause.errno == socket.EAI_AGAIN
    return isinstance(cause, (ConnectionError, http.client.IncompleteRead))


def _asked_delay(error: urllib.error.HTTPError) -> float | None:
    asked = (error.headers.get("Retry-After") or "").strip()
    return float(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else None


def _body(file: IO[bytes], response: http.client.HTTPResponse, max_bytes: int) -> None:
    announced = response.length
    if announced is not None and announced > max_bytes:
        raise too_large(max_bytes)
    size = 0
    while chunk := response.read1(_CHUNK):
        file.write(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise too_large(max_bytes)
    if announced is not None and size < announced:
        raise ConnectionResetError(f"the connection closed after {size} of {announced} bytes")
