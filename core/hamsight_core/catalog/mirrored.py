"""An embedded catalog that this user may only read, seen through a folder that it may write.

The engine writes as it opens: its lock, its temporary files, what it tidies up. The mirror has
folders of its own and small files copied; the files of data are links to the catalog's. What the
engine deletes or merges there is a link or new: the catalog itself stays as it is.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import threading
from pathlib import Path

from hamsight_core.catalog import served
from hamsight_core.processes import lives

_PREFIX = "hamsight-read-"
_NOT_MIRRORED = {"status", "tmp", served.FILE}
_DEPTH_OF_PARTS = 4  # store/abc/UUID/PART
_mirrors: dict[Path, Path] = {}
_lock = threading.Lock()


def is_read_only(path: Path) -> bool:
    """Tell whether a path is a folder that this user may not write, or that lies on such a disk."""
    return path.is_dir() and not os.access(path, os.W_OK)


def mirror(path: Path) -> Path:
    """Return the folder through which this process sees a catalog; it is deleted at the end."""
    with _lock:
        if path not in _mirrors:
            _sweep()
            made = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
            atexit.register(_delete, made, os.getpid())
            _copy(path, made)
            _mirrors[path] = made
        return _mirrors[path]


def _sweep() -> None:
    """Delete what processes of this user left that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        process = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if process.isdigit() and not lives(int(process)):
            shutil.rmtree(folder, ignore_errors=True)


def _copy(source: Path, target: Path, depth: int = 0) -> None:
    for entry in os.scandir(source):
        made = target / entry.name
        if depth == 0 and entry.name in _NOT_MIRRORED:
            continue
        if entry.is_symlink():
            made.symlink_to(Path(entry.path).readlink())
        elif entry.is_dir():
            made.mkdir()
            _copy(Path(entry.path), made, depth + 1)
        elif depth >= _DEPTH_OF_PARTS:
            made.symlink_to(entry.path)
        else:
            shutil.copyfile(entry.path, made)


def _delete(folder: Path, process: int) -> None:
    if process == os.getpid():  # not in a forked child
        shutil.rmtree(folder, ignore_errors=True)
