"""One COCO annotation file, parsed and checked."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from hamsight_core.items import Box, Category
from hamsight_ingest.listing import printable
from hamsight_ingest.readers.annotated import turned
from hamsight_ingest.readers.coco_masks import around
from hamsight_ingest.readers.json_files import parsed
from hamsight_ingest.readers.wrong import Notes, fail, valid_text

ImageId: TypeAlias = int | str

_LARGEST_ID = 10**15
_URLS = ("coco_url", "flickr_url", "url", "image_url", "path")


@dataclass(slots=True)
class Record:
    """What an annotation file says of one image."""

    key: ImageId
    file_name: str
    tags: dict[str, int] = field(default_factory=dict)
    boxes: list[Box] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)


def read(file: Path, notes: Notes) -> tuple[list[Record], list[Category]]:
    """Return what an annotation file says of each image, and its categories.

    Only categories whose id is a whole number of at most 15 digits are returned. An entry that
    cannot be read is refused in `notes`. Raises SourceError for a file that is no COCO.
    """
    return _File(file, notes).read()


def _without_segmentation(members: dict[str, Any]) -> dict[str, Any]:
    """Drop what is large and unused as soon as it is parsed; True says that it was there."""
    if members.get("bbox") and members.get("segmentation"):
        members["segmentation"] = True
    if "keypoints" in members:
        members["keypoints"] = bool(members["keypoints"])
    return members


class _File:
    def __init__(self, file: Path, notes: Notes) -> None:
        self._file, self._notes = file, notes
        self._shown = printable(file)
        self._content = self._parsed()
        self._lost: set[ImageId] = set()

    def read(self) -> tuple[list[Record], list[Category]]:
        records = self._images()
        labels = self._labels()
        for place, annotation in self._members("annotations"):
            with self._notes.refusing():
                self._add(place, self._object(place, annotation), records, labels)
        return list(records.values()), list(self._categories(labels))

    def _add(
        self,
        place: str,
        annotation: dict[str, Any],
        records: dict[ImageId, Record],
        labels: dict[ImageId, str],
    ) -> None:
        image_id = _known(self._key(annotation, "image_id", place), records)
        if image_id not in records:
            if image_id in self._lost:
                self._notes.add("annotations of images that are refused, left out", self._shown)
                return
            self._wrong(f"{place}.image_id", image_id, 'the "id" of one of "images"')
        record = records[image_id]
        if "caption" in annotation:
            caption = self._text(annotation, "caption", place).strip()
            record.captions += [caption] if caption else []
        elif "category_id" in annotation:
            label = self._label(annotation, labels, place)
            box = self._box(annotation, label, place)
            record.tags[label] = record.tags.get(label, 0) + 1
            if box is not None:
                record.boxes.append(box)
        else:
            fail(self._file, place, 'it has neither "category_id" nor "caption"')
        self._notes.taken += 1

    def _categories(self, labels: dict[ImageId, str]) -> Iterator[Category]:
        members = self._content.get("categories") or []
        above = {}
        for one in members if isinstance(members, list) else []:
            if isinstance(one, dict) and isinstance(one.get("supercategory"), str):
                above[str(one.get("id"))] = valid_text(one["supercategory"])
        for key, label in labels.items():
            if isinstance(key, int) and abs(key) < _LARGEST_ID:
                yield Category(label, key, above.get(str(key), ""))

    def _images(self) -> dict[ImageId, Record]:
        """Return a record for each image, by its id."""
        records: dict[ImageId, Record] = {}
        names: dict[str, ImageId] = {}
        for place, member in self._members("images"):
            with self._notes.refusing():
                image = self._object(place, member)
                key = self._key(image, "id", place)
                self._lost.add(key)
                name = self._name(image, place)
                if not name:
                    self._wrong(f"{place}.file_name", name, "the path of an image")
                if key in records:
                    if records[key].file_name == name:
                        self._notes.add("images named twice in a file, read once", self._shown)
                        continue
                    self._wrong(
                        f"{place}.id", key, "ids that differ: an earlier image has this one"
                    )
                if names.setdefault(name, key) != key:
                    words = "images of one name and several ids are one image"
                    self._notes.add(words, f"{self._shown}: {place}")
                records[key] = Record(key, name)
                self._notes.taken += 1
        return records

    def _name(self, image: dict[str, Any], place: str) -> str:
        name = image.get("file_name")
        if name is None or name == "":
            for key in _URLS:
                if isinstance(image.get(key), str) and image[key]:
                    words = "images without file_name are named by their URL or path"
                    self._notes.add(words, f"{self._shown}: {place}")
                    return valid_text(image[key])
        return self._text(image, "file_name", place).replace("\\", "/").removeprefix("./")

    def _labels(self) -> dict[ImageId, str]:
        labels: dict[ImageId, str] = {}
        if "categories" not in self._content:
            return labels
        for place, member in self._members("categories"):
            with self._notes.refusing():
                category = self._object(place, member)
                key = self._key(category, "id", place)
                name = self._text(category, "name", place).strip()
                if labels.setdefault(key, name) != name:
                    words = f"ids that differ: {labels[key]!r} has this one"
                    self._wrong(f"{place}.id", key, words)
        return labels

    def _label(self, annotation: dict[str, Any], labels: dict[ImageId, str], place: str) -> str:
        key = self._key(annotation, "category_id", place)
        if not labels:
            self._notes.add("labels are the numbers of classes, as no names are given", self._shown)
            return str(key)
        key = _known(key, labels)
        if key not in labels:
            self._wrong(f"{place}.category_id", key, 'the "id" of one of "categories"')
        return labels[key]

    def _box(self, annotation: dict[str, Any], label: str, place: str) -> Box | None:
        bbox, where = annotation.get("bbox"), f"{self._shown}: {place}"
        if annotation.get("keypoints"):
            self._notes.add("keypoints are not read, their boxes are", where)
        if bbox:
            if annotation.get("segmentation"):
                self._notes.add("segments are not read, their boxes are", where)
            if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_number, bbox)):
                self._wrong(f"{place}.bbox", bbox, "4 numbers: x, y, width, height")
            x, y, width, height = map(float, bbox)
            return Box(label, *turned((x, y, width, height), self._notes, where))
        found = around(annotation.get("segmentation"))
        if found is not None:
            self._notes.add("annotations without a box get one around their polygon", where)
            return Box(label, *found)
        if annotation.get("segmentation"):
            self._notes.add("annotations whose segments give no box are tags without one", where)
        elif bbox is not None:
            self._notes.add("annotations with an empty box are tags without one", where)
        return None

    def _parsed(self) -> dict[str, Any]:
        content = parsed(self._file, _without_segmentation)
        if not isinstance(content, dict):
            fail(self._file, "", 'expected an object with "images" and "annotations"')
        return content

    def _members(self, key: str) -> Iterator[tuple[str, Any]]:
        """Yield (place, member) of the list `key`."""
        members = self._content.get(key)
        if key not in self._content:
            fail(self._file, "", f'the key "{key}" is missing; expected a list')
        if not isinstance(members, list):
            self._wrong(key, members, "a list")
        for index, member in enumerate(members):
            yield f"{key}[{index}]", member

    def _object(self, place: str, member: Any) -> dict[str, Any]:
        return member if isinstance(member, dict) else self._wrong(place, member, "an object")

    def _value(self, member: dict[str, Any], key: str, place: str) -> Any:
        if key not in member:
            fail(self._file, place, f'the key "{key}" is missing')
        return member[key]

    def _key(self, member: dict[str, Any], key: str, place: str) -> ImageId:
        value = self._value(member, key, place)
        if isinstance(value, float) and value.is_integer():
            self._notes.add("ids written as 1.0 are read as 1", self._shown)
            return int(value)
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            self._wrong(f"{place}.{key}", value, "an integer or a string")
        return value if isinstance(value, int) else valid_text(value)

    def _text(self, member: dict[str, Any], key: str, place: str) -> str:
        value = self._value(member, key, place)
        if not isinstance(value, str):
            self._wrong(f"{place}.{key}", value, "a string")
        return valid_text(value)

    def _wrong(self, place: str, value: object, expected: str) -> NoReturn:
        shown = valid_text(json.dumps(value, ensure_ascii=False))
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        fail(self._file, f"{place} = {shown}", f"expected {expected}")


def _known(key: ImageId, known: dict[ImageId, Any]) -> ImageId:
    """Return an id as a list has it, where one of them is a number and the other its text."""
    if key in known:
        return key
    if isinstance(key, int):
        return str(key) if str(key) in known else key
    return int(key) if key.isdecimal() and len(key) < 16 and int(key) in known else key


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
