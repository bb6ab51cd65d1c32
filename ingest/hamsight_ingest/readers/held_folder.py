"""Temporary folders that a killed run leaves are deleted by the next run.

A living process has its folders locked, which the system ends with the process.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from hamsight_core.closing import Closing

_PREFIX = "hamsight-files-"
_SECONDS_TO_LOCK = 10
"""For so long a folder may be new and not locked yet."""


class HeldFolder(Closing):
    """A new temporary folder, locked until it is deleted with this object. `name` is its path."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=_PREFIX)
        self.name = self._folder.name
        self._lock = _locked(Path(self.name))

    def close(self) -> None:
        """Delete the folder."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        self._folder.cleanup()

    def __del__(self) -> None:
        """Let go of the lock; the folder deletes itself."""
        if self._lock is not None:
            os.close(self._lock)


def delete_left_folders() -> None:
    """Delete such folders of processes of this user that are no more."""
    try:
        with os.scandir(tempfile.gettempdir()) as entries:
            found = [Path(entry.path) for entry in entries if _may_be_left(entry)]
    except OSError:  # a folder that cannot be read has nothing that can be deleted
        return
    for folder in found:
        lock = _locked(folder)
        if lock is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _may_be_left(entry: os.DirEntry[str]) -> bool:
    if not entry.name.startswith(_PREFIX) or not entry.is_dir(follow_symlinks=False):
        return False
    status = entry.stat(follow_symlinks=False)
    own = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return own and time.time() - status.st_mtime > _SECONDS_TO_LOCK


def _locked(folder: Path) -> int | None:
    """Return the number of a folder that is open and locked; None where another process has it.

    None too where folders cannot be locked, as on Windows.
    """
    try:
        import fcntl

        opened = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        return None
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(opened)
        return None
    return opened
