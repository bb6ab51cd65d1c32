"""What a YOLO dataset says of itself: class names, and where the images of each subset are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hamsight_core.errors import SourceError
from hamsight_ingest.readers.annotated import fail, read_text, shown, valid_text
from hamsight_ingest.readers.folder import printable
from hamsight_ingest.source import SUBSET_NAMES

LOOKED_FOR = (
    "*.yaml with names and train, val or test; *.data with names and train;"
    " obj.names or classes.txt beside labels"
)
NAMES_FILES = ("obj.names", "classes.txt")
"""Files with the name of a class a line."""

_KEYS = ("train", "val", "valid", "test")
_NAMES_KEY = re.compile(rb"^[\"']?names[\"']?\s*:", re.MULTILINE)
_SUBSET_KEY = re.compile(rb"^[\"']?(train|val|test)[\"']?\s*:", re.MULTILINE)
_LABEL_LINE = re.compile(r"\s*\d+(\s+[-+.\deE]+){4,}\s*$")
_LARGEST = 16 * 1024 * 1024
_ABSENT = ("", "~", "null", "Null", "NULL")


@dataclass
class Config:
    """`places` are folders of images and .txt lists of them, by subset; `root` is the dataset's.

    `keypoints` is how many numbers follow the box in a line of labels, None where the dataset
    has no keypoints.
    """

    file: Path
    root: Path
    names: dict[int, str]
    places: dict[str, list[Path]] = field(default_factory=dict)
    keypoints: int | None = None
    notes: list[str] = field(default_factory=list)


def find(path: Path) -> Path | None:
    """Return the file that describes the YOLO dataset at `path`, or None where there is none."""
    if os.path.isfile(path):  # noqa: PTH113 - never raises
        is_one = _is_yaml(path) or path.suffix.lower() == ".data"
        return path if is_one else None
    try:
        files = sorted(Path(entry.path) for entry in os.scandir(path) if entry.is_file())
    except OSError:
        return None
    yamls = [file for file in files if _is_yaml(file)]
    if yamls:
        return min(yamls, key=lambda file: file.name not in ("data.yaml", "dataset.yaml"))
    darknet = [file for file in files if file.suffix.lower() == ".data"]
    if darknet:
        return darknet[0]
    names = [file for file in files if file.name in NAMES_FILES]
    return names[0] if names and _has_labels(path, files) else None


def read(file: Path) -> Config:
    """Read what `find` found. Raises SourceError naming the place and what was expected."""
    if file.suffix.lower() in (".yaml", ".yml"):
        config = _from_yaml(file)
    elif file.suffix.lower() == ".data":
        config = _from_darknet(file)
    else:
        return Config(file, file.parent, _names_of_lines(file), _usual_places(file.parent))
    _once(config)
    return config


def _is_yaml(file: Path) -> bool:
    if file.suffix.lower() not in (".yaml", ".yml"):
        return False
    try:
        with file.open("rb") as opened:
            text = opened.read(_LARGEST)
    except OSError:
        return False
    return bool(_NAMES_KEY.search(text) and _SUBSET_KEY.search(text))


def _has_labels(root: Path, files: Iterable[Path]) -> bool:
    """Return whether there are labels, as class names alone are in datasets of every format."""
    if any(root.glob("labels/")) or any(root.glob("*/labels/")):
        return True
    texts = (file for file in files if file.suffix == ".txt" and file.name not in NAMES_FILES)
    first = next(texts, None)
    if first is None:
        return False
    try:
        with first.open(encoding="utf-8", errors="replace") as opened:
            return bool(_LABEL_LINE.match(opened.readline(4096)))
    except OSError:
        return False


def _from_yaml(file: Path) -> Config:
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
    base = content.get("path", "")
    if not isinstance(base, str):
        fail(file, "path", "expected text, the dataset's folder")
    below = file.parent / ("" if base in _ABSENT else base)
    root = below if os.path.isdir(below) else file.parent  # noqa: PTH112 - never raises
    config = Config(file, root, _names(file, content.get("names")))
    config.keypoints = _keypoints(file, content)
    nc = content.get("nc", str(len(config.names)))
    if nc != str(len(config.names)):
        words = shown(nc) if isinstance(nc, str) else "no number"
        config.notes.append(f"nc is {words}, but there are {len(config.names)} names")
    _find_places(config, {key: content.get(key) for key in _KEYS}, [root, file.parent])
    return config


def _from_darknet(file: Path) -> Config:
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
    config = Config(file, file.parent, _names_of_lines(names))
    _find_places(config, {key: content.get(key) for key in _KEYS}, bases)
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


def _find_places(config: Config, entries: dict[str, Any], bases: list[Path]) -> None:
    missing = []
    for subset, entry in entries.items():
        for text in entry if isinstance(entry, list) else [entry]:
            if text is None or (isinstance(text, str) and text.strip() in _ABSENT):
                continue
            if not isinstance(text, str):
                fail(config.file, subset, "expected a folder, a .txt list of images, or some")
            place = _existing(text, bases)
            if place is None:
                missing.append(f"{subset}: {shown(text)} is not there")
            elif not place.is_dir() and not (place.suffix == ".txt" and place.is_file()):
                words = f"{shown(text)}; expected a folder or a .txt list of images"
                fail(config.file, subset, words)
            else:
                config.places.setdefault(subset, []).append(place)
    if not config.places:
        bases_text = " and ".join(dict.fromkeys(map(printable, bases)))
        fail(
            config.file,
            "; ".join(missing),
            f"expected train, val or test to name images; looked in {bases_text}",
        )
    config.notes += [f"{words}: left out" for words in missing]


def _existing(text: str, bases: list[Path]) -> Path | None:
    """Return what a path in the file names, as it is or without its first part.

    Files that were moved say ../train/images or data/train.txt for what is beside them now.
    """
    text = text.strip().replace("\\", "/")
    for candidate in (text, text.partition("/")[2]):
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


def _usual_places(root: Path) -> dict[str, list[Path]]:
    """Return where images are without a file that says so: images/train, train/images, images."""
    for base in (root / "images", root):
        try:
            folders = sorted(base.iterdir()) if base.is_dir() else []
        except OSError as error:
            fail(base, "", f"cannot be read: {error.strerror or error}")
        named = [one for one in folders if one.name.lower() in SUBSET_NAMES and one.is_dir()]
        if named:
            return {
                printable(one.name): [one / "images" if (one / "images").is_dir() else one]
                for one in named
            }
    return {"": [root / "images" if (root / "images").is_dir() else root]}


def not_found(path: Path) -> SourceError:
    """Return the error for a path without a YOLO dataset."""
    return SourceError(f"{printable(path)}: no YOLO dataset; looked for {LOOKED_FOR}")
