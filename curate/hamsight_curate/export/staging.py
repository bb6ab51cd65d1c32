"""A new file or folder that is there whole or not at all; nothing that exists is touched."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hamsight_core.errors import DiskFullError, HamsightError, SourceError, UsageError
from hamsight_core.whole_files import unwritable

_SHOWN = 3


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Give a folder to fill; what is in it becomes `target` when the block ends without error.

    `target` must not exist, or be an empty folder. Raises UsageError where it is anything else,
    and SourceError when it cannot be written.
    """
    check_folder(target)
    there = target.is_dir()
    staged = (target / _staged("export")) if there else target.with_name(_staged(target.name))
    with _cleaned_up(staged, target):
        staged.mkdir()
        yield staged
        if there:
            _move_content(staged, target)
        else:
            _move(staged, target)


@contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Give the path of a file to write, which becomes `target` when the block ends without error.

    `target` must not exist. Raises UsageError where it does, and SourceError when it cannot be
    written.
    """
    check_file(target)
    staged = target.with_name(_staged(target.name))
    with _cleaned_up(staged, target):
        yield staged
        _move(staged, target)


def check_folder(target: Path) -> None:
    """Raise UsageError unless `target` is an empty folder, or can be made."""
    _check_parent(target)
    if not os.path.lexists(target):
        return
    if not target.is_dir():
        raise UsageError(f"{target} is a file, which is never overwritten: name a new folder")
    try:
        names = sorted(os.listdir(target))  # noqa: PTH208
    except OSError as error:
        raise _unwritable(target, error) from error
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise UsageError(
            f"{target} holds {', '.join(map(repr, names[:_SHOWN]))}{more}: nothing that exists is"
            " overwritten or deleted; name a new or an empty folder"
        )


def check_file(target: Path) -> None:
    """Raise UsageError unless `target` is the path of a new file."""
    _check_parent(target)
    if os.path.lexists(target):
        kind = "folder" if target.is_dir() else "file"
        raise UsageError(
            f"{target} exists already, a {kind}: nothing that exists is overwritten; name a new"
            " file"
        )


def _check_parent(target: Path) -> None:
    if "\0" in str(target) or not target.name:
        raise UsageError(f"{str(target)!r} is no name for what is exported: name a new one")
    if not target.parent.is_dir():
        raise UsageError(f"{target}: there is no folder {target.parent}; make it first")


def _staged(name: str) -> str:
    return f".{name[:50]}.{secrets.token_hex(4)}.part"


@contextmanager
def _cleaned_up(staged: Path, target: Path) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        if staged.is_dir() and not staged.is_symlink():
            shutil.rmtree(staged)
        elif os.path.lexists(staged):  # on a read-only disk, to delete what is missing fails
            staged.unlink()
        if isinstance(error, OSError):
            raise _unwritable(target, error) from error
        raise


def _move_content(staged: Path, target: Path) -> None:
    """Move what is in a folder to another, all of it or nothing."""
    moved: list[Path] = []
    try:
        for entry in sorted(staged.iterdir()):
            _move(entry, target / entry.name)
            moved.append(target / entry.name)
        staged.rmdir()
    except BaseException:
        for entry in moved:
            entry.rename(staged / entry.name)
        raise


def _move(staged: Path, target: Path) -> None:
    """Rename; raises FileExistsError where `target` has come to exist."""
    if os.path.lexists(target):
        raise FileExistsError(f"{target.name} has come to exist meanwhile; it was left as it is")
    staged.rename(target)


def _unwritable(target: Path, error: OSError) -> HamsightError:
    if isinstance(found := unwritable(target, error), DiskFullError):
        return found
    where = f" ({error.filename})" if error.filename else ""
    return SourceError(f"{target} cannot be written: {error.strerror or error}{where}")
