"""The files of a dataset, listed once and shared by all that look at them."""

from __future__ import annotations

import os
import re
import weakref
from collections.abc import Callable, Iterator
from functools import cached_property, wraps
from pathlib import Path
from typing import TypeVar, cast

_T = TypeVar("_T")

EXTENSIONS = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".gif", ".webp"),
        *(".bmp", ".dib", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
        *(".avif", ".heic", ".heif", ".jp2", ".j2k", ".qoi"),
    }
)
"""The extensions of image files, in lower case."""

_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})
_SYSTEM_FOLDERS = frozenset(
    {
        *("@eadir", "@recycle", "@recycler", "@recently-snapshot", "@tmp", "@__thumb", "#recycle"),
        *("#snapshot", "lost+found", "system volume information", "$recycle.bin", "recycler"),
        *("__macosx", ".thumbnails", ".@__thumb", ".appledouble", ".trashes"),
    }
)
"""What operating systems and network drives keep beside the user's files, in lower case."""

_OF_TOOLS = re.compile(
    r"\.(_|DS_Store|git|dvc|cache|huggingface|ipynb_checkpoints|vscode|idea|nfs)"
)
"""How hidden names begin that version control, editors and file systems give."""


def is_skipped(name: str) -> bool:
    """Return whether a file or folder of this name is hidden, or none of the user's."""
    return name.startswith(".") or name.lower() in _SYSTEM_FILES or is_system(name)


def is_system(name: str) -> bool:
    """Return whether a folder of this name is an operating system's or a network drive's."""
    return name.lower() in _SYSTEM_FOLDERS


def suffix_of(name: str) -> str:
    """Return a file name's extension with its dot, in lower case, or nothing."""
    place = name.rfind(".")
    return name[place:].lower() if place > name.rfind("/") + 1 else ""


def without_suffix(name: str) -> str:
    """Return a path without its extension."""
    return name[: len(name) - len(suffix_of(name))]


def is_image(name: str) -> bool:
    """Return whether a file's name has an image's extension."""
    return suffix_of(name) in EXTENSIONS


def printable(path: str | Path) -> str:
    """Return a path as valid text; bytes of a name that are no UTF-8 are written `\\xff`."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def uri_of(path: str) -> str:
    """Return an absolute path as an item's uri: itself, or a file URL where it is not text."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return Path(path).as_uri()
    return path


