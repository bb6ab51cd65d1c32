"""JSON lists of images as OpenMMLab's tools and BDD100K write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hamsight_ingest.listing import printable
from hamsight_ingest.readers.entries import Entry, Sides
from hamsight_ingest.readers.json_entries import JsonEntriesReader
from hamsight_ingest.readers.wrong import Notes, fail, finite, shown, valid_text

_IMAGE = ("img_path", "filename", "file_name", "name")


class OpenMmlabReader(JsonEntriesReader):
    """OpenMMLab's data_list and its older list of `ann`; BDD100K's list of `labels`."""

    name = "openmmlab"
    description = "*.json of OpenMMLab (data_list, or a list with ann) or BDD100K (labels, box2d)"
    marks = ((b'"data_list"',), (b'"ann"',), (b'"box2d"',))

    def fits(self, content: Any) -> bool:
        """Return whether a content is such a list."""
        images = _images(content)
        first = images[0] if images else None
        return (
            isinstance(first, dict)
            and any(isinstance(first.get(key), str) for key in _IMAGE)
            and any(key in first for key in ("instances", "ann", "labels", "gt_label"))
        )

    def read(self, file: str, content: Any, notes: Notes) -> Iterator[Entry]:
        """Yield what a file says of each image; what cannot be read is refused."""
        classes = _classes(content)
        for index, image in enumerate(_images(content)):
            with notes.refusing():
                place = f"[{index}]"
                found = (image.get(key) for key in _IMAGE) if isinstance(image, dict) else ()
                name = next((one for one in found if isinstance(one, str) and one), None)
                if name is None:
                    fail(file, place, f"{shown(image)}; expected the path of an image")
                entry = Entry(name, f"{printable(file)}: {place}")
                for number, (label, box) in enumerate(_said(image)):
                    with notes.refusing():
                        where = f"{place}[{number}]"
                        _add(entry, label, box, classes, file, where, notes)
                yield entry


def _images(content: Any) -> list[Any]:
    if isinstance(content, dict):
        content = content.get("data_list") or content.get("frames")
    return content if isinstance(content, list) else []


def _classes(content: Any) -> list[Any]:
    about = content.get("metainfo") if isinstance(content, dict) else None
    found = about.get("classes") or about.get("CLASSES") if isinstance(about, dict) else None
    if isinstance(found, dict):
        found = list(found)
    return found if isinstance(found, list) else []


def _said(image: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Yield the label and the box, [x1, y1, x2, y2], of each object."""
    instances, old = image.get("instances"), image.get("ann")
    for one in instances if isinstance(instances, list) else []:
        if isinstance(one, dict):
            yield one.get("bbox_label", one.get("label")), one.get("bbox")
    if isinstance(old, dict):
        boxes, labels = old.get("bboxes") or [], old.get("labels") or []
        if isinstance(boxes, list) and isinstance(labels, list):
            yield from zip(labels, boxes)  # noqa: B905 - as many as both have
    labels = image.get("labels")
    for one in labels if isinstance(labels, list) else []:
        if isinstance(one, dict):
            box = one.get("box2d")
            sides = (
                [box.get(k) for k in ("x1", "y1", "x2", "y2")] if isinstance(box, dict) else None
            )
            yield one.get("category"), sides
    if image.get("gt_label") is not None:
        given = image["gt_label"]
        for label in given if isinstance(given, list) else [given]:
            yield label, None


def _add(
    entry: Entry, label: Any, box: Any, classes: list[Any], file: str, place: str, notes: Notes
) -> None:
    if isinstance(label, int) and not isinstance(label, bool) and 0 <= label < len(classes):
        label = classes[label]
    if isinstance(label, bool) or not isinstance(label, (str, int)):
        fail(file, place, f"{shown(label)}; expected a class")
    text = valid_text(str(label))
    if box is None:
        entry.tag(text)
        return
    numbers = [finite(value) for value in box] if isinstance(box, list) else []
    known = [number for number in numbers if number is not None]
    if len(known) < 4:
        fail(file, place, f"{shown(box)}; expected 4 numbers: x1, y1, x2, y2")
    left, top, right, bottom = known[:4]
    sides: Sides = (left, top, right - left, bottom - top)
    entry.box(text, sides, notes)
