"""Where the images are that the rows of a table name."""

from __future__ import annotations

import os
import re
from itertools import islice
from pathlib import Path

from hamsight_core.images.places import is_url, local_path, path_uri
from hamsight_core.images.places.uris import scheme, without_secrets
from hamsight_ingest.listing import Listing, is_file, is_image, printable, without_suffix
from hamsight_ingest.readers.mirror import is_there, mirror_of
from hamsight_ingest.readers.pairing import Pictures, cleaned, near_of, pictures_of
from hamsight_ingest.readers.table_rows import Rows
from hamsight_ingest.readers.wrong import Notes, fail, shown

_PROBED = 32


class Places:
    """The images of one table's column.

    A path begins in the table's folder, its `images`, the folder above or its `images`: the first
    where one of the first images is. One that is not there is looked for in the dataset: in
    folders of images and of its subset, with the extension that it lacks, and as the only image of
    that name.
    """

    def __init__(
        self, rows: Rows, column: str, listing: Listing | None, url_query: str = ""
    ) -> None:
        self._rows, self._column, self._url_query = rows, column, url_query
        self._listing = listing
        self._pictures: Pictures | None = None
        self._base: Path | None = None
        self._near: dict[str, tuple[str, ...]] = {}

    def located(self, image: str, subset: str, place: str, notes: Notes) -> tuple[str, str]:
        """Return (uri, id) of the image at a path or URL.

        Raises SourceError for a path that goes up out of the folder above the table's.
        """
        if scheme(image) is not None and local_path(image) is None:
            uri = image
            if self._url_query and is_url(image):
                uri = f"{image.partition('?')[0]}?{self._url_query}"
            return uri, without_secrets(image).partition("://")[2].lstrip("/") or image
        path = local_path(image) if scheme(image) else None
        name = _slashed(image).strip() if path is None else str(path)
        base = self._folder()
        full = os.path.normpath(os.path.join(base, name))  # noqa: PTH118 - keeps its text
        pictures = self._of_dataset()
        leaves = self._leaves(name, full)
        found = None
        if pictures is not None:
            found = self._found(full, name, subset, place, notes, leaves=leaves)
        if found is None and leaves:
            fail(
                self._rows.file, place, f"the path {shown(image)} leads out of the dataset's folder"
            )
        if pictures is not None and found is not None:
            suffix = os.path.splitext(found)[1]  # noqa: PTH122
            if _is_absolute(name) and not name.startswith(f"{base}/"):
                name = found.removeprefix(f"{pictures.listing.root}/")
            elif not name.lower().endswith(suffix.lower()):
                name = f"{without_suffix(name) if is_image(name) else name}{suffix}"
            full = found
        relative = name.removeprefix(f"{base}/")
        parts = [part for part in relative.split("/") if part not in ("", ".", "..")]
        return path_uri(full), printable("/".join(parts) or relative)

    def _leaves(self, name: str, full: str) -> bool:
        """Return whether a relative path leads out of the folder above the table's."""
        if os.path.isabs(name) or ".." not in name.split("/"):  # noqa: PTH117 - of text
            return False
        top = os.path.normpath(self._rows.file.parent.parent)
        return mirror_of(self._rows.file) is None and not full.startswith(f"{top.rstrip('/')}/")

    def _found(
        self, full: str, name: str, subset: str, place: str, notes: Notes, *, leaves: bool
    ) -> str | None:
        """Return the path of an image that is in the dataset, or None with a note."""
        assert self._pictures is not None
        listing = self._pictures.listing
        root = f"{listing.root}/"
        if full.startswith(root) and listing.has(full.removeprefix(root)):
            return full
        if not leaves and not full.startswith(root) and is_file(full):
            return full
        if subset not in self._near:
            file = os.path.relpath(self._rows.file, listing.root).replace(os.sep, "/")
            self._near[subset] = near_of(file, subset)
        near = self._near[subset]
        where = f"{printable(self._rows.file)}: {place}"
        found = self._pictures.find(cleaned(name), near, notes, where, subset)
        if found is not None:
            return listing.at(found)
        if leaves:
            return None
        looked = [one or "." for one in near if listing.has_folder(one)]
        words = (
            f"images that are not there; looked for in {', '.join(map(printable, looked))}"
            " and by their names"
        )
        notes.add(words, where)
        return None

    def _of_dataset(self) -> Pictures | None:
        """Return the images around the table; None where they are not listed."""
        if self._pictures is None:
            if self._listing is None:
                mirror = mirror_of(self._rows.file)
                if mirror is not None and not mirror.tree.listed:
                    return None
                folder = self._rows.file.parent
                base = self._folder()
                self._listing = Listing(folder if folder in (base, *base.parents) else base)
            self._pictures = pictures_of(self._listing)
        return self._pictures

    def _folder(self) -> Path:
        """Return the folder that the paths are relative to: where the first of them are found."""
        if self._base is None:
            folder = self._rows.file.parent
            places = [folder, folder / "images", folder.parent, folder.parent / "images"]
            rows = islice(self._rows.read(Notes()), _PROBED)
            texts = (
                value for row in rows if isinstance(value := row.values.get(self._column), str)
            )
            names = [_slashed(one) for one in texts if "\0" not in one and scheme(one) is None]
            found = (place for name in names for place in places if is_there(place / name))
            self._base = next(found, folder)
        return self._base


def _is_absolute(path: str) -> bool:
    """Return whether a path begins at the root of a file system, here or on Windows."""
    return os.path.isabs(path) or re.match("[A-Za-z]:/", path) is not None  # noqa: PTH117


def _slashed(path: str) -> str:
    """Return a path with `/` between its parts where it was written on Windows."""
    return path if "/" in path or os.sep == "\\" else path.replace("\\", "/")