def absolute(path: Path) -> Path:
    """Return the path from the root of the file system, links kept as the user named them."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows links


class Elsewhere:
    """A folder here whose images are elsewhere: they are listed in it, and no files are made.

    `images_in` are their names, by the path of the folder. Folders and all other files are real.
    """

    def __init__(self, root: str) -> None:
        self.root = root
        self.images_in: dict[str, set[str]] = {}
        _elsewhere[root] = self

    def has(self, path: str | Path) -> bool:
        """Return whether a path is that of an image which is elsewhere."""
        folder, name = os.path.split(os.path.normpath(path))
        return name in self.images_in.get(folder, ())


_elsewhere: weakref.WeakValueDictionary[str, Elsewhere] = weakref.WeakValueDictionary()


def elsewhere_of(path: str | Path) -> Elsewhere | None:
    """Return the folder whose images are elsewhere that a path is, or lies in, if any."""
    text = os.path.join(path, "")  # noqa: PTH118 - ends in a separator
    found = (one for root, one in _elsewhere.items() if text.startswith(root + os.sep))
    return next(found, None)


def is_file(path: str | Path) -> bool:
    """Return whether a file is here, or an image that is elsewhere is listed here."""
    one = elsewhere_of(path)
    return os.path.isfile(path) or (one is not None and one.has(path))  # noqa: PTH113 - never raises


class Listing:
    """What is at a path: a file, or all files in a folder and below it.

    The folder is looked through once, when a file is first asked for. Paths of files are text
    below `root`, with `/` between their parts; the files of a folder come before the folders in
    it, both sorted by name. Hidden files and those of the system are left out.
    """

    def __init__(self, path: Path) -> None:
        self.path = absolute(path)
        self.is_file = is_file(self.path)
        self.root = self.path.parent if self.is_file else self.path
        self.notes: dict[str, None] = {}
        """Folders that could not be read and links that lead back; complete once listed."""
        self.odd: list[str] = []
        """The paths of what is neither a file nor a folder, such as links to nothing and pipes;
        links called as images are files, and rejected. Complete once listed."""
        self.system: dict[str, None] = {}
        """The names of the folders of the system that were left out."""
        self.hidden: dict[str, None] = {}
        """The names of hidden files and folders that were left out, but for those of tools."""
        self.told: dict[object, object] = {}
        """What `once` keeps."""
        self._sets: dict[str, frozenset[str]] = {}

    @cached_property
    def folders(self) -> dict[str, list[str]]:
        """The names of the files in each folder, by the folder's path; the root's is empty."""
        if self.is_file:
            return {"": [self.path.name]}
        found: dict[str, list[str]] = {}
        pending: list[tuple[str, frozenset[tuple[int, int]]]] = [("", frozenset())]
        while pending:
            folder, above = pending.pop()
            path = os.path.join(self.root, folder)  # noqa: PTH118 - much faster than Path
            try:
                status = os.stat(path)  # noqa: PTH116
                here = (status.st_dev, status.st_ino)
                if here in above:
                    words = "a link back to a folder above it, not followed"
                    self.notes[f"{printable(path)}: {words}"] = None
                    continue
                files, within, odd = self._listed(path)
            except OSError as error:
                words = f"folder not read: {error.strerror or error}"
                self.notes[f"{printable(path).rstrip(os.sep)}: {words}"] = None
                continue
            start = f"{folder}/" if folder else ""
            self.odd += (f"{start}{name}" for name in odd)
            found[folder] = files
            pending.extend((f"{start}{name}", above | {here}) for name in reversed(within))
        return found

    def _listed(self, path: str) -> tuple[list[str], list[str], list[str]]:
        """Return the names of the files, the folders, and what is neither, each sorted."""
        files, folders, odd = [], [], []
        with os.scandir(path) as entries:
            for entry in entries:
                if is_skipped(entry.name):
                    if is_system(entry.name):
                        self.system[entry.name] = None
                    elif entry.name.startswith(".") and not _OF_TOOLS.match(entry.name):
                        self.hidden[entry.name] = None
                elif _is(entry.is_file):
                    files.append(entry.name)
                elif _is(entry.is_dir):
                    folders.append(entry.name)
                elif entry.is_symlink() and is_image(entry.name):
                    files.append(entry.name)
                else:
                    odd.append(entry.name)
        folder = os.path.normpath(path)
        for one in _elsewhere.values():
            files += one.images_in.get(folder, ())
        return sorted(files), sorted(folders), sorted(odd)

    @cached_property
    def files(self) -> list[str]:
        """The paths of all files."""
        return [
            f"{folder}/{name}" if folder else name
            for folder, names in self.folders.items()
            for name in names
        ]

    @cached_property
    def images(self) -> list[str]:
        """The paths of all files with an image's extension."""
        return [file for file in self.files if is_image(file)]

    @cached_property
    def others(self) -> dict[str, list[str]]:
        """The paths of all files that are no images, by their extension in lower case."""
        found: dict[str, list[str]] = {}
        for file in self.files:
            suffix = suffix_of(file)
            if suffix not in EXTENSIONS:
                found.setdefault(suffix, []).append(file)
        return found

    @cached_property
    def top(self) -> str:
        """The path of the deepest folder that holds all files; nothing for the root."""
        if not self.files or any("/" not in file for file in (self.files[0], self.files[-1])):
            return ""
        first, last = (file.split("/")[:-1] for file in (self.files[0], self.files[-1]))
        shared = 0
        while shared < min(len(first), len(last)) and first[shared] == last[shared]:
            shared += 1
        top = first[:shared]
        while top and not all(file.startswith("/".join(top) + "/") for file in self.files):
            top.pop()
        return "/".join(top)

    def of(self, *suffixes: str) -> list[str]:
        """Return the paths of all files of these extensions."""
        return [file for suffix in suffixes for file in self.others.get(suffix, [])]

    def has(self, file: str) -> bool:
        """Return whether there is a file of this path."""
        folder, _, name = file.rpartition("/")
        return name in self._names(folder)

    def has_folder(self, folder: str) -> bool:
        """Return whether there is a folder of this path."""
        return folder in self.folders

    def _names(self, folder: str) -> frozenset[str]:
        if folder not in self._sets:
            self._sets[folder] = frozenset(self.folders.get(folder, ()))
        return self._sets[folder]

    def at(self, file: str) -> str:
        """Return the absolute path of a file."""
        return os.path.normpath(os.path.join(self.root, file))  # noqa: PTH118 - much faster

    def around(self, up: int = 0) -> Listing:
        """Return the listing of the folder that a file is in, or of one so many above it."""
        folder = self.root
        for _ in range(up):
            folder = folder.parent
        return self if folder == self.path else Listing(folder)


def once(look: Callable[[Listing], _T]) -> Callable[[Listing], _T]:
    """Return a function of a listing whose answer is kept for detector and reader."""

    @wraps(look)
    def asked(listing: Listing) -> _T:
        if look not in listing.told:
            listing.told[look] = look(listing)
        return cast(_T, listing.told[look])

    return asked


def below(files: list[str], folder: str) -> Iterator[str]:
    """Yield those of the paths that are in a folder or below it."""
    start = f"{folder}/" if folder else ""
    return (file for file in files if file.startswith(start))


def _is(kind: Callable[[], bool]) -> bool:
    """Return what an entry of a folder says of itself; a link to itself is nothing."""
    try:
        return kind()
    except OSError:
        return False
