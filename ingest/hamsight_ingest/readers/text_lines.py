"""Text files without a header whose lines say what is on images: Flickr8k's captions, Tiny
ImageNet's boxes, keras-yolo's annotations, KITTI's objects, lists of images with a class each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_ingest.listing import Listing, is_image, once, printable, without_suffix
from hamsight_ingest.readers.accounts import is_document
from hamsight_ingest.readers.entries import Entry, EntrySource
from hamsight_ingest.readers.pairing import cleaned, near_of, pictures_of
from hamsight_ingest.readers.subsets import subset_of_file
from hamsight_ingest.readers.texts import encoding_of, lines
from hamsight_ingest.readers.wrong import Notes, fail, finite, shown
from hamsight_ingest.source import ReadOptions

_LOOKED_FOR = (
    "*.txt of lines IMAGE#NUMBER<tab>CAPTION (Flickr8k), IMAGE<tab>LABEL<tab>4 numbers (Tiny"
    " ImageNet), IMAGE x1,y1,x2,y2,CLASS … (keras-yolo), or label_2/*.txt of KITTI; *.txt or *.csv"
    " of lines IMAGE CLASS, IMAGE,CLASS, or IMAGE,x1,y1,x2,y2,CLASS (keras-retinanet)"
)
_SUFFIX = r"\.(?:jpe?g|png|bmp|webp|gif|tiff?)"
_IMAGE = rf"[^\t]*{_SUFFIX}"
_NUMBER = r"-?\d+(?:\.\d+)?"
_CAPTION = re.compile(rf"(?P<name>{_IMAGE})#\d+\t(?P<caption>.*)", re.IGNORECASE)
_ROW = re.compile(
    rf"(?P<name>{_IMAGE})(?:\t(?P<label>[^\t]*[^\t\d][^\t]*))?(?P<box>(?:\t{_NUMBER}){{4}})",
    re.IGNORECASE,
)
_CORNERS = re.compile(
    rf"(?P<name>{_IMAGE})(?P<boxes>(?: +{_NUMBER}(?:,{_NUMBER}){{3}},\d+)+)", re.IGNORECASE
)
_BOXED = re.compile(
    rf"(?P<name>[^,;\t]*{_SUFFIX})(?:(?P<box>(?:,{_NUMBER}){{4}}),(?P<label>[^,]+)|,,,,,)",
    re.IGNORECASE,
)
_CLASS = re.compile(
    rf"(?P<name>[^,;\t]*{_SUFFIX})(?:[ \t]+(?P<word>[^\s,;]+)|[,;] ?(?P<label>[^,;\t]+))",
    re.IGNORECASE,
)
_OBJECT = re.compile(rf"(?P<label>[A-Za-z_]+)(?P<numbers>(?: {_NUMBER}(?:e[-+]\d+)?){{14,15}})")
_OF_MANY = (_CAPTION, _ROW, _CORNERS, _BOXED, _CLASS)
_BOX_OF_OBJECT = slice(3, 7)
_NOTHING = "DontCare"
"""KITTI's class of regions that were not labelled."""
_CLASSES = ("_classes.txt", "classes.txt", "class_list.txt", "_classes.csv", "classes.csv")
_PROBED = 4096


@once
def _files(listing: Listing) -> dict[str, re.Pattern[str]]:
    """Return the files of such lines, with what their first line is."""
    found = {}
    for file in listing.of(".txt", ".csv"):
        if not is_document(file):
            first = _first_line(listing.at(file))
            fitting = (one for one in (*_OF_MANY, _OBJECT) if one.fullmatch(first))
            kind = next(fitting, None)
            if kind and (kind not in (_BOXED, _CLASS) or _is_of_images(listing, file, first, kind)):
                found[file] = kind
    return found


def _is_of_images(listing: Listing, file: str, line: str, kind: re.Pattern[str]) -> bool:
    """Return whether a line names an image of the dataset, and a class instead of another file."""
    match = kind.fullmatch(line)
    assert match is not None
    name, subset = cleaned(match["name"]), subset_of_file(file)
    if kind is _CLASS:
        word = match["word"] or match["label"]
        # A number may be anything, unless the file's name or a list of names says it is a class.
        if is_image(word) or not (subset or finite(word) is None or _classes(listing, file)):
            return False
    return pictures_of(listing).find(name, near_of(file, subset), Notes(), "") is not None


def _first_line(file: str) -> str:
    try:
        with Path(file).open("rb") as opened:
            start = opened.read(_PROBED)
    except OSError:  # told as not read
        return ""
    return start.decode(encoding_of(start), "replace").lstrip().partition("\n")[0].rstrip()


