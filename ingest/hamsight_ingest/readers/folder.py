"""A folder of images, with as many folders within as there are; or one image file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_core.items import Item
from hamsight_ingest.source import SUBSET_NAMES, ReadOptions

EXTENSIONS = frozenset(
    [
        ".jpg",
        ".jpeg",
        ".jpe",
        ".jfif",
        ".mpo",
        ".png",
        ".apng",
        ".gif",
        ".webp",
        ".bmp",
        ".dib",
        ".tif",
        ".tiff",
        ".ppm",
        ".pgm",
        ".pbm",
        ".pnm",
        ".pfm",
        ".avif",
        ".heic",
        ".heif",
        ".jp2",
        ".j2k",
        ".qoi",
    ]
)
"""The extensions of image files, in lower case."""

_SKIPPED = frozenset({"__macosx", "thumbs.db", "$recycle.bin"})
_NO_CLASSES = SUBSET_NAMES | {"images"}
_SURVEYED = 1000


def is_skipped(name: str) -> bool:
    """Return whether a file or folder of this name is hidden, or none of the user's."""
    return name.startswith(".") or name.lower() in _SKIPPED


def is_image(name: str) -> bool:
    """Return whether a file's name has an image's extension."""
    return os.path.splitext(name)[1].lower() in EXTENSIONS  # noqa: PTH122


def walk(
    root: Path, notes: dict[str, None], wanted: Callable[[str], bool] = is_image
) -> Iterator[tuple[str, ...]]:
    """Yield the path of each file under `root` of a wanted name, as its parts relative to `root`.

    Files come before folders, both sorted by name. Hidden ones are left out. Folders that cannot
    be read, and links that lead back to a folder they are in, are added to `notes`.
    """
    pending: list[tuple[tuple[str, ...], frozenset[tuple[int, int]]]] = [((), frozenset())]
    while pending:
        parts, above = pending.pop()
        folder = root.joinpath(*parts)
        try:
            status = folder.stat()
            here = (status.st_dev, status.st_ino)
            if here in above:
                notes[f"{printable(folder)}: a link back to a folder above it, not followed"] = None
                continue
            files, folders = _listed(folder, wanted)
        except OSError as error:
            notes[f"{printable(folder)}: folder not read: {error.strerror or error}"] = None
            continue
        yield from ((*parts, name) for name in files)
        pending.extend(((*parts, name), above | {here}) for name in reversed(folders))


def _listed(folder: Path, wanted: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    """Return the names of the wanted files and of the folders within, each sorted."""
    files, folders = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_skipped(entry.name):
                continue
            if _is_folder(entry):
                folders.append(entry.name)
            elif wanted(entry.name):
                files.append(entry.name)
    return sorted(files), sorted(folders)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself: as a file it is rejected with its reason
        return False


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


def split_subset(parts: tuple[str, ...], options: ReadOptions) -> tuple[str, tuple[str, ...]]:
    """Return the subset that a path in a folder is of, and the parts of the path below it."""
    if options.subset is not None:
        return options.subset, parts
    if len(parts) > 1 and (options.subset_from_folder or parts[0].lower() in SUBSET_NAMES):
        return printable(parts[0]), parts[1:]
    return "", parts


def folder_item(parts: tuple[str, ...], uri: str, options: ReadOptions) -> Item:
    """Return the item of an image file from the parts of its path below the dataset."""
    subset, rest = split_subset(parts, options)
    tags = {printable(name): 1 for name in rest[:-1]} if options.tags_from_folder else {}
    return Item(id=printable("/".join(rest)), uri=uri, subset=subset, tags=tags)


class FolderSource:
    """The image files under a folder, each an item."""

    format = "folder"

    def __init__(self, path: Path, options: ReadOptions, detected: str) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 - keeps links as the user named them
        self.name = printable(self.path.name) or "dataset"
        self.detected = detected
        self._options = options
        self._notes: dict[str, None] = {}

    @property
    def notes(self) -> Sequence[str]:
        """Return the folders and links that were left out."""
        return list(self._notes)

    def count(self) -> int:
        """Return the number of image files."""
        return sum(1 for _ in self._files())

    def __iter__(self) -> Iterator[Item]:
        """Yield an item for each image file, folder by folder, each sorted by name."""
        root = self.path if self.path.is_dir() else self.path.parent
        for parts in self._files():
            uri = uri_of(os.path.join(root, *parts))  # noqa: PTH118 - much faster than Path
            yield folder_item(parts, uri, self._options)

    def _files(self) -> Iterator[tuple[str, ...]]:
        if self.path.is_dir():
            return walk(self.path, self._notes)
        return iter([(self.path.name,)])


class FolderReader:
    """Image files in folders."""

    name = "folder"
    description = (
        "image files, by their extension, in folders; folder names can be subsets and tags"
    )
    carries = frozenset({"subsets", "tags"})

    def detect(self, path: Path) -> str | None:
        """Return how many image files there are, or None where there is none."""
        detected = _surveyed(path)
        return None if detected is None else detected[0]

    def open(self, path: Path, options: ReadOptions) -> FolderSource:
        """Return the folder as a source. Raises SourceError where it holds no image."""
        detected = _surveyed(path)
        if detected is None:
            raise SourceError(*_no_images(path))
        words, classes = detected
        if classes and not options.tags_from_folder:
            words += f" in folders such as {classes}: --tags-from-folder makes tags of their names"
        return FolderSource(path, options, words)


def _surveyed(path: Path) -> tuple[str, str] | None:
    """Return how many images there are and, where folders may be classes, the first two of them.

    Classes are two folders or more that hold all images between them. None without an image.
    """
    if path.is_file():
        return ("an image file", "") if is_image(path.name) else None
    found = list(islice(walk(path, {}), _SURVEYED))
    if not found:
        return None
    number = f"{_SURVEYED:,} or more" if len(found) == _SURVEYED else str(len(found))
    shared = os.path.commonpath(["/".join(parts[:-1]) for parts in found])
    where = f" under {printable(shared)}/" if shared else ""
    words = f"{number} image file{'' if len(found) == 1 else 's'}{where}"
    folders = [parts[-2] if len(parts) > 1 else "" for parts in found]
    classes = [name for name in dict.fromkeys(folders) if name.lower() not in _NO_CLASSES]
    if "" in folders or len(classes) < 2:
        return words, ""
    return words, " and ".join(f"{printable(name)}/" for name in classes[:2])


def _no_images(path: Path) -> list[str]:
    looked_for = " ".join(sorted(EXTENSIONS))
    if path.is_file():
        return [f"{printable(path)}: no image file by its extension; known are {looked_for}"]
    words = f"{printable(path)}: no image file in it or below; looked for {looked_for}"
    return [words, *unread(path)]


def unread(path: Path) -> list[str]:
    """Return a note on each folder under `path`, itself included, that cannot be read."""
    notes: dict[str, None] = {}
    for _ in walk(path, notes):
        pass
    return list(notes)
