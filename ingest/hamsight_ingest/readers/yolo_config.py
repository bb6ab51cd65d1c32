"""What a YOLO dataset says of itself: class names, and where the images of each subset are."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hamsight_ingest.listing import Listing, below, printable
from hamsight_ingest.readers.subsets import is_subset, wrapper
from hamsight_ingest.readers.texts import read_text
from hamsight_ingest.readers.wrong import fail, shown, valid_text

NAMES_FILES = ("obj.names", "classes.txt")
"""Files with the name of a class a line."""

_KEYS = ("train", "val", "valid", "validation", "test")
_ABSENT = ("", "~", "null", "Null", "NULL")


@dataclass
class Config:
    """`named` is what describes the dataset, a file or its folder; `files` were read for that.

    `places` are folders of images and .txt lists of them, by subset; `root` is the dataset's.
    `keypoints` is how many numbers follow the box in a line of labels, None where the dataset
    has no keypoints.
    """

    named: Path
    root: Path
    names: dict[int, str]
    files: list[Path] = field(default_factory=list)
    places: dict[str, list[Path]] = field(default_factory=dict)
    keypoints: int | None = None
    notes: list[str] = field(default_factory=list)


def read_config(listing: Listing, file: Path) -> Config:
    """Read the file that describes a dataset. Raises SourceError naming the place."""
    of_yaml = file.suffix.lower() in (".yaml", ".yml")
    config = _from_yaml(file, listing) if of_yaml else _from_darknet(file, listing)
    _once(config)
    return config


def without_file(listing: Listing, names: Path | None = None) -> Config:
    """Return what the folders of a dataset say, and a file with the names of classes."""
    named = names or listing.root
    config = Config(named, listing.root, {} if names is None else _names_of_lines(named))
    config.files = [] if names is None else [named]
    config.places = _usual_places(listing)
    return config


def _from_yaml(file: Path, listing: Listing) -> Config:
    import yaml

    try:
        content = yaml.load(read_text(file), Loader=yaml.BaseLoader)  # noqa: S506 - text alone
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        fail(file, place, f"not YAML: {error.problem}")
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        fail(file, "", f"not YAML that can be read: {' '.join(str(error).split())}")
    if not isinstance(content, dict):
        fail(file, "", "expected the keys names and train, val or test")
    content = {str(key): value for key, value in content.items()}
    base = content.get("path", "")
    if not isinstance(base, str):
        fail(file, "path", "expected text, the dataset's folder")
    found = None if base in _ABSENT else _existing(base, [file.parent])
    root = found if found is not None and found.is_dir() else file.parent
    names = _names(file, content["names"]) if content.get("names") is not None else {}
    config = Config(file, root, names, [file])
    config.keypoints = _keypoints(file, content)
    nc = content.get("nc", str(len(config.names)))
    if config.names and nc != str(len(config.names)):
        words = shown(nc) if isinstance(nc, str) else "no number"
        config.notes.append(f"nc is {words}, but there are {len(config.names)} names")
    entries = {key: content.get(key) for key in _KEYS}
    _find_places(config, entries, [root, file.parent], listing)
    return config


def _from_darknet(file: Path, listing: Listing) -> Config:
    """Read obj.data: KEY = VALUE lines, whose paths begin at the folder or the one above."""
    content: dict[str, str] = {}
    for number, line in enumerate(read_text(file).split("\n"), 1):
        key, equals, value = line.partition("=")
        if line.strip() and not line.lstrip().startswith("#"):
            if not equals:
                fail(file, number, f"{shown(line.strip())}; expected KEY = VALUE")
            content[key.strip()] = value.strip()
    if "names" not in content:
        fail(file, "", "expected a line names = FILE")
    bases = [file.parent, file.parent.parent]
    names = _existing(content["names"], bases)
    if names is None or not names.is_file():
        fail(file, "names", f"{shown(content['names'])} is not there; expected a file of names")
    config = Config(file, file.parent, _names_of_lines(names), [file, names])
    _find_places(config, {key: content.get(key) for key in _KEYS}, bases, listing)
    return config


def _names(file: Path, names: Any) -> dict[int, str]:
    if isinstance(names, list):
        names = {str(index): name for index, name in enumerate(names)}
    if not isinstance(names, dict) or not names:
        fail(file, "names", "expected a list of names, or a mapping of numbers to names")
    read: dict[int, str] = {}
    for key, name in names.items():
        if not isinstance(key, str) or not re.fullmatch("[0-9]{1,9}", key):
            words = shown(key) if isinstance(key, str) else "a key that is no text"
            fail(file, "names", f"{words}; expected the number of a class, from 0")
        if not isinstance(name, str):
            fail(file, f"names[{key}]", "expected text, the name of a class")
        read[int(key)] = valid_text(name)
    return read


def _names_of_lines(file: Path) -> dict[int, str]:
    lines = read_text(file).rstrip().split("\n")
    return {index: line.strip() for index, line in enumerate(lines)}


def _keypoints(file: Path, content: dict[str, Any]) -> int | None:
    shape = content.get("kpt_shape")
    if shape is None:
        return None
    texts = shape if isinstance(shape, list) else []
    numbers = [int(text) for text in texts if str(text).isdecimal() and len(text) < 5]
    if len(numbers) != 2 or len(texts) != 2:
        fail(file, "kpt_shape", "expected two numbers: keypoints, and values of each")
    return numbers[0] * numbers[1]


def _find_places(
    config: Config, entries: dict[str, Any], bases: list[Path], listing: Listing
) -> None:
    missing = []
    for subset, entry in entries.items():
        for text in entry if isinstance(entry, list) else [entry]:
            if text is None or (isinstance(text, str) and text.strip() in _ABSENT):
                continue
            if not isinstance(text, str):
                fail(config.named, subset, "expected a folder, a .txt list of images, or some")
            place = _existing(text, bases)
            if place is None:
                missing.append(f"{subset}: {shown(text)} is not there")
            elif not place.is_dir() and not (place.suffix == ".txt" and place.is_file()):
                words = f"{shown(text)}; expected a folder or a .txt list of images"
                fail(config.named, subset, words)
            else:
                config.places.setdefault(subset, []).append(place)
    config.notes += [f"{words}: left out" for words in missing]
    if config.places:
        return
    around = listing if listing.root == config.root else Listing(config.root)
    config.places = _usual_places(around)
    if missing and not any(config.places):  # no subset is found by its usual name
        bases_text = " and ".join(dict.fromkeys(map(printable, bases)))
        fail(
            config.named,
            "; ".join(missing),
            f"expected train, val or test to name images; looked in {bases_text}",
        )


def _existing(text: str, bases: list[Path]) -> Path | None:
    """Return what a path in the file names, as it is or by its longest end that exists.

    Files that were moved say ../train/images or /home/me/set/train.txt for what is here now. The
    last part alone counts only where no more than one stood before it.
    """
    text = text.strip().replace("\\", "/")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    last = len(parts) if len(parts) < 3 else len(parts) - 1
    tails = ["/".join(parts[start:]) for start in range(1, last)]
    for candidate in (text, *tails):
        for base in bases:
            if candidate and os.path.exists(base / candidate):  # noqa: PTH110 - never raises
                return Path(os.path.normpath(base / candidate))
    return None


def _once(config: Config) -> None:
    """Leave out what an earlier subset names already, such as train and val of one folder."""
    first: dict[str, str] = {}
    for subset, places in list(config.places.items()):
        for place in list(places):
            former = first.setdefault(os.path.realpath(place), subset)
            if former != subset:
                places.remove(place)
                config.notes.append(
                    f"{subset} names the same images as {former}, {printable(place)}:"
                    f" they are read once, as {former}"
                )
        if not places:
            del config.places[subset]


def _usual_places(listing: Listing) -> dict[str, list[Path]]:
    """Return where images are without a file that says so: images/train, train/images, images."""
    top = wrapper(listing)
    for base in (f"{top}/images".lstrip("/"), top):
        start = f"{base}/" if base else ""
        tops = {
            folder[len(start) :].split("/")[0]
            for folder in listing.folders
            if folder.startswith(start) and folder != start
        }
        named = sorted(top for top in tops if top and is_subset(top))
        named = [top for top in named if any(below(listing.images, f"{start}{top}"))]
        if named:
            found = {}
            for top in named:
                found[printable(top)] = [listing.root / _images_in(listing, f"{start}{top}")]
            return found
    return {"": [listing.root / _images_in(listing, top)]}


def _images_in(listing: Listing, folder: str) -> str:
    """Return the folder `images` in a folder, whatever its case, or the folder."""
    paths = (f"{folder}/{name}".lstrip("/") for name in ("images", "Images", "IMAGES"))
    return next(filter(listing.has_folder, paths), folder)
