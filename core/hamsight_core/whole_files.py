"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hamsight_core.errors import DiskFullError, HamsightError, UsageError

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the path of a file to write, which takes the place of `path` when the block ends.

    Where the block ends in an error, what is at `path` stays as it was. A device or a pipe, such as
    /dev/stdout, is written itself. Raises DiskFullError, and UsageError where the file cannot be
    written for another reason.
    """
    try:
        target = Path(os.path.realpath(path))
        if target.exists() and not target.is_file() and not target.is_dir():
            yield target
            return
        partial = target.with_name(f".{target.name[:50]}.{secrets.token_hex(4)}.part")
        try:
            yield partial
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> HamsightError:
    """Return the error of a file that the operating system did not let be written."""
    if error.errno in _FULL:
        return DiskFullError(
            f"{path} cannot be written: {error.strerror}. Free space there, or name a file on"
            " another disk; what was there before is as it was"
        )
    return UsageError(f"{path} cannot be written: {error.strerror or error}; name another file")
