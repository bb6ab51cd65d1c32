"""What there is under a place elsewhere: a prefix of a bucket, a folder of the web, an archive."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from hamsight_core.errors import ImageError, SourceError
from hamsight_core.images.places import is_url, member_uri
from hamsight_core.images.places.cloud import list_objects
from hamsight_core.images.places.uris import ArchiveKind
from hamsight_ingest.listing import is_skipped, printable
from hamsight_ingest.readers.archive import names

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """The files under `place`, which is a URL or the path of an archive, by their path below it.

    `listing` are the uris of all, of hidden ones too. `listed` is False where a server does not
    say what it has, and `files` are those known.
    `archive` is (kind, uri, folder within) where the place is an archive; `name` is then its own.
    """

    place: str
    name: str
    files: Mapping[Parts, str]
    listing: Sequence[str] = ()
    listed: bool = True
    archive: tuple[ArchiveKind, str, Parts] | None = None

    @property
    def above(self) -> Parts:
        """The names from the host, the bucket or the archive down to the place, both included."""
        if self.archive is not None:
            return (self.name, *self.archive[2])
        return _segments(self.place)

    def uri(self, parts: Parts) -> str:
        """Return the uri of the file of that path below the place, whether it is there or not."""
        return self.files.get(parts) or self.uri_above((*self.above, *parts))

    def uri_above(self, parts: Parts) -> str:
        """Return the uri of a file by its path below the host, the bucket or the archive."""
        path = "/".join(parts[1:] or parts)
        if self.archive is not None:
            return member_uri(self.archive[0], path, self.archive[1])
        top = "/".join(self.place.split("/", 3)[:3])
        return f"{top}/{quote(path) if is_url(self.place) else path}"


def _segments(place: str) -> Parts:
    """Return the parts of a URL, the host or bucket first, as folders here may be called."""
    top, *rest = place.partition("://")[2].split("/")
    if is_url(place):
        rest = [unquote(part) for part in rest]
    named = (part for part in rest if part not in ("", ".", ".."))
    return (re.sub(r"[^A-Za-z0-9._-]", "_", top), *(part.replace("/", "_") for part in named))


def name_of(place: str) -> str:
    """Return the last part of a URL's path; of a bucket or a host its name."""
    return _segments(place.partition("?")[0] if is_url(place) else place)[-1]


def folder_tree(place: str) -> Tree:
    """Return what is under a prefix of a bucket, or in a folder that a web server lists.

    Raises SourceError.
    """
    try:
        if is_url(place):
            from hamsight_core.images.places.web_index import list_folder

            uris = list_folder(place)
        else:
            uris = list_objects(place)
    except ImageError as error:
        raise SourceError(f"{place}: {error}") from error
    root = place.rstrip("/") + "/"
    below = ((uri.removeprefix(root), uri) for uri in uris if uri.startswith(root))
    return Tree(place, name_of(place), dict(_files(below, unquoted=is_url(place))), uris)


def file_tree(place: str) -> tuple[Tree, Parts]:
    """Return the tree around an annotation file, and the file's path in it.

    It begins at the file's folder; where that is `annotations`, at the folder above.
    """
    bare = place.partition("?")[0] if is_url(place) else place
    folder, _, name = bare.rpartition("/")
    parts: Parts = (unquote(name) if is_url(place) else name,)
    if folder.rpartition("/")[2].lower() == "annotations":
        folder, _, name = folder.rpartition("/")
        parts = (name, *parts)
    try:
        tree = folder_tree(folder)
    except SourceError:
        if not is_url(place):
            raise
        return Tree(folder, name_of(folder), {parts: place}, listed=False), parts
    return Tree(folder, tree.name, {**tree.files, parts: place}), parts


def archive_tree(
    kind: ArchiveKind, uri: str, shown: str | Path, name: str, below: Parts = ()
) -> Tree:
    """Return the members of an archive, or those in a folder of it. Raises SourceError."""
    members = ((member, member_uri(kind, member, uri)) for member in names(uri, kind, shown))
    depth = len(below)
    files = {
        parts[depth:]: place
        for parts, place in _files(members, unquoted=False)
        if len(parts) > depth and parts[:depth] == below
    }
    return Tree(printable(shown), name, files, archive=(kind, uri, below))


def _files(pairs: Iterator[tuple[str, str]], *, unquoted: bool) -> Iterator[tuple[Parts, str]]:
    """Yield the paths of files with their uris, but for hidden ones and those that lead away."""
    for path, uri in pairs:
        if path.endswith("/"):
            continue
        slashed = path if "/" in path else path.replace("\\", "/")
        parts = tuple(part for part in slashed.split("/") if part not in ("", "."))
        if unquoted:
            parts = tuple(map(unquote, parts))
        if parts and not any(part == ".." or "/" in part or is_skipped(part) for part in parts):
            yield parts, uri
