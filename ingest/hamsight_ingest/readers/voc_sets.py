"""The text files of Pascal VOC that say which images a subset has, and its folders of masks."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from hamsight_ingest.listing import Listing, is_image, printable, without_suffix
from hamsight_ingest.readers.accounts import Accounts
from hamsight_ingest.readers.subsets import meaning
from hamsight_ingest.readers.texts import read_text
from hamsight_ingest.readers.wrong import Notes

_FIRST_SETS = ("train", "val", "test")
_MASKS = ("segmentation", "mask", "trimap", "annotation", "groundtruth", "ground_truth", "gt_")


def composed(text: str) -> str:
    """Return a text in Unicode's composed form, whatever form a file system gave it."""
    return unicodedata.normalize("NFC", text)


def is_mask(image: str) -> bool:
    """Return whether a folder of an image's path is called as one of masks, not of photos."""
    return any(folder.lower().startswith(_MASKS) for folder in image.split("/")[:-1])


def read_sets(listing: Listing, accounts: Accounts, notes: Notes) -> dict[str, str]:
    """Return the subset of each image that a text file names, by its path without extension, in
    Unicode's composed form.

    The files are those in ImageSets/Main, else in ImageSets, and others called train.txt,
    val.txt and so on. Files of one class or in another folder of ImageSets are no subsets.
    """
    texts = listing.of(".txt")
    sets = [file for file in texts if "ImageSets" in file.split("/")[:-1]]
    main = [file for file in sets if file.split("/")[-2] in ("Main", "ImageSets")]
    main = [file for file in main if file.split("/")[-2] == "Main"] or main
    accounts.ignore([file for file in sets if file not in main], "sets of other tasks are not read")
    stems = {composed(_stem(image)) for image in listing.images}
    stems |= {composed(_stem(file)) for file in listing.of(".xml")}
    for file in texts:
        if file not in sets and meaning(_stem(file)) and _names(listing, file, stems):
            main.append(file)
    order = {name: place for place, name in enumerate(_FIRST_SETS)}
    subsets: dict[str, str] = {}
    for file in sorted(main, key=lambda f: (order.get(_stem(f), len(order)), _stem(f), f)):
        shown, subset = printable(listing.at(file)), printable(_stem(file))
        accounts.use(file)
        text = composed(read_text(listing.at(file)))
        names = [line.strip() for line in text.split("\n") if line.strip()]
        of_class = names and all(name.endswith((" 1", " 0", "-1")) for name in names)
        if of_class and not meaning(subset):
            notes.add("sets of one class in ImageSets are not subsets, left out", shown)
            continue
        for name in names:
            key = _key(name, stems)
            if subsets.setdefault(key, subset) != subset:
                words = (
                    "names in more than one set of ImageSets; an image is of the first that has"
                    " it of train, val, test and then the others by name"
                )
                notes.add(words, shown)
    return subsets


def _key(name: str, stems: set[str]) -> str:
    """Return the name of an image in a line: without extension, and columns after it."""
    first = name.split()[0]
    if name not in stems and first != name and _bare(first) in stems:
        name = first
    name = name.replace("\\", "/")
    return without_suffix(name) if is_image(name) else name


def _bare(name: str) -> str:
    last = name.replace("\\", "/").rpartition("/")[2]
    return without_suffix(last) if is_image(last) else last


def _stem(file: str) -> str:
    return without_suffix(file.rpartition("/")[2])


def _names(listing: Listing, file: str, stems: set[str]) -> bool:
    """Return whether the first lines of a text file name images of the dataset."""
    with Path(listing.at(file)).open("rb") as opened:
        start = composed(opened.read(4096).decode("utf-8", "replace")).split("\n")[:20]
    words = [line.split()[0] for line in start if line.split()]
    return any(_bare(word) in stems for word in words)
