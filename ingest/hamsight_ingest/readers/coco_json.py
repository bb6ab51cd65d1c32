"""One COCO annotation file, parsed and checked."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from hamsight_core.errors import SourceError
from hamsight_core.items import Box, Category
from hamsight_ingest.readers.annotated import valid_text
from hamsight_ingest.readers.folder import printable

ImageId: TypeAlias = int | str

_LARGEST_ID = 10**15


@dataclass(slots=True)
class Record:
    """What annotation files say of one image."""

    file_name: str
    tags: dict[str, int] = field(default_factory=dict)
    boxes: list[Box] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)


def read(file: Path, records: dict[ImageId, Record]) -> list[Category]:
    """Add what an annotation file says to `records`, by image id; return its categories.

    Only categories whose id is a whole number of at most 15 digits are returned. A box that an
    earlier file of the same images already gave (instances and person_keypoints share theirs) is
    counted once. Raises SourceError naming the file, the place in it and what was expected.
    """
    return _File(file).add_to(records)


def _without_segmentation(members: dict[str, Any]) -> dict[str, Any]:
    """Drop what is large and unused as soon as it is parsed."""
    members.pop("segmentation", None)
    members.pop("keypoints", None)
    return members


class _File:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._content = self._parsed()

    def add_to(self, records: dict[ImageId, Record]) -> list[Category]:
        known = {key: len(record.boxes) for key, record in records.items()}
        here = self._add_images(records)
        labels = self._labels()
        for place, annotation in self._members("annotations"):
            image_id = self._key(annotation, "image_id", place)
            if image_id not in here:
                self._wrong(f"{place}.image_id", image_id, 'the "id" of one of "images"')
            record = records[image_id]
            if "caption" in annotation:
                record.captions.append(self._text(annotation, "caption", place))
            elif "category_id" in annotation:
                label = self._label(annotation, labels, place)
                box = self._box(annotation, label, place)
                if box is not None and box in record.boxes[: known.get(image_id, 0)]:
                    continue
                record.tags[label] = record.tags.get(label, 0) + 1
                if box is not None:
                    record.boxes.append(box)
            else:
                self._fail(place, 'it has neither "category_id" nor "caption"')
        return list(self._categories(labels))

    def _categories(self, labels: dict[ImageId, str]) -> Iterator[Category]:
        for _, category in self._members("categories") if labels else ():
            key, above = category["id"], category.get("supercategory")
            if isinstance(key, int) and abs(key) < _LARGEST_ID:
                yield Category(
                    labels[key], key, valid_text(above) if isinstance(above, str) else ""
                )

    def _add_images(self, records: dict[ImageId, Record]) -> set[ImageId]:
        """Add a record for each new image and return the ids of this file's images."""
        here: dict[ImageId, str] = {}
        names = {record.file_name: key for key, record in records.items()}
        for place, image in self._members("images"):
            key = self._key(image, "id", place)
            name = self._text(image, "file_name", place)
            name = name.replace("\\", "/").removeprefix("./")
            if not name:
                self._wrong(f"{place}.file_name", name, "the path of an image")
            if key in here:
                self._wrong(f"{place}.id", key, "ids that differ: an earlier image has this one")
            here[key] = name
            if names.setdefault(name, key) != key:
                self._wrong(
                    f"{place}.file_name",
                    name,
                    f"names that differ: the image of id {names[name]!r} has this one",
                )
            earlier = records.setdefault(key, Record(name)).file_name
            if earlier != name:
                self._wrong(
                    f"{place}.id",
                    key,
                    f"ids that differ: another file of this subset has this one for {earlier!r}",
                )
        return set(here)

    def _labels(self) -> dict[ImageId, str]:
        if "categories" not in self._content:
            return {}
        labels: dict[ImageId, str] = {}
        for place, category in self._members("categories"):
            key = self._key(category, "id", place)
            name = self._text(category, "name", place)
            if labels.setdefault(key, name) != name:
                self._wrong(f"{place}.id", key, f"ids that differ: {labels[key]!r} has this one")
        return labels

    def _label(self, annotation: dict[str, Any], labels: dict[ImageId, str], place: str) -> str:
        key = self._key(annotation, "category_id", place)
        if key not in labels:
            self._wrong(f"{place}.category_id", key, 'the "id" of one of "categories"')
        return labels[key]

    def _box(self, annotation: dict[str, Any], label: str, place: str) -> Box | None:
        if "bbox" not in annotation:
            return None
        bbox = annotation["bbox"]
        if not isinstance(bbox, list) or len(bbox) != 4 or not all(map(_is_number, bbox)):
            self._wrong(f"{place}.bbox", bbox, "4 numbers: x, y, width, height")
        return Box(label, *map(float, bbox))

    def _parsed(self) -> dict[str, Any]:
        try:
            text = self._file.read_text(encoding="utf-8-sig")
            content = json.loads(text, object_hook=_without_segmentation)
        except json.JSONDecodeError as error:
            self._fail(f"line {error.lineno}, column {error.colno}", f"not JSON: {error.msg}")
        except UnicodeDecodeError as error:
            self._fail(f"byte {error.start}", "not UTF-8 text")
        except (RecursionError, ValueError) as error:
            self._fail("", f"not JSON that can be read: {error}")
        except OSError as error:
            self._fail("", f"cannot be read: {error.strerror or error}")
        if not isinstance(content, dict):
            self._fail("", 'expected an object with "images" and "annotations"')
        return content

    def _members(self, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (place, member) of the list `key`, each checked to be an object."""
        members = self._content.get(key)
        if key not in self._content:
            self._fail("", f'the key "{key}" is missing; expected a list')
        if not isinstance(members, list):
            self._wrong(key, members, "a list")
        for index, member in enumerate(members):
            place = f"{key}[{index}]"
            if not isinstance(member, dict):
                self._wrong(place, member, "an object")
            yield place, member

    def _value(self, member: dict[str, Any], key: str, place: str) -> Any:
        if key not in member:
            self._fail(place, f'the key "{key}" is missing')
        return member[key]

    def _key(self, member: dict[str, Any], key: str, place: str) -> ImageId:
        value = self._value(member, key, place)
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
        self._fail(f"{place} = {shown}", f"expected {expected}")

    def _fail(self, place: str, words: str) -> NoReturn:
        raise SourceError(": ".join(filter(None, (printable(self._file), place, words))))


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
