"""Pascal VOC: an XML file for each image, and text files that say which images a subset has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hamsight_core.errors import SourceError
from hamsight_core.items import Box, Item
from hamsight_ingest.readers.annotated import (
    AnnotatedSource,
    Notes,
    absolute,
    fail,
    folders_in,
    has_file,
    id_of,
    read_text,
)
from hamsight_ingest.readers.folder import printable, split_subset, uri_of, walk
from hamsight_ingest.readers.xml_elements import Element, read_elements, root_tag
from hamsight_ingest.source import ReadOptions

_LOOKED_FOR = (
    "Annotations/*.xml with the root element annotation, beside JPEGImages and ImageSets/Main;"
    " or such files beside the images"
)
_IMAGE_FOLDERS = ("JPEGImages", "images", "Images")
_FLAGS = ("difficult", "truncated", "occluded")
_FIRST_SETS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a VOC dataset has its images and its XML files; the same folder where both mix."""

    root: Path
    images: Path
    annotations: Path


def _is_xml(name: str) -> bool:
    return name.lower().endswith(".xml")


def _has_annotations(folder: Path) -> bool:
    return has_file(folder, ".xml", lambda file: root_tag(file) == "annotation")


def find(path: Path) -> list[Layout]:
    """Return the VOC datasets at `path`: one, or as many as VOCdevkit has, or none."""
    if not path.is_dir():
        return []
    folders = folders_in(path)
    for folder in folders:
        if folder.name.lower() == "annotations" and any(
            map(_has_annotations, [folder, *folders_in(folder)])
        ):
            images = (path / name for name in _IMAGE_FOLDERS)
            return [Layout(path, next(filter(Path.is_dir, images), path), folder)]
    if any(map(_has_annotations, [path, *folders])):
        return [Layout(path, path, path)]
    years = [folder for folder in folders if folder.name.startswith("VOC")]
    return [layout for folder in years for layout in find(folder)]


def _detected(layouts: list[Layout], path: Path) -> str:
    names = [printable(os.path.relpath(layout.annotations, path)) for layout in layouts]
    places = ["beside the images" if name == "." else f"in {name}" for name in names]
    return f"Pascal VOC annotations {' and '.join(places)}"


class VocSource(AnnotatedSource):
    """The images of a Pascal VOC dataset, each an item."""

    format = "voc"

    def __init__(self, path: Path, layout: Layout, options: ReadOptions) -> None:
        super().__init__(path, layout.root, options, _detected([layout], path))
        self._layout = layout
        self._mixed = layout.images == layout.annotations
        self.subsets_from = "" if self._mixed else "ImageSets/Main gives the subsets"

    def _items(self, notes: Notes, *, measure: bool) -> Iterator[Item]:
        images = self._found_images(notes)
        subsets = {} if self._mixed else _read_sets(self._layout.root, notes)
        unread: dict[str, None] = {}
        without = dict.fromkeys(images.values())
        stems = set(images)
        for parts in walk(self._layout.annotations, unread, _is_xml):
            file = self._layout.annotations.joinpath(*parts)
            annotation = _read(file, notes)
            if annotation is None:
                continue
            folder, stem = "/".join(parts[:-1]), os.path.splitext(parts[-1])[0]  # noqa: PTH122
            name = _image_name(images, folder, stem, annotation)
            without.pop(name, None)
            stems.add(_stem(name))
            yield self._item(name, subsets, annotation, notes)
        for name in without:
            yield self._item(name, subsets, None, notes)
        for words in unread:
            notes.add(words, printable(self._layout.annotations))
        for stem in subsets.keys() - stems:
            words = "names in ImageSets with neither an image nor an annotation, left out"
            notes.add(words, stem)

    def _found_images(self, notes: Notes) -> dict[str, str]:
        """Return the images by their path without extension, and by their path."""
        unread: dict[str, None] = {}
        images: dict[str, str] = {}
        for parts in walk(self._layout.images, unread):
            name = "/".join(parts)
            images[name] = name
            images.setdefault(_stem(name), name)
        for words in unread:
            notes.add(words, printable(self._layout.images))
        return images

    def _item(
        self, name: str, subsets: dict[str, str], annotation: Element | None, notes: Notes
    ) -> Item:
        uri = uri_of(os.path.join(self._layout.images, name))  # noqa: PTH118
        if self._mixed:
            subset, rest = split_subset(tuple(name.split("/")), self._options)
            name = "/".join(rest)
        else:
            subset = subsets.get(_stem(name), "")
        tags: dict[str, int] = {}
        boxes, attributes = [], {}
        objects = [] if annotation is None else annotation.all("object")
        for one in objects:
            box = _box(one, notes)
            boxes.append(box)
            tags[box.label] = tags.get(box.label, 0) + 1
        for flag in _FLAGS:
            number = sum(any(e.text == "1" for e in one.all(flag)) for one in objects)
            if number:
                attributes[flag] = str(number)
        return Item(
            id=printable(name),
            uri=uri,
            subset=subset,
            tags=tags,
            boxes=tuple(boxes),
            attributes=attributes,
        )


