"""Free space for an embedded catalog, looked at before anything is written.

On a full disk the engine leaves files empty or cut and answers that all went well; it cannot open
such a catalog again.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from hamsight_core.errors import DiskFullError

RESERVE = 32 << 20
"""Bytes that stay free: for what the engine writes by itself."""
_FILES = 64


def check_room(path: Path, needed: int = 0) -> None:
    """Raise DiskFullError where a path's disk has no room for `needed` bytes and the reserve."""
    place = path
    while not place.exists():
        place = place.parent
    total, _, free = shutil.disk_usage(place)
    if total and free < needed + RESERVE:  # some file systems, such as /proc, tell no size
        raise DiskFullError(
            f"the disk of {path} has {_mib(free)} MiB free, and this needs"
            f" {_mib(needed + RESERVE)}: nothing was written. Free space there, or keep the"
            " catalog elsewhere with --db"
        )
    if hasattr(os, "statvfs"):
        numbers = os.statvfs(place)
        if numbers.f_files and numbers.f_favail < _FILES:  # some file systems count no files
            raise DiskFullError(
                f"the disk of {path} has room for {numbers.f_favail} more files only: nothing was"
                " written. Delete files there, or keep the catalog elsewhere with --db"
            )


def _mib(count: int) -> int:
    return -(-count >> 20)
