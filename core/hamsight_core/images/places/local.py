"""Bytes of local files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from hamsight_core.errors import ImageError


def too_large(max_bytes: int) -> ImageError:
    """Return the error of an image that is larger than the limit."""
    return ImageError(f"larger than {max_bytes} bytes")


def read_file(path: Path, max_bytes: int) -> bytes:
    """Return the bytes of a regular file. Raises ImageError."""
    with file_errors():
        found = path.stat()
        _check_regular(found.st_mode)
        if found.st_size > max_bytes:
            raise too_large(max_bytes)
        return path.read_bytes()


def open_file(path: Path) -> BinaryIO:
    """Return a regular file, open for reading. Raises ImageError."""
    with file_errors():
        _check_regular(path.stat().st_mode)
        return path.open("rb")


def _check_regular(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise ImageError("a folder, not a file")
    if not stat.S_ISREG(mode):
        raise ImageError("not a regular file")


@contextmanager
def file_errors() -> Iterator[None]:
    """Turn what the file system raises into an ImageError with the reason alone."""
    try:
        yield
    except FileNotFoundError as error:
        link = error.filename is not None and os.path.islink(error.filename)  # noqa: PTH114
        raise ImageError(
            "a link to a file that is not there" if link else "file not found"
        ) from error
    except PermissionError as error:
        raise ImageError("permission denied") from error
    except NotADirectoryError as error:
        raise ImageError("file not found: a part of its path is a file, not a folder") from error
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # a NUL, or text that is no file name here
        raise ImageError(f"not a path: {error}") from error
