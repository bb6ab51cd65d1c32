"""Where the COCO files of a dataset are, and which subset each is of."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_ingest.listing import Listing, once, printable
from hamsight_ingest.readers.subsets import subset_in, subset_of_file
from hamsight_ingest.readers.texts import encoding_of, read_text

_KINDS = ("instances", "person_keypoints", "captions")
_IGNORED = {
    "panoptic": "panoptic segments are not read",
    "stuff": "stuff segments are not read",
    "image_info": "it has no annotations",
}
_UNNAMED = "default"
"""What CVAT and Datumaro call no subset."""
_IMAGES_KEY = re.compile(rb'"images"\s*:\s*\[')
_ANNOTATIONS_KEY = re.compile(rb'"annotations"\s*:\s*\[')
_PROBED = 32


def _kind(file: str) -> str:
    """Return the part of a file's name before the subset, such as "instances", or ""."""
    name = file.rpartition("/")[2]
    return next((k for k in (*_KINDS, *_IGNORED) if name.startswith(f"{k}_")), "")


def subset_of(file: str) -> str:
    """Return the subset of a COCO file by its path below the dataset."""
    folder, _, name = file.rpartition("/")
    stem = name.rpartition(".")[0]
    kind = _kind(file)
    named = stem.removeprefix(f"{kind}_")
    if kind and named != _UNNAMED:
        return printable(named)
    if name.startswith("_annotations") and folder:
        return printable(folder.rpartition("/")[2])
    return printable(subset_of_file(file))


def _is_reserved(file: str) -> bool:
    """Return whether a file must be COCO's by its name, so that one that is cut is an error."""
    name = file.rpartition("/")[2]
    return name == "_annotations.coco.json" or _kind(file) in ("instances", "person_keypoints")


def _has_coco_keys(file: str) -> bool:
    """Return whether a JSON file has COCO's lists, without parsing it."""
    try:
        with Path(file).open("rb") as opened:
            start = opened.read(64)
            if encoding_of(start) not in ("utf-8", "utf-8-sig"):
                decoded = read_text(file).encode("utf-8", "replace")
                return bool(_IMAGES_KEY.search(decoded) and _ANNOTATIONS_KEY.search(decoded))
            if not start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
                return False
            with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as text:
                return bool(_IMAGES_KEY.search(text) and _ANNOTATIONS_KEY.search(text))
    except OSError as error:
        raise SourceError(f"{printable(file)}: cannot be read: {error.strerror}") from error


@dataclass
class Found:
    """The COCO files of a dataset, instances first, and those that are known and left out."""

    around: Listing
    files: list[str] = field(default_factory=list)
    ignored: dict[str, str] = field(default_factory=dict)


@once
def found_in(listing: Listing) -> Found:
    """Return the COCO files at a path. Raises SourceError for one that cannot be opened."""
    folder = listing.root
    around = listing.around(1) if folder.name.lower() == "annotations" else listing.around()
    start = "" if around.root == folder else f"{folder.name}/"
    if listing.is_file:
        files = [f"{start}{listing.path.name}"] if listing.of(".json") else []
    else:
        files = [file for file in _probed(around) if file.startswith(start)]
    found = Found(around)
    for file in files:
        if _kind(file) in _IGNORED:
            found.ignored[file] = _IGNORED[_kind(file)]
        elif _is_reserved(file) or _has_coco_keys(around.at(file)):
            found.files.append(file)
    order = {kind: place for place, kind in enumerate(_KINDS)}
    found.files.sort(key=lambda file: (order.get(_kind(file), 0), file.count("/"), file))
    return found


def _probed(listing: Listing) -> Iterator[str]:
    """Yield the JSON files that may be COCO's: of a folder with very many the first, and those
    that are named as a subset."""
    folders: dict[str, int] = {}
    for file in listing.of(".json"):
        folder, _, name = file.rpartition("/")
        folders[folder] = folders.get(folder, 0) + 1
        if folders[folder] <= _PROBED or subset_in(name.rpartition(".")[0]) or _kind(file):
            yield file


def detected_words(files: Sequence[str]) -> str:
    """Return in words which files there are."""
    names = [printable(file) for file in files]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"COCO annotations in {', '.join(names[:3])}{more}"
