"""Subsets by the names of annotation files and folders."""

from __future__ import annotations

import re

from hamsight_ingest.listing import Listing, once
from hamsight_ingest.source import SUBSET_NAMES

_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "minival"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
    "trainval": "trainval",
}
"""The words for subsets, in lower case, with what they mean."""

_WORD = re.compile(rf"({'|'.join(sorted(_WORDS, key=len, reverse=True))})([0-9]*)", re.IGNORECASE)
_BETWEEN = re.compile(r"[\W_]+")


def subset_in(name: str) -> str:
    """Return the word for a subset in a name, with its digits, or nothing.

    `coco_train` says "train", `val2017` itself, `contest` nothing.
    """
    for token in _BETWEEN.split(name):
        if _WORD.fullmatch(token):
            return token
    return ""


def subset_of_file(file: str) -> str:
    """Return the subset that an annotation file is of, by its stem, else by its folders.

    `file` is its path below the dataset; the nearest folder counts.
    """
    *folders, name = file.split("/")
    stem = name.rpartition(".")[0] or name
    return next(filter(None, map(subset_in, [stem, *reversed(folders)])), "")


def meaning(subset: str) -> str:
    """Return "train", "val", "test" or "trainval" for a word such as "valid2017", else nothing."""
    match = _WORD.fullmatch(subset)
    return _WORDS[match[1].lower()] if match else ""


def meanings(path: str) -> frozenset[str]:
    """Return what the folders of a path say of its subset."""
    folders = path.split("/")[:-1]
    return frozenset(filter(None, (meaning(subset_in(folder)) for folder in folders)))


def is_subset(folder: str) -> bool:
    """Return whether a folder's whole name is a word for a subset, maybe with digits."""
    return folder.lower() in SUBSET_NAMES or _WORD.fullmatch(folder) is not None


IMAGE_FOLDERS = frozenset({"jpegimages", "images", "imgs", "img", "data", "image", "jpgimages"})
"""What folders are called that hold the images of a dataset or a subset, in lower case."""


@once
def wrapper(listing: Listing) -> str:
    """Return the folder that holds all files and says nothing by its name; nothing for the root.

    Archives often have such a folder. One that is called as a subset or as a folder of images or
    annotations is none.
    """
    parts = listing.top.split("/") if listing.top else []
    says = map(_says, parts)
    return "/".join(parts[: next((place for place, say in enumerate(says) if say), len(parts))])


def _says(folder: str) -> bool:
    name = folder.lower()
    return is_subset(name) or name in IMAGE_FOLDERS or name.startswith(("ann", "label", "xml"))


def subset_below(listing: Listing, image: str) -> tuple[str, str] | None:
    """Return the subset of an image by its folders below `wrapper`, and its path below the
    subset's folder, as `placed` does; None where no folder says one."""
    top = wrapper(listing)
    subset, name = placed(image[len(top) + 1 if top else 0 :])
    return (subset, name) if subset else None


def placed(file: str) -> tuple[str, str]:
    """Return the subset of an image by its folders, and its path below the subset's folder.

    A folder that only says that it has images counts for nothing: `train/images/x/a.jpg` and
    `images/train/x/a.jpg` are `x/a.jpg` of `train`, `images/a.jpg` is `a.jpg`.
    """
    *folders, name = file.split("/")
    subset = ""
    for _ in range(2):
        if folders and folders[0].lower() in IMAGE_FOLDERS:
            del folders[0]
            folders = folders[folders[:1] == ["default"] :]  # Datumaro's word for no subset
        if folders and not subset and is_subset(folders[0]):
            subset = folders.pop(0)
    return subset, "/".join([*folders, name])
