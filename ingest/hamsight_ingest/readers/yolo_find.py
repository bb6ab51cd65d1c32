"""Which file describes a YOLO dataset, or which labels make one without it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_ingest.listing import Listing, once, printable, without_suffix
from hamsight_ingest.readers.pairing import file_like, normal
from hamsight_ingest.readers.texts import encoding_of
from hamsight_ingest.readers.wrong import fail
from hamsight_ingest.readers.yolo_config import NAMES_FILES, Config, read_config, without_file
from hamsight_ingest.readers.yolo_labels import has_labels, is_label_file, label_folders

LOOKED_FOR = (
    "*.yaml with names; *.data with names and train;"
    " obj.names or classes.txt beside labels, or labels alone"
)

_NAMES_KEY = re.compile(r"""(^|[{,]\s*)["']?(names|nc)["']?\s*:""", re.MULTILINE)
_SUBSET_KEY = re.compile(
    r"""(^|[{,]\s*)["']?(train|val|valid|validation|test)["']?\s*:""", re.MULTILINE
)
_NAMES_LINE = re.compile(r"^\s*names\s*=", re.MULTILINE)
_LARGEST = 16 * 1024 * 1024
_PROBED = 16


@dataclass(frozen=True, slots=True)
class Found:
    """What describes a dataset: `file`, shown as `shown`, which may only name the classes; where
    it is None, the folder `labels` holds labels. `siblings` describe datasets in other folders."""

    file: Path | None
    shown: str = ""
    names_only: bool = False
    labels: str = ""
    siblings: tuple[str, ...] = ()


@once
def find(listing: Listing) -> Found | None:
    """Return what describes the YOLO dataset, or None where there is none."""
    yamls = [file for file in listing.of(".yaml", ".yml") if _is_yaml(listing, file)]
    if listing.is_file:
        one = [*yamls, *listing.of(".data")]
        return _found(listing, one[0]) if one else None
    labels = _labels(listing)
    yamls = [file for file in yamls if labels is not None or _says(listing, file, _SUBSET_KEY)]
    usual = ("data.yaml", "dataset.yaml", "data.yml")
    if labels is not None and not yamls:
        # Of such a name, what is wrong with it is told by reading it.
        yamls = [file for file in listing.of(".yaml", ".yml") if file.rpartition("/")[2] in usual]
    if yamls:
        yamls.sort(key=lambda f: (f.count("/"), f.rpartition("/")[2] not in usual, f))
        return _found(listing, yamls[0], siblings=_siblings(listing, yamls))
    darknet = [file for file in listing.of(".data") if _is_darknet(listing, file)]
    darknet.sort(key=lambda file: (file.count("/"), file))
    if darknet:
        return _found(listing, darknet[0])
    if labels is None:
        return None
    named = [file for file in listing.files if _is_names(file)]
    if named:
        return _found(listing, min(named, key=lambda f: (f.count("/"), f)), names_only=True)
    return Found(None, labels=labels)


def read(listing: Listing, found: Found) -> Config:
    """Read what was found. Raises SourceError naming the place and what was expected."""
    if found.file is None:
        return without_file(listing)
    if found.names_only:
        return without_file(listing, found.file)
    return read_config(listing, found.file)


def not_found(path: Path) -> SourceError:
    """Return the error for a path without a YOLO dataset."""
    return SourceError(f"{printable(path)}: no YOLO dataset; looked for {LOOKED_FOR}")


def _found(
    listing: Listing, file: str, *, names_only: bool = False, siblings: tuple[str, ...] = ()
) -> Found:
    return Found(Path(listing.at(file)), file, names_only, siblings=siblings)


def _siblings(listing: Listing, yamls: list[str]) -> tuple[str, ...]:
    """Return the files after the first that name images, in folders not below one another's."""
    folders = [yamls[0].rpartition("/")[0]]
    found = []
    for file in yamls[1:]:
        folder = file.rpartition("/")[0]
        apart = all(one and not f"{folder}/".startswith(f"{one}/") for one in folders)
        if apart and _says(listing, file, _SUBSET_KEY):
            folders.append(folder)
            found.append(file)
    return tuple(found)


def _is_darknet(listing: Listing, file: str) -> bool:
    """Return whether a file describes a dataset of Darknet's; obj.data by its name must."""
    return file == "obj.data" or _says(listing, file, _NAMES_LINE)


def _is_names(file: str) -> bool:
    name = file.rpartition("/")[2]
    return name in NAMES_FILES or name.endswith("_darknet.labels")


def _is_yaml(listing: Listing, file: str) -> bool:
    return _says(listing, file, _NAMES_KEY) and (
        listing.is_file is False or _says(listing, file, _SUBSET_KEY)
    )


def _says(listing: Listing, file: str, key: re.Pattern[str]) -> bool:
    """Return whether a YAML file has a key at its top level. Raises SourceError."""
    try:
        with Path(listing.at(file)).open("rb") as opened:
            data = opened.read(_LARGEST)
    except OSError as error:
        fail(listing.at(file), "", f"cannot be read: {error.strerror or error}")
    return key.search(data.decode(encoding_of(data), "replace")) is not None


def _labels(listing: Listing) -> str | None:
    """Return the folder of the first label files that have an image, or None without any."""
    texts = {file for file in listing.of(".txt") if is_label_file(file)}
    if not texts:
        return None
    for file in sorted(texts):
        if "labeltxt" in file.lower() and listing.images and has_labels(listing.at(file)):
            return file.rpartition("/")[0]
    probed = 0
    names = {_stem(file) for file in texts}
    for image in listing.images:
        if _stem(image) not in names:
            continue
        for stem in label_folders(image):
            found = file_like(listing, f"{stem}.txt")
            if found not in texts:
                continue
            if has_labels(listing.at(found)):
                return found.rpartition("/")[0] or "."
            probed += 1
            break
        if probed >= _PROBED:
            return None
    return None


def _stem(file: str) -> str:
    return normal(without_suffix(file.rpartition("/")[2]))