class TextLinesReader:
    """Captions and boxes in lines of text files."""

    name = "text-lines"
    description = _LOOKED_FOR
    carries = frozenset({"subsets", "tags", "boxes", "captions"})

    def detect(self, listing: Listing) -> str | None:
        """Return which files there are, or None where there is none."""
        files = list(_files(listing))
        more = f" and {len(files) - 1:,} more" if len(files) > 1 else ""
        return f"lines on images in {printable(files[0])}{more}" if files else None

    def open(self, listing: Listing, options: ReadOptions) -> EntrySource:
        """Return the dataset, its lines read and checked.

        Raises SourceError where there is none or nothing of it can be read.
        """
        detected = self.detect(listing)
        if detected is None:
            raise SourceError(f"{printable(listing.path)}: no such lines; looked for {_LOOKED_FOR}")
        notes = Notes()
        entries: dict[str, list[Entry]] = {}
        for file, kind in _files(listing).items():
            read = _of_one if kind is _OBJECT else _of_many
            entries[file] = list(read(listing, file, notes))
            notes.taken += len(entries[file])
        source = EntrySource(listing, options, detected, self.name, entries, notes)
        source.accounts.use(file for file in listing.of(".txt", ".csv") if _names_classes(file))
        source.check()
        return source


def _of_many(listing: Listing, file: str, notes: Notes) -> Iterator[Entry]:
    """Yield what the lines of a file say of the image that each names."""
    path, classes = listing.at(file), _classes(listing, file)
    for number, line in enumerate(lines(Path(path), notes), 1):
        text = line.strip()
        with notes.refusing():
            if not text:
                continue
            found = next((match for one in _OF_MANY if (match := one.fullmatch(text))), None)
            if found is None:
                fail(path, number, f"{shown(text)}; expected a line as the first")
            entry = Entry(found["name"], f"{printable(path)}:{number}")
            if found.re is _CAPTION:
                entry.captions.append(found["caption"].strip())
            elif found.re is _CLASS:
                entry.tag(_named(classes, found["word"] or found["label"].strip()))
            elif found.re is _BOXED:
                if found["box"]:
                    box = found["box"].strip(",").split(",")
                    _add(entry, _named(classes, found["label"].strip()), box, notes)
            elif found.re is _ROW:
                label = found["label"] or file.rpartition("/")[2].partition("_boxes")[0]
                _add(entry, label.strip(), found["box"].split(), notes)
            else:
                for box in found["boxes"].split():
                    *corners, index = box.split(",")
                    _add(entry, _named(classes, index), corners, notes)
            yield entry


def _of_one(listing: Listing, file: str, notes: Notes) -> Iterator[Entry]:
    """Yield what the lines of a file of KITTI say of the image of its name."""
    path = listing.at(file)
    folder, _, name = file.rpartition("/")
    images = folder.replace("label_", "image_")
    entry = Entry(f"{images}/{without_suffix(name)}".lstrip("/"), printable(path))
    for number, line in enumerate(lines(Path(path), notes), 1):
        with notes.refusing():
            found = _OBJECT.fullmatch(line.strip())
            if line.strip() and found is None:
                fail(path, number, f"{shown(line.strip())}; expected a class and 14 numbers")
            if found is not None and found["label"] != _NOTHING:
                _add(entry, found["label"], found["numbers"].split()[_BOX_OF_OBJECT], notes)
    yield entry


def _add(entry: Entry, label: str, corners: list[str], notes: Notes) -> None:
    left, top, right, bottom = (finite(one) or 0.0 for one in corners)
    entry.box(label, (left, top, right - left, bottom - top), notes)


def _named(classes: dict[int, str], text: str) -> str:
    """Return the name of a class by its number, or what stands in its place."""
    return classes.get(int(text), text) if text.isascii() and text.isdecimal() else text


def _names_classes(file: str) -> bool:
    return file.rpartition("/")[2] in _CLASSES


def _classes(listing: Listing, file: str) -> dict[int, str]:
    """Return the names of classes by their numbers, of a file beside that of the lines."""
    folder = file.rpartition("/")[0]
    for name in _CLASSES:
        path = f"{folder}/{name}" if folder else name
        if listing.has(path):
            names = [line.strip() for line in lines(Path(listing.at(path)))]
            if name.endswith(".csv"):  # keras-retinanet's: CLASS,NUMBER
                pairs = (line.rpartition(",") for line in names)
                return {int(n): text for text, _, n in pairs if n.isascii() and n.isdecimal()}
            return dict(enumerate(names))
    return {}