def _stem(name: str) -> str:
    return os.path.splitext(name)[0]  # noqa: PTH122


def _image_name(images: dict[str, str], folder: str, stem: str, annotation: Element) -> str:
    """Return the image of an XML file: of the same name, else the one that it names."""
    named = [id_of(one.text).rpartition("/")[2] for one in annotation.all("filename")]
    file_name = next(filter(None, named), f"{stem}.jpg")
    within = f"{folder}/" if folder else ""
    extension = os.path.splitext(file_name)[1]  # noqa: PTH122
    for candidate in (f"{stem}{extension}", stem, file_name):
        if within + candidate in images:
            return images[within + candidate]
    return within + file_name


def _read(file: Path, notes: Notes) -> Element | None:
    """Return the annotation in a file, or None with a note where it is XML of another kind."""
    if root_tag(file) not in ("annotation", None):
        notes.add("XML files whose root element is not annotation, left out", printable(file))
        return None
    (annotation,) = read_elements(file, "annotation", frozenset({"annotation"}))
    return annotation


def _box(one: Element, notes: Notes) -> Box:
    """Return the box of an object, from VOC's pixels, counted from 1 with both ends, to edges."""
    label = one.child("name").text
    if not label:
        one.child("name").wrong("empty; expected the name of a class")
    bounding = one.child("bndbox")
    names = ("xmin", "ymin", "xmax", "ymax")
    left, top, right, bottom = (bounding.child(name).number() for name in names)
    if right < left or bottom < top:
        bounding.wrong(
            f"{left:g}, {top:g} to {right:g}, {bottom:g}; expected xmax >= xmin and ymax >= ymin"
        )
    place = f"{printable(one.file)}:{one.line}"
    if min(left, top) < 1:
        notes.add("boxes that begin before pixel 1, VOC's first; read as VOC's all the same", place)
    if one.all("part"):
        notes.add("parts of objects are not read", place, len(one.all("part")))
    return Box(label, left - 1, top - 1, right - left + 1, bottom - top + 1)


def _read_sets(root: Path, notes: Notes) -> dict[str, str]:
    """Return the subset of each image that ImageSets names, by its path without extension."""
    folder = next(filter(Path.is_dir, (root / "ImageSets" / "Main", root / "ImageSets")), None)
    try:
        files = [] if folder is None else list(folder.glob("*.txt"))
    except OSError as error:
        fail(root / "ImageSets", "", f"cannot be read: {error.strerror or error}")
    subsets: dict[str, str] = {}
    order = {name: place for place, name in enumerate(_FIRST_SETS)}
    for file in sorted(files, key=lambda file: (order.get(file.stem, len(order)), file.name)):
        names = [line.strip() for line in read_text(file).split("\n") if line.strip()]
        if names and all(name.endswith((" 1", " 0", "-1")) for name in names):
            notes.add("sets of one class in ImageSets are not subsets, left out", printable(file))
            continue
        for name in names:
            if subsets.setdefault(name, file.stem) != file.stem:
                words = (
                    "names in more than one set of ImageSets; an image is of the first that has"
                    " it of train, val, test and then the others by name"
                )
                notes.add(words, printable(file))
    return subsets


class VocReader:
    """Pascal VOC datasets."""

    name = "voc"
    description = _LOOKED_FOR
    carries = frozenset({"subsets", "tags", "boxes"})

    def detect(self, path: Path) -> str | None:
        """Return where the annotations are, or None where there are none."""
        layouts = find(path)
        return _detected(layouts, path) if layouts else None

    def open(self, path: Path, options: ReadOptions) -> VocSource:
        """Return the dataset, its annotations read and checked.

        Raises SourceError where there is none, more than one, or a file of it is wrong.
        """
        path = absolute(path)
        layouts = find(path)
        if not layouts:
            raise SourceError(f"{printable(path)}: no Pascal VOC dataset; looked for {_LOOKED_FOR}")
        if len(layouts) > 1:
            names = " or ".join(printable(layout.root) for layout in layouts)
            raise SourceError(f"{printable(path)}: {len(layouts)} datasets; give {names}")
        source = VocSource(path, layouts[0], options)
        source.check()
        return source
