"""Which image an annotation is of: by its path, else by the only image of that name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from urllib.parse import unquote

from hamsight_ingest.listing import Listing, is_image, once, without_suffix
from hamsight_ingest.readers.subsets import meaning, meanings
from hamsight_ingest.readers.wrong import Notes, valid_text

_DRIVE = re.compile(r"[A-Za-z]:(?=/)")
_SHARED = re.compile(r"file://(localhost)?(?=/)", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://[^/]*/")
_ENCODINGS = ("utf-8", "gb18030", "shift_jis", "big5", "euc_kr", "cp1252", "cp1251")
_AMBIGUOUS = "names of images that several files could be, and none of them is taken; give the path"


def cleaned(name: str) -> str:
    """Return a path from an annotation file with `/` between its parts, without what is before.

    A drive, a leading `/` or `./`, a URL's host and its query are taken off.
    """
    name = valid_text(name).strip().replace("\\", "/")
    name = _SHARED.sub("", name)
    if _SCHEME.match(name):
        name = _SCHEME.sub("", name).partition("?")[0].partition("#")[0]
    name = _DRIVE.sub("", name)
    while name.startswith(("./", "/")):
        name = name[1:].lstrip("/")
    return name


def normal(path: str) -> str:
    """Return a path so that those that differ in form or case alone are equal."""
    return path if path.isascii() and path.islower() else _folded(path)


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def joined(folder: str, name: str) -> str:
    """Return a path below the dataset with `.` and `..` resolved; nothing where it leads out."""
    parts: list[str] = []
    for part in f"{folder}/{name}".split("/"):
        if part == ".." and not parts:
            return ""
        if part == "..":
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


class Pictures:
    """The images of a dataset, found by what annotation files call them.

    Names are compared as they are, then without regard to case and to Unicode's form.
    """

    def __init__(self, listing: Listing) -> None:
        self.listing = listing

    @cached_property
    def _exact(self) -> frozenset[str]:
        return frozenset(self.listing.images)

    @cached_property
    def _normal(self) -> dict[str, str]:
        return _only((normal(image), image) for image in self.listing.images)

    @cached_property
    def _without_suffix(self) -> dict[str, str]:
        return _only((normal(without_suffix(image)), image) for image in self.listing.images)

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for image in self.listing.images:
            found.setdefault(normal(image.rpartition("/")[2]), []).append(image)
        return found

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for image in self.listing.images:
            found.setdefault(normal(without_suffix(image.rpartition("/")[2])), []).append(image)
        return found

    def exact(self, name: str, near: Iterable[str] = ("",)) -> str | None:
        """Return the image at a path, which begins in one of the folders `near`."""
        for folder in near:
            path = joined(folder, name)
            if path in self._exact:
                return path
        return None

    def close(self, name: str, near: Sequence[str] = ("",)) -> str | None:
        """Return the image at a path as `exact` does, or one whose path differs in form alone.

        A name without an image's extension, or with another one, is found by its stem.
        """
        found = self.exact(name, near)
        if found is not None:
            return found
        for written in (name, *([unquote(name)] if "%" in name else []), *_misread(name)):
            found = self._alike(written, near)
            if found is not None:
                return found
        return None

    def _alike(self, name: str, near: Sequence[str]) -> str | None:
        paths = [normal(path) for folder in near if (path := joined(folder, name))]
        for path in paths:
            if path in self._normal:
                return self._normal[path]
        for path in paths:
            stem = without_suffix(path) if is_image(path) else path
            if stem in self._without_suffix:
                return self._without_suffix[stem]
        return None

    def has_name(self, name: str) -> bool:
        """Return whether an image in any folder has the last part of a path, or its stem."""
        last = normal(name.rpartition("/")[2])
        return last in self._by_name or (without_suffix(last) if is_image(last) else last) in (
            self._by_stem
        )

    def find(
        self, name: str, near: Sequence[str], notes: Notes, place: str, subset: str = ""
    ) -> str | None:
        """Return the image that `close` finds, or the only one with the longest tail of the path.

        Where tails are equally long, the folder `near` that is first named decides. Of images
        that other folders say are of another subset none is taken. Several are noted at `place`.
        """
        return self.close(name, near) or self.elsewhere(name, near, notes, place, subset)

    def elsewhere(
        self, name: str, near: Sequence[str], notes: Notes, place: str, subset: str = ""
    ) -> str | None:
        """Return the image of that name in any folder, as `find` does."""
        last = normal(name.rpartition("/")[2])
        found = self._by_name.get(last)
        if not found:
            found = self._by_stem.get(without_suffix(last) if is_image(last) else last, [])
        said = meanings(name) | ({meaning(subset)} if meaning(subset) else set())
        found = [one for one in found if not said or not meanings(one) or meanings(one) & said]
        if len(found) > 1:
            tails = [_shared_tail(one, name) for one in found]
            found = [one for one, tail in zip(found, tails, strict=True) if tail == max(tails)]
        for folder in near if len(found) > 1 else ():
            within = [one for one in found if not folder or one.startswith(f"{folder}/")]
            if within:
                found = within
                break
        if len(found) > 1:
            notes.add(_AMBIGUOUS, place)
        return found[0] if len(found) == 1 else None


def _misread(name: str) -> Iterator[str]:
    """Yield what a name becomes where a program that unpacked it took its encoding for another."""
    if name.isascii():
        return
    for written in _ENCODINGS:
        for read in ("utf-8", "cp437", "latin-1"):
            try:
                yield name.encode(written).decode(read)
            except UnicodeError:  # it was not written, or not read, so
                continue


pictures_of = once(Pictures)
"""Return the images of a listing, their index made once."""


@once
def _by_form(listing: Listing) -> dict[str, str]:
    files = (file for files in listing.others.values() for file in files)
    return _only((normal(file), file) for file in files)


def file_like(listing: Listing, path: str) -> str | None:
    """Return the file at a path that is no image, or the only one whose path differs from it in
    case or Unicode's form alone."""
    return path if listing.has(path) else _by_form(listing).get(normal(path))


def _only(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return a mapping of the keys that stand for one file alone."""
    found: dict[str, str] = {}
    several = set()
    for key, image in pairs:
        if found.setdefault(key, image) != image:
            several.add(key)
    for key in several:
        del found[key]
    return found


def _shared_tail(image: str, name: str) -> int:
    """Return how many folders before the file's name the two paths share."""
    ours, theirs = (normal(path).split("/")[-2::-1] for path in (image, name))
    shared = 0
    for one, other in zip(ours, theirs):  # noqa: B905 - the shorter path ends it
        if one != other:
            break
        shared += 1
    return shared


def near_of(file: str, subset: str) -> tuple[str, ...]:
    """Return the folders where the images of an annotation file may be, the likeliest first.

    They are around the file's folder, then around those above it.
    """
    folder = file.rpartition("/")[0]
    bases = [folder]
    while folder:
        folder = folder.rpartition("/")[0]
        bases.append(folder)
    last = bases[0].rpartition("/")[2].lower()
    if len(bases) > 1 and last.startswith(("annotation", "label", "json", "ann", "xml")):
        bases.append(bases.pop(0))
    found: dict[str, None] = {}
    for base in bases:
        within = (
            (subset, f"images/{subset}", f"{subset}/images", f"{subset}/data") if subset else ()
        )
        for place in (*within, "", "images", "JPEGImages", "data", "img", "Images"):
            found[joined(base, place)] = None
    return tuple(found)
