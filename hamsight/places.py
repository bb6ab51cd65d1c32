"""Where the bytes of an image are: a local path or a URL."""

from __future__ import annotations

import http.client
import os
import re
import stat
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit, urlunsplit

from hamsight.errors import ImageError

MAX_BYTES = 256 * 1024 * 1024
"""The default limit of a file's size in bytes."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_CHUNK = 64 * 1024


def is_url(text: str) -> bool:
    """Return whether `text` is an http or https URL."""
    return _scheme(text) in ("http", "https")


def local_path(uri: str) -> Path | None:
    """Return the path of a local file, or None where `uri` is a URL of another scheme.

    `file://` URLs name files whose names are not text: `%FF` is the byte 255.
    """
    scheme = _scheme(uri)
    if scheme is None:
        return Path(uri)
    if scheme == "file":
        path = os.fsdecode(unquote_to_bytes(urlsplit(uri).path))
        return Path(path[1:] if re.match(r"/[A-Za-z]:", path) else path)
    return None


def fetch(uri: str, *, timeout: float = 30.0, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the bytes at a local path, or at an http, https or file URL.

    A path is taken as it is: `~` is not expanded. `timeout` is how many seconds a server may be
    silent. Raises ImageError with the reason alone, without the uri.
    """
    if is_url(uri):
        return _download(uri, timeout, max_bytes)
    path = local_path(uri)
    if path is None:
        raise ImageError(
            f"{_scheme(uri)}:// is not supported; give a local path or an http, https or file URL"
        )
    return _read(path, max_bytes)


def _scheme(text: str) -> str | None:
    """Return the scheme in lower case; a Windows drive (`C:\\`) is none."""
    match = _SCHEME.match(text)
    return match[1].lower() if match else None


def _too_large(max_bytes: int) -> ImageError:
    return ImageError(f"larger than {max_bytes} bytes")


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise ImageError("a folder, not a file")
        if not stat.S_ISREG(found.st_mode):
            raise ImageError("not a regular file")
        if found.st_size > max_bytes:
            raise _too_large(max_bytes)
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError("file not found") from error
    except PermissionError as error:
        raise ImageError("permission denied") from error
    except NotADirectoryError as error:
        raise ImageError("file not found: a part of its path is a file, not a folder") from error
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a NUL, or text that is no file name here
        raise ImageError(f"not a path: {error}") from error


def _web() -> urllib.request.OpenerDirector:
    """Return an opener of http and https alone, so that no redirect leads to a file or FTP."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    opener.addheaders = [("User-Agent", "hamsight"), ("Accept", "image/*,*/*;q=0.5")]
    return opener


def _download(url: str, timeout: float, max_bytes: int) -> bytes:
    try:
        with _web().open(_encoded(url), timeout=timeout) as response:
            return _body(response, max_bytes)
    except urllib.error.HTTPError as error:
        with error:
            raise ImageError(f"HTTP {error.code} {error.reason}".strip()) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise ImageError(f"no answer within {timeout:g} seconds") from error
        raise ImageError(f"cannot be downloaded: {error.reason}") from error
    except TimeoutError as error:
        raise ImageError(f"no data within {timeout:g} seconds") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        words = str(error) or type(error).__name__
        raise ImageError(f"cannot be downloaded: {words}") from error


def _body(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    announced = response.length
    if announced is not None and announced > max_bytes:
        raise _too_large(max_bytes)
    chunks, size = [], 0
    while chunk := response.read(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(max_bytes)
    if announced is not None and size < announced:
        raise ImageError(f"the connection closed after {size} of {announced} bytes")
    return b"".join(chunks)


def _encoded(url: str) -> str:
    """Return the URL with spaces and letters beyond ASCII encoded."""
    parts = urlsplit(url)
    host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode()
    kept = "%/:=&?~#+!$,;'@()*[]"
    return urlunsplit(
        (parts.scheme, host, quote(parts.path, safe=kept), quote(parts.query, safe=kept), "")
    )
